package ctl

import (
	"testing"

	"github.com/storeward/storeward/core/internal/control"
)

// measured is what a quiet store with a slow serial line shows.
func measured() control.Timing {
	cable := control.LinkTiming{
		Link: "cable", Count: 25_214, P50: .0002, P99: .0031, P999: .004, Max: .011, Silent: .211, Answer: .205, Alone: .6,
	}
	lan, serial, all := cable, cable, cable
	lan.Link, lan.Lost, lan.Loss, lan.Outages = "lan", 12, .00048, 1
	serial.Link, serial.Count, serial.Lost, serial.Loss, serial.Silent, serial.Answer, serial.Alone = "serial", 12_607, 12_607, .5, .41, 1.05, 2.1
	all.Link = ""
	return control.Timing{
		Peer: "beta", Seconds: 5043, Now: control.TimingSetting{Interval: .2, Warntime: .5, Deadtime: 1},
		Links: []control.LinkTiming{cable, lan, serial}, Any: all,
		Advice: control.TimingAdvice{
			Given: true, TimingSetting: control.TimingSetting{Interval: .05, Warntime: .1, Deadtime: .2},
			Reasons: []string{"of 25214 beats 99.9 % came at most 4 ms late", "deadtime: four intervals"},
		},
	}
}

func TestTimingGolden(t *testing.T) {
	for name, change := range map[string]func(*control.Timing){
		"timing": func(*control.Timing) {},
		"timing-tight": func(t *control.Timing) {
			t.Any.Silent, t.Any.Alone = .62, 1.3
		},
		"timing-too-short": func(t *control.Timing) {
			t.Any.Silent, t.Any.Alone = 1.7, 3.4
		},
		"timing-too-few": func(t *control.Timing) {
			t.Any.Count, t.Any.Alone, t.Advice = 812, 0, control.TimingAdvice{Reasons: []string{"812 beats are too few"}}
			for i := range t.Links {
				t.Links[i].Count, t.Links[i].Alone = 812, 0
			}
		},
		"timing-nothing": func(t *control.Timing) {
			*t = control.Timing{Peer: "beta", Now: t.Now, Advice: control.TimingAdvice{Reasons: []string{"0 beats are too few"}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			timing := measured()
			change(&timing)
			code, printed := run(t, &fakeDaemon{timing: timing}, "timing")
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			golden(t, name, printed)
		})
	}
	_, printed := run(t, &fakeDaemon{timing: measured()}, "timing", "-o", "json")
	golden(t, "timing-json", printed)
}
