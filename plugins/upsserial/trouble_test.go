package upsserial

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/tests/fakes/serialline"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// cannot checks that an order to switch off is an error that says so, and nothing off.
func (s *simulator) cannot(t *testing.T, u *instance, life time.Duration, says string) {
	t.Helper()
	reading, err := u.Off(t.Context(), within(life))
	if err == nil || reading.Power == sdk.PowerOff || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %+v, %v, want %q", s.protocol, reading, err, says)
	}
}

// TestIllDevices: none of them is ever off.
func TestIllDevices(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ill  upssim.Behaviour
		says string
		hit  bool // the order reaches the device
	}{
		"silent":            {upssim.Behaviour{Silent: true}, "no answer", false},
		"lies":              {upssim.Behaviour{LieOn: true}, "unconfirmed: the order was sent and Q", true},
		"refuses":           {upssim.Behaviour{Refuse: "genErr"}, "the UPS refused", true},
		"promises":          {upssim.Behaviour{Pending: time.Minute}, "unconfirmed: the order was sent and Q", true},
		"answers too late":  {upssim.Behaviour{Slow: time.Second}, "no answer", false},
		"restarts, forgets": {upssim.Behaviour{Reboot: time.Minute, Lost: true}, "unconfirmed", true},
	} {
		for _, protocol := range upssim.Serials() {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Parallel()
				s := newSimulator(t, protocol, serialline.Behaviour{})
				u := s.open(t, "")
				s.SetBehaviour(test.ill)
				life := time.Second
				if test.hit && protocol == "apcsmart" {
					life = 2500 * time.Millisecond
				}
				for range 3 { // a busy simulator hears a repeated character too soon after the first
					s.cannot(t, u, life, test.says)
					if !test.hit || s.port.Orders() > 0 {
						break
					}
				}
				if !s.On() || (s.port.Orders() > 0) != test.hit {
					t.Errorf("on %v, %d orders", s.On(), s.port.Orders())
				}
				s.SetBehaviour(upssim.Behaviour{})
				s.RestartCard(0)
				if reading, err := u.Off(t.Context(), within(orderTime)); err != nil || reading.Power != sdk.PowerOff {
					t.Errorf("well again: %+v, %v", reading, err)
				}
			})
		}
	}
}

// TestOnProvesThatTheDeviceObeys: an output that is on is ordered on all the same (a
// drill lives on it).
func TestOnProvesThatTheDeviceObeys(t *testing.T) {
	t.Parallel()
	for _, protocol := range upssim.Serials() {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, protocol, serialline.Behaviour{})
			u := s.open(t, "")
			s.SetBehaviour(upssim.Behaviour{Refuse: "genErr"})
			if reading, err := u.On(t.Context(), within(orderTime)); !errors.Is(err, errRefused) {
				t.Errorf("a device that refuses: %+v, %v", reading, err)
			}
			s.SetBehaviour(upssim.Behaviour{})
			if reading, err := u.On(t.Context(), within(orderTime)); err != nil || reading.Power != sdk.PowerOn {
				t.Errorf("one that obeys: %+v, %v", reading, err)
			}
		})
	}
}

// TestLateAnswers that come within the timeout only take longer.
func TestLateAnswers(t *testing.T) {
	t.Parallel()
	for _, protocol := range upssim.Serials() {
		s := newSimulator(t, protocol, serialline.Behaviour{})
		u := s.open(t, "")
		s.SetBehaviour(upssim.Behaviour{Slow: 150 * time.Millisecond})
		if reading, err := u.Off(t.Context(), within(orderTime)); err != nil || reading.Power != sdk.PowerOff {
			t.Errorf("%s: %+v, %v", protocol, reading, err)
		}
	}
}

// TestIllLines: cut, crossed, noisy, at another speed, or taking nothing.
func TestIllLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ill  serialline.Behaviour
		says string
	}{
		"cut":           {serialline.Behaviour{Cut: true}, "no answer: want a "},
		"crossed":       {serialline.Behaviour{Crossed: true}, ""},
		"another speed": {serialline.Behaviour{Garble: 1}, "at 2400 baud on the UPS's own cable"},
	} {
		for _, protocol := range upssim.Serials() {
			t.Run(name+" "+protocol, func(t *testing.T) {
				t.Parallel()
				s := newSimulator(t, protocol, test.ill)
				u := s.open(t, "")
				s.cannot(t, u, time.Second, test.says)
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				if reading, err := u.Status(ctx); err == nil || reading.Power != sdk.PowerUnknown {
					t.Errorf("%+v, %v", reading, err)
				}
				if !s.On() || s.port.Orders() > 0 {
					t.Errorf("on %v, %d orders", s.On(), s.port.Orders())
				}
				s.cable.Set(serialline.Behaviour{})
				if reading, err := u.Off(t.Context(), within(orderTime)); err != nil || reading.Power != sdk.PowerOff {
					t.Errorf("mended: %+v, %v", reading, err)
				}
			})
		}
	}
}

