package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/sdk"
)

// TestConditionsNeedTwoReadings: a single bad reading is no news, a single good one no
// end; what cannot be read neither begins nor ends anything but that.
func TestConditionsNeedTwoReadings(t *testing.T) {
	for name, c := range map[string]struct {
		found string // a reading each: "-" nothing wrong, "!" not to be read, else conditions
		told  string // what each told: "+key" begins, "-key" ends
		may   bool
	}{
		"well":                       {"- - -", ". . .", true},
		"a flicker":                  {"- b -", ". . .", true},
		"on battery":                 {"- b b b", ". . +b .", true},
		"mains return":               {"b b - -", ". +b . -b", true},
		"mains flicker":              {"b b - b b -", ". +b . . . .", true},
		"two things at once":         {"b,l b,l l l - -", ". +b,+l . -b . -l", true},
		"silence":                    {"! ! ! - -", ". +u . . -u", true},
		"one lost answer":            {"- ! - ! -", ". . . . .", true},
		"silence ends nothing":       {"b b ! ! b b", ". +b . +u . -u", true},
		"silence counts for nothing": {"b ! b", ". . +b", true},
		"another's device":           {"b b b -", ". . . .", false},
	} {
		d := &device{cfg: config.FenceDevice{Name: "ups"}, conditions: map[string]condition{}}
		told := strings.Fields(c.told)
		for i, found := range strings.Fields(c.found) {
			var reading sdk.Reading
			var err error
			switch found {
			case "-":
			case "!":
				err = errors.New("no answer")
			default:
				for key := range strings.SplitSeq(found, ",") {
					reading.Conditions = append(reading.Conditions, sdk.Condition{Key: key, Message: key + " holds"})
				}
			}
			changes, _ := d.judge(reading, err, c.may)
			var got []string
			for _, change := range changes {
				sign := map[bool]string{true: "+", false: "-"}[change.holds]
				got = append(got, sign+strings.Replace(change.key, api.ConditionUnhealthy, "u", 1))
			}
			if want := strings.Trim(told[i], "."); strings.Join(got, ",") != want {
				t.Errorf("%s: reading %d (%s) told %v, want %q", name, i, found, got, want)
			}
		}
	}
}

// TestToldConditionEndsWhoeverWatches: a node that is no longer the one to tell of a
// device ends what it told.
func TestToldConditionEndsWhoeverWatches(t *testing.T) {
	d := &device{cfg: config.FenceDevice{Name: "ups"}, conditions: map[string]condition{}}
	bad := sdk.Reading{Conditions: []sdk.Condition{{Key: "b", Message: "b holds"}}}
	d.judge(bad, nil, true)
	if _, doubt := d.judge(bad, nil, true); doubt {
		t.Error("what was told is doubted")
	}
	if _, doubt := d.judge(sdk.Reading{}, nil, false); !doubt {
		t.Error("an end is not looked at again soon")
	}
	changes, _ := d.judge(sdk.Reading{}, nil, false)
	if len(changes) != 1 || changes[0].holds || changes[0].message != "b holds" || len(d.conditions) != 0 {
		t.Errorf("changes %+v, %d conditions left", changes, len(d.conditions))
	}
}

