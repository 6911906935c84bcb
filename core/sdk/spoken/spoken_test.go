package spoken

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0:                              {"0 ms", "0 s"},
		310 * time.Microsecond:         {"0.3 ms", "0 s"},
		8 * time.Millisecond:           {"8 ms", "0 s"},
		841 * time.Millisecond:         {"841 ms", "1 s"},
		999600 * time.Microsecond:      {"1 s", "1 s"},
		1500 * time.Millisecond:        {"1.5 s", "2 s"},
		10 * time.Second:               {"10 s", "10 s"},
		59970 * time.Millisecond:       {"1 min", "1 min"},
		4 * time.Minute:                {"4 min", "4 min"},
		5*time.Minute + 12*time.Second: {"5 min 12 s", "5 min 12 s"},
		84 * time.Minute:               {"1 h 24 min", "1 h 24 min"},
		50 * time.Hour:                 {"2 d 2 h", "2 d 2 h"},
		-2 * time.Second:               {"-2 s", "0 s"},
	} {
		if got := [2]string{Duration(d), Age(d)}; got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