// TestNoisyLine: whatever noise makes of answers, an output that is on is never off,
// and one that is off is found to be so as soon as the line allows it.
func TestNoisyLine(t *testing.T) {
	t.Parallel()
	for _, protocol := range upssim.Serials() {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, protocol, serialline.Behaviour{Garble: 0.02})
			u := s.open(t, "")
			s.SetBehaviour(upssim.Behaviour{LieOn: true})
			answered := 0
			for range 15 {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				reading, err := u.Status(ctx)
				cancel()
				if err == nil {
					answered++
				}
				if reading.Power == sdk.PowerOff || err == nil && reading.Power != sdk.PowerOn && reading.Power != sdk.PowerUnknown {
					t.Fatalf("%+v, %v", reading, err)
				}
			}
			t.Logf("%d of 15 readings were answered", answered)
			s.SetBehaviour(upssim.Behaviour{})
			_ = s.Switch(false)
			s.cable.Set(serialline.Behaviour{Garble: 0.002})
			eventually(t, "it is read off", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				reading, err := u.Status(ctx)
				return err == nil && reading.Power == sdk.PowerOff
			})
		})
	}
}

// TestOldBytes: a minute of old answers, from a time when the output was off, arrives
// in the middle of an order and of readings. The output is on.
func TestOldBytes(t *testing.T) {
	t.Parallel()
	for _, protocol := range upssim.Serials() {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, protocol, serialline.Behaviour{Baud: 2400})
			s.SetBehaviour(upssim.Behaviour{LieOn: true})
			_ = s.Switch(false)
			u := s.open(t, "")
			if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
				t.Fatalf("%+v, %v", reading, err)
			}
			s.cable.Set(serialline.Behaviour{Baud: 2400, Hoard: true})
			end, err := s.cable.Plug(1)
			if err != nil {
				t.Fatal(err)
			}
			old := strings.Repeat(oldAnswers[protocol], 720/len(oldAnswers[protocol])) // 3 s of them
			before := s.cable.Hoarded(0)
			_, _ = end.WriteString(old)
			s.cable.Set(serialline.Behaviour{Hoard: true})
			eventually(t, "it all waits", func() bool { return s.cable.Hoarded(0) == before+len(old) })
			end.Close()
			s.cable.Set(serialline.Behaviour{Baud: 2400, Hoard: true})
			_ = s.Switch(true)
			s.cable.Deliver()
			s.cannot(t, u, 2*time.Second, "")
			if reading, err := u.Status(t.Context()); reading.Power == sdk.PowerOff {
				t.Fatalf("old bytes were believed: %+v, %v", reading, err)
			}
			if !s.On() {
				t.Error("off")
			}
			eventually(t, "it reads on", func() bool {
				reading, err := u.Status(t.Context())
				return err == nil && reading.Power == sdk.PowerOn
			})
		})
	}
}

// oldAnswers are from a time when the output was off.
var oldAnswers = map[string]string{
	"apcsmart": "SM\r\n00\r\n40\r\n00\r\n40\r\n", "megatec": "(230.4 195.0 000.0 000 50.0 27.5 30.0 00001000\r",
}

// TestBytesInThePort: what arrived before the question is no answer to it.
func TestBytesInThePort(t *testing.T) {
	t.Parallel()
	for protocol, old := range oldAnswers {
		s := newSimulator(t, protocol, serialline.Behaviour{})
		u := s.open(t, "")
		if _, err := u.Status(t.Context()); err != nil {
			t.Fatal(err)
		}
		end, err := s.cable.Plug(1)
		if err != nil {
			t.Fatal(err)
		}
		taken := s.cable.Taken(1)
		_, _ = end.WriteString(old)
		eventually(t, "the line took it", func() bool { return s.cable.Taken(1) == taken+len(old) })
		end.Close()
		if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOn {
			t.Errorf("%s: %+v, %v", protocol, reading, err)
		}
	}
}

// TestAlertsAreNoAnswers: an APC says by itself what happens to it, in the midst of answers too.
func TestAlertsAreNoAnswers(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "apcsmart", serialline.Behaviour{})
	u := s.open(t, "")
	end, err := s.cable.Plug(1)
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range 200 {
			<-tick.C
			_, _ = end.WriteString("!")
		}
	}()
	for range 3 {
		if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOn {
			t.Errorf("%+v, %v", reading, err)
		}
	}
	<-done
}

// TestExpiryIsCheckedBeforeEveryByte: an order that expires between its two characters
// is not finished, and one that has no time for both is not begun.
func TestExpiryIsCheckedBeforeEveryByte(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "apcsmart", serialline.Behaviour{})
	u := s.open(t, "")
	s.cannot(t, u, 1500*time.Millisecond, "there is less left: lengthen order_life")
	if taken := s.port.Orders(); taken != 0 || !s.On() {
		t.Errorf("%d orders, on %v", taken, s.On())
	}
	l, err := u.pickUp()
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	l.expired = func() bool { bytes++; return bytes > 1 }
	if err := l.order(t.Context(), u.d.switchOff); !errors.Is(err, sdk.ErrExpired) || bytes != 2 {
		t.Errorf("after %d bytes: %v", bytes, err)
	}
	if !s.On() || s.port.Orders() != 0 {
		t.Error("an expired order was carried out")
	}
	megatec := newSimulator(t, "megatec", serialline.Behaviour{})
	v := megatec.open(t, "off_delay: 12s\n")
	megatec.cannot(t, v, 10*time.Second, "there is less left")
	if !megatec.On() || megatec.port.Orders() != 0 {
		t.Error("an order whose effect would come after its end was sent")
	}
}

