package upsserial

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// TestAnswers of real devices, as documents and users show them.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		protocol string
		answers  []string // to the state's questions
		power    sdk.Power
		wants    values
	}{
		{"apcsmart", []string{"08", "00"}, sdk.PowerOn, nil},
		{"apcsmart", []string{"50", "00"}, sdk.PowerOn, nil},
		{"apcsmart", []string{"00", "40"}, sdk.PowerOff, nil},
		{"apcsmart", []string{"80", "40"}, sdk.PowerOff, nil},
		{"apcsmart", []string{"00", "80"}, sdk.PowerUnknown, nil}, // comes back with mains
		{"apcsmart", []string{"00", "C0"}, sdk.PowerUnknown, nil},
		{"apcsmart", []string{"00", "00"}, sdk.PowerUnknown, nil},
		{"apcsmart", []string{"08", "40"}, sdk.PowerUnknown, nil}, // they contradict each other
		{"megatec", []string{"(208.4 140.0 208.4 034 59.9 2.05 35.0 00110000"}, sdk.PowerOn, values{
			"input_volts": 208.4, "output_volts": 208.4, "load_ratio": 0.34, "battery_volts": 2.05, "battery_celsius": 35, "status": 0x30,
		}},
		{"megatec", []string{"(226.0 195.0 226.0 014 49.0 27.5 30.0 00001000"}, sdk.PowerOn, nil},
		{"megatec", []string{"(002.9 000.0 000.0 000 00.0 2.02 21.0 10000001"}, sdk.PowerOff, nil},
		{"megatec", []string{"(230.0 230.0 000.0 000 50.0 27.3 --.- 00001000"}, sdk.PowerOff, nil},
		{"megatec", []string{"(230.0 230.0 000.0 000 50.0 27.3 25.0 00001010"}, sdk.PowerUnknown, nil}, // counts down
		{"megatec", []string{"(230.0 230.0 000.0 014 50.0 27.3 25.0 00001000"}, sdk.PowerUnknown, nil}, // a load, and no voltage
		{"megatec", []string{"(230.0 230.0 000.0 000 50.0 27.3 25.0 00101000"}, sdk.PowerUnknown, nil}, // on bypass
		{"megatec", []string{"(230.0 230.0 045.0 000 50.0 27.3 25.0 00001000"}, sdk.PowerUnknown, nil}, // neither
	} {
		d, v := dialectNamed(test.protocol), values{}
		for i, q := range d.state {
			if err := q.parse(test.answers[i], v); err != nil {
				t.Error(err)
			}
		}
		if power := d.power(v, false); power != test.power || test.wants != nil && !maps.EqualFunc(v, test.wants, near) {
			t.Errorf("%s %q: %v, %v", test.protocol, test.answers, power, v)
		}
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

// TestWhatIsNoAnswer changes nothing and is named.
func TestWhatIsNoAnswer(t *testing.T) {
	for protocol, texts := range map[string][]string{
		"apcsmart": {"", "0", "8", "008", "SM", "NA", "0g", "40\x00", " 40", "4a"},
		"megatec": {
			"", "(", "Q1", "(ACK", "230.0 230.0 000.0 000 50.0 27.3 25.0 00001000", "(230.0 230.0 000.0 000 50.0 27.3 25.0 0000100",
			"(230.0 230.0 000.0 000 50.0 27.3 25.0 00001002", "(230.0 230.0 00.00 000 50.0 27.3 25.0 00001000", "(230.0 230.0 000.0 00 50.0 27.3 25.0 00001000",
			"(230.0 230.0 ---.- 000 50.0 27.3 25.0 00001000", "(230.0 230.0 000.0 --- 50.0 27.3 25.0 00001000", "(230.0 230.0 000.0 000 50.0 27.3 25.0 00001000 1",
		},
	} {
		for _, text := range texts {
			v := values{}
			if err := dialectNamed(protocol).state[0].parse(text, v); !errors.Is(err, errGarbled) || len(v) > 0 {
				t.Errorf("%s %q: %v, %v", protocol, text, err, v)
			}
		}
	}
}

// TestEverySingleBitMatters: no answer of a device that is on can be made a reading of
// off by one bit that changes on the way, and for Megatec by none of two either.
func TestEverySingleBitMatters(t *testing.T) {
	for protocol, answers := range map[string][]string{
		"apcsmart": {"08", "00"}, "megatec": {"(230.4 195.0 230.4 014 50.0 27.5 30.0 00001000"},
	} {
		d := dialectNamed(protocol)
		for i := range answers {
			for bit := range len(answers[i]) * 8 {
				said := slices.Clone(answers)
				bad := []byte(said[i])
				bad[bit/8] ^= 1 << (bit % 8)
				said[i] = string(bad)
				v := values{}
				faulty := false
				for n := range d.state {
					faulty = d.state[n].parse(said[n], v) != nil || faulty
				}
				if !faulty && d.power(v, true) == sdk.PowerOff {
					t.Errorf("%s: %q reads off", protocol, said)
				}
			}
		}
	}
}

func TestDelays(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "S00R0000", 12 * time.Second: "S.2R0000", 54 * time.Second: "S.9R0000", time.Minute: "S01R0000", 10 * time.Minute: "S10R0000",
	} {
		if got := order(dialectNamed("megatec").switchOff, d); len(got) != 1 || got[0].text != want {
			t.Errorf("%v: %+v, want %s", d, got, want)
		}
	}
}

// FuzzAnswers: no answer makes a parser panic, grow, or take a number from what is not
// of its form; and off is read from nothing but the answers that say so.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{"08", "40", "100.0", "0045:", "SM", "NA", "(230.4 195.0 000.0 000 50.0 27.5 30.0 00001000", "#230.0 003 024.0 50.0", "(---.- ---.- 230.0 014 --.- ----- --.- 00000000"} {
		f.Add(seed, seed)
	}
	f.Add("0", "\r")
	f.Fuzz(func(t *testing.T, one, two string) {
		for i := range dialects {
			d := &dialects[i]
			v := values{}
			for _, q := range slices.Concat(d.state, d.other, d.mix, []question{d.hello, d.model}) {
				for _, text := range []string{one, two} {
					if err := q.parse(text, v); err == nil && (len(text) > longest || strings.ContainsAny(text, "\r\n")) {
						t.Errorf("%q was taken", text)
					}
				}
			}
			for name, n := range d.told(v) {
				if n < -1000 || n > 1e6 || n != n {
					t.Errorf("%s reads %v", name, n)
				}
			}
			off := values{}
			whole := d.state[0].parse(one, off) == nil && (len(d.state) == 1 || d.state[1].parse(two, off) == nil)
			if d.power(off, true) != sdk.PowerOff {
				continue
			}
			if !whole || d.word == "apcsmart" && two[0] < '4' || d.word == "megatec" && !strings.Contains(one, " 000 ") {
				t.Errorf("%s: %q, %q read off", d.word, one, two)
			}
		}
	})
}
