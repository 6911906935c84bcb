package engine

import (
	"testing"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/sdk"
)

// TestProbeNews: an alarm that was raised is cleared whatever came in between,
// and a store that opens tells nobody of what does not answer yet.
func TestProbeNews(t *testing.T) {
	const (
		u = sdk.Unknown
		o = sdk.OK
		g = sdk.Degraded
		d = sdk.Down
	)
	for name, c := range map[string]struct {
		found []sdk.Status
		told  []sdk.Status // Unknown: nothing
	}{
		"well":                    {[]sdk.Status{o, o, o}, []sdk.Status{o, u, u}},
		"opens":                   {[]sdk.Status{d, o, o}, []sdk.Status{u, o, u}},
		"broken from the start":   {[]sdk.Status{d, d, d}, []sdk.Status{u, d, u}},
		"fails at once":           {[]sdk.Status{o, d, d, o}, []sdk.Status{o, d, u, o}},
		"unknown hides nothing":   {[]sdk.Status{o, d, u, o}, []sdk.Status{o, d, u, o}},
		"unknown raises nothing":  {[]sdk.Status{o, u, u, o}, []sdk.Status{o, u, u, u}},
		"down, then only limping": {[]sdk.Status{o, d, g, o}, []sdk.Status{o, d, g, o}},
	} {
		one := &probe{}
		for i, found := range c.found {
			_, news := one.news(found)
			if news != (c.told[i] != u) || news && one.told != c.told[i] {
				t.Errorf("%s: finding %d (%v) told: %v, want %v", name, i, found, news, c.told[i])
			}
		}
	}
}

// TestProbeEventTellsTheNode: both nodes may run a probe of the same name, and what is
// degraded is not down.
func TestProbeEventTellsTheNode(t *testing.T) {
	e := &Engine{Options: Options{Node: "alpha"}}
	for status, kind := range map[sdk.Status]string{sdk.Degraded: api.KindProbeDegraded, sdk.Down: api.KindProbeDown} {
		event := probeEvent(e, &probeChange{name: "host", before: sdk.OK, result: sdk.Result{Status: status, Message: "the processors are busy"}})
		if event.GetKind() != kind || event.GetCondition() != api.ConditionUnwell || event.GetMessage() != "host on alpha: the processors are busy." {
			t.Errorf("%v is told as %v", status, event)
		}
	}
}