// TestOffDelay: the UPS itself counts down before it switches off.
func TestOffDelay(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "megatec", serialline.Behaviour{})
	u := s.open(t, "off_delay: 12s\n")
	described, err := u.Describe(t.Context())
	if err != nil || described.OrderLife != 28*time.Second {
		t.Fatalf("%+v, %v", described, err)
	}
	reading, err := u.Off(t.Context(), within(described.OrderLife/2+2*time.Second))
	if err != nil || reading.Power != sdk.PowerOff || s.port.Orders() != 1 {
		t.Errorf("%+v, %v after %d orders", reading, err, s.port.Orders())
	}
}

// TestPortThatIsTaken: NUT, or a login prompt, holds the port.
func TestPortThatIsTaken(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "megatec", serialline.Behaviour{})
	other, err := os.OpenFile(s.cable.Port(0), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	u := s.open(t, "")
	s.cannot(t, u, 500*time.Millisecond, "another program uses it")
	_ = other.Close()
	if _, err := u.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestStuckPort: a line that takes nothing makes nobody wait.
func TestStuckPort(t *testing.T) {
	t.Parallel()
	s := newSimulator(t, "megatec", serialline.Behaviour{})
	u := s.open(t, "")
	l, err := u.pickUp()
	if err != nil {
		t.Fatal(err)
	}
	s.cable.Set(serialline.Behaviour{Stuck: true})
	full := 0 // in a row: the line may take what it had begun with
	eventually(t, "the port is full", func() bool {
		if n, _ := l.port.Write(make([]byte, 4096)); n > 0 {
			full = 0
		}
		full++
		return full > 50
	})
	began := time.Now()
	s.cannot(t, u, time.Second, "")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestByteThatDoesNotLeave: in time it is the port's fault, and the port is opened
// anew; that an order cuts the reading short is nobody's.
func TestByteThatDoesNotLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		unsent := func() int { return 1 }
		if err := gone(t.Context(), unsent, drain); !errors.Is(err, errPort) || time.Since(begin) > drain+5*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), drain/2)
		defer cancel()
		if err := gone(ctx, unsent, drain); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errPort) {
			t.Errorf("cut short: %v", err)
		}
		left := time.Now().Add(drain / 2)
		if err := gone(t.Context(), func() int { return int(max(0, time.Until(left))) }, drain); err != nil {
			t.Errorf("a byte that leaves late: %v", err)
		}
	})
}

// TestReadingIsMixed with what the device answers: one that does not tell its rating
// is asked who it is.
func TestReadingIsMixed(t *testing.T) {
	t.Parallel()
	for terse, asked := range map[bool]string{
		false: "Q1 Q1 F Q1 F Q1 Q1 F Q1 F ", // twice a greeting and two readings
		true:  "Q1 Q1 F I Q1 I Q1 Q1 I Q1 I ",
	} {
		s := newSimulator(t, "megatec", serialline.Behaviour{})
		s.SetBehaviour(upssim.Behaviour{Terse: terse})
		u := s.open(t, "")
		for range 2 {
			err := u.read(t.Context(), nil, func(ctx context.Context, l *line) error {
				_, err := l.sure(ctx, false)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "it was asked "+asked, func() bool { return s.cable.Taken(0) == len(asked) })
	}
}

// TestPortThatGoesAway, as an adapter does that is pulled. Not in parallel: the
// port's number is free from then on.
func TestPortThatGoesAway(t *testing.T) {
	s := newSimulator(t, "megatec", serialline.Behaviour{})
	u := s.open(t, "")
	if _, err := u.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.cable.HangUp(0)
	s.cannot(t, u, time.Second, "the port does not work")
}

// TestDisturbedBeforeTheOrder: the output reads off, and the line garbles what would make
// that sure. The order is carried out all the same.
func TestDisturbedBeforeTheOrder(t *testing.T) {
	t.Parallel()
	for _, protocol := range upssim.Serials() {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := newSimulator(t, protocol, serialline.Behaviour{})
			u := s.open(t, "")
			if err := s.Switch(false); err != nil {
				t.Fatal(err)
			}
			if reading, err := u.Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
				t.Fatalf("%+v, %v", reading, err)
			}
			disturbed := *u.d
			disturbed.mix = []question{{text: disturbed.hello.text, form: form("never")}}
			u.d = &disturbed
			if err := u.Close(); err != nil { // the next conversation has the new row
				t.Fatal(err)
			}
			s.cannot(t, u, 4*time.Second, "unconfirmed")
			if s.port.Orders() == 0 {
				t.Error("nothing was ordered")
			}
		})
	}
}