// TestUPSOnBattery: the node that would use the device tells of it, with an alarm that
// ends and one small incident; the node that it feeds says nothing while it has a peer.
func TestUPSOnBattery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		alpha, beta := w.boot("alpha"), w.boot("beta")
		w.whole("alpha")
		w.complain("alpha", sdk.Condition{Key: api.ConditionOnBattery, Message: "the UPS runs on its battery"})
		w.until("beta tells", 10*time.Second, func() bool {
			return strings.Contains(beta.sink.kinds(), api.KindUPSOnBattery+" fence/ups-alpha")
		})
		if got := fmt.Sprint(beta.engine.clerk.alarms.list()); !strings.Contains(got, "fence/ups-alpha on-battery major ups-alpha: the UPS runs on its battery.") {
			t.Errorf("alarms of beta: %s", got)
		}
		if told, own := alarmsOf(beta.engine.PeerSide().News()), beta.engine.clerk.alarms.list(); len(told) != 1 || told[0].Message != own[0].Message || !told[0].Since.Equal(own[0].Since) {
			t.Errorf("beta tells its peer of the alarms %v", told)
		}
		<-time.After(20 * time.Second)
		incidents := beta.sink.all()
		if len(incidents) != 1 || incidents[0].GetKind() != api.IncidentDegraded || incidents[0].GetClosed() == nil || len(incidents[0].GetSnapshots()) == 0 {
			t.Errorf("incidents of beta: %v", incidents)
		}
		if kinds := alpha.sink.kinds(); strings.Contains(kinds, "fence/ups-alpha") {
			t.Errorf("alpha tells of the device that feeds it:\n%s", kinds)
		}
		w.complain("alpha")
		w.until("it ends", 10*time.Second, func() bool {
			return strings.Contains(beta.sink.kinds(), api.KindUPSOnMains+" fence/ups-alpha") && len(beta.engine.clerk.alarms.list()) == 0
		})
		if n := len(beta.sink.all()); n != 1 {
			t.Errorf("%d incidents of one power failure", n)
		}
	})
}

// TestLonelyNodeTellsOfItsOwnUPS: nobody else would.
func TestLonelyNodeTellsOfItsOwnUPS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.boot("alpha")
		beta := w.boot("beta")
		w.whole("alpha")
		w.stayOff()
		w.cut("alpha")
		w.until("beta serves", 5*time.Second, func() bool { return w.runs("beta", "db") })
		w.complain("beta", sdk.Condition{Key: "replace-battery", Message: "the battery needs to be replaced"})
		w.until("beta tells", 20*time.Second, func() bool {
			return strings.Contains(beta.sink.kinds(), api.KindFenceDegraded+" fence/ups-beta")
		})
	})
}

// TestDeviceLacksACondition only as far as it can be read.
func TestDeviceLacksACondition(t *testing.T) {
	well := sdk.Reading{Taken: 1}
	bad := sdk.Reading{Taken: 2, Conditions: []sdk.Condition{{Key: "b"}}}
	for name, c := range map[string]struct {
		readings []sdk.Reading // one that was not taken is an error
		slow     bool
		key      string
		want     bool
	}{
		"never read":             {nil, false, "b", false},
		"well":                   {[]sdk.Reading{bad, well}, false, "b", true},
		"it holds":               {[]sdk.Reading{well, bad}, false, "b", false},
		"another one holds":      {[]sdk.Reading{well, bad}, false, "c", true},
		"not to be read":         {[]sdk.Reading{well, {}}, false, api.ConditionUnhealthy, false},
		"what it was before":     {[]sdk.Reading{well, {}}, false, "b", false},
		"orders as configured":   {[]sdk.Reading{well}, false, "order-life", true},
		"orders take far longer": {[]sdk.Reading{well}, true, "order-life", false},
	} {
		e := &Engine{lives: newDeviceLives(time.Now)}
		e.Clock = Clock{Now: func() time.Duration { return time.Second }, Wall: time.Now}
		d := &device{e: e, cfg: config.FenceDevice{Name: "ups", OrderLife: config.Duration(time.Second)}}
		if c.slow {
			e.lives.declare("ups", sdk.Device{OrderLife: time.Minute})
		}
		for _, r := range c.readings {
			var err error
			if r.Taken == 0 {
				err = errors.New("no answer")
			}
			d.keep("", r, err)
		}
		if got := d.lacks(c.key); got != c.want {
			t.Errorf("%s: %s is lacking: %v", name, c.key, got)
		}
	}
}

// TestRestartingPluginSaysNothingOfItsDevice.
func TestRestartingPluginSaysNothingOfItsDevice(t *testing.T) {
	e := &Engine{}
	d := &device{e: e, cfg: config.FenceDevice{Name: "ups"}, conditions: map[string]condition{}}
	for range 5 {
		if d.tellChanges(sdk.Reading{}, fmt.Errorf("%w: %w", ErrPluginAway, context.Canceled)) || len(d.conditions) != 0 {
			t.Fatal("a restart of the plugin was taken for the device's trouble")
		}
	}
}
