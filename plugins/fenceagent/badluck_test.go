package fenceagent

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/turns"
)

// hung is how long after its order's end an answer may come on a busy machine. That the agent
// does nothing then is TestNothingAfterExpiry's matter.
const hung = 5 * time.Second

// TestOffInBadLuck: whatever an agent does, off is what was read off, the order ends
// in time, and nothing that the agent started is left.
func TestOffInBadLuck(t *testing.T) {
	for _, test := range []struct {
		mood  string
		off   bool   // the order is confirmed
		wants string // a part of the error
	}{
		{"well", true, ""},
		{"slow", true, ""},
		{"fails-once", true, ""},
		{"fails-and-obeys", true, ""}, // its answer was wrong, the reading counts
		{"leaves-children-and-goes", true, ""},
		{"garbage-off", false, "do not agree"}, // the word lies beyond the bound
		{"hangs", false, "killed without an answer"},
		{"hangs-at-off", false, "killed without an answer"},
		{"hangs-at-status", false, "killed without an answer"},
		{"ignores-term", false, "killed without an answer"},
		{"leaves-children", false, "killed without an answer"},
		{"garbage", false, "do not agree"},
		{"fails", false, "exit status 1, no route to 192.0.2.1 with password <secret>"},
		{"lies", false, "fence_fake reads on: Status: ON"},
		{"mute", false, "do not agree: exit status 2, without a word"},
		{"contradicts-2", false, "do not agree: exit status 2, Status: ON"},
		{"contradicts-0", false, "do not agree: exit status 0, Status: OFF"},
		{"both", false, "do not agree"},
	} {
		t.Run(test.mood, func(t *testing.T) {
			f := newFake(t)
			p := f.open("timeout: 1s\n")
			f.is(test.mood, sdk.PowerOn)
			lives := []time.Duration{10 * time.Second}
			if !test.off { // each takes its whole life, which may be too short for an agent on a busy machine
				lives = []time.Duration{1500 * time.Millisecond, 6 * time.Second, 20 * time.Second}
			}
			var o sdk.Order
			var reading sdk.Reading
			var err error
			for _, life := range lives {
				o = order(life)
				reading, err = p.Off(t.Context(), o)
				if err == nil || strings.Contains(err.Error(), test.wants) {
					break
				}
			}
			if left := childrenLeft(t); left > 0 {
				t.Errorf("%d children are left", left)
			}
			switch {
			case test.off && (err != nil || reading.Power != sdk.PowerOff || f.read("state") != "off"):
				t.Errorf("%+v, %v", reading, err)
			case !test.off && (err == nil || reading.Power != sdk.PowerUnknown || !strings.Contains(err.Error(), test.wants)):
				t.Errorf("%+v, %v", reading, err)
			case !test.off && sdk.Monotonic() > o.Expiry+hung:
				t.Errorf("%v late", sdk.Monotonic()-o.Expiry)
			case err != nil && (strings.Contains(err.Error(), password) || len(err.Error()) > 1500):
				t.Errorf("the error says too much: %v", err)
			}
		})
	}
}

// TestNothingAfterExpiry: an agent that would obey after its order's end is dead before.
func TestNothingAfterExpiry(t *testing.T) {
	f := newFake(t)
	p := f.open("")
	if _, err := p.Off(t.Context(), order(answerMargin)); !errors.Is(err, sdk.ErrExpired) || f.orders() > 0 {
		t.Errorf("%v, %d orders", err, f.orders())
	}
	f.is("too-slow", sdk.PowerOn)
	o := order(700 * time.Millisecond)
	if reading, err := p.Off(t.Context(), o); err == nil || reading.Power != sdk.PowerUnknown {
		t.Errorf("%+v, %v", reading, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for sdk.Pause(ctx, 50*time.Millisecond) { // the second in which it would have obeyed
		if f.read("state") != "on" {
			t.Fatal("the output went off after the order's end")
		}
	}
	if n := f.orders(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// TestAgentDiesWithThePlugin: a plugin that is killed leaves no agent behind.
func TestAgentDiesWithThePlugin(t *testing.T) {
	const marker = "FENCEAGENT_TEST_SECTION"
	if section := os.Getenv(marker); section != "" { // the plugin
		_, err := openSection(t, section).Off(t.Context(), order(time.Minute))
		t.Fatalf("it came back: %v", err)
	}
	f := newFake(t)
	f.is("leaves-children", sdk.PowerOn)
	plugin := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAgentDiesWithThePlugin$")
	plugin.Env = append(os.Environ(), marker+"="+f.section("timeout: 1m\n"))
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the agent has a child", func() bool { return childrenLeft(t) > 0 })
	if err := plugin.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = plugin.Wait() // killed
	until(t, "the agent and its child are gone", func() bool { return childrenLeft(t) == 0 })
}

// TestAcknowledgedIsNotRepeated: a device that takes its time must not begin anew.
func TestAcknowledgedIsNotRepeated(t *testing.T) {
	f := newFake(t)
	p := f.open("")
	f.is("lies", sdk.PowerOn)
	if _, err := p.Off(t.Context(), order(time.Second)); err == nil || f.orders() != 1 {
		t.Errorf("%v, %d orders", err, f.orders())
	}
	f.is("fails", sdk.PowerOn)
	if _, err := p.Off(t.Context(), order(time.Second)); err == nil || f.orders() < 2 {
		t.Errorf("%v, %d orders", err, f.orders())
	}
}

// TestOrderGoesFirst: a reading that hangs holds no order up.
func TestOrderGoesFirst(t *testing.T) {
	f := newFake(t)
	p := f.open("timeout: 1m\n")
	f.is("hangs-at-status", sdk.PowerOn)
	ended := make(chan error, 1)
	go func() {
		_, err := p.Status(t.Context())
		ended <- err
	}()
	until(t, "the reading began", func() bool { return f.read("calls") == "status" })
	f.is("well", sdk.PowerOn)
	if reading, err := p.Off(t.Context(), order(10*time.Second)); err != nil || reading.Power != sdk.PowerOff {
		t.Errorf("%+v, %v", reading, err)
	}
	if err := <-ended; !errors.Is(err, turns.ErrPreempted) {
		t.Errorf("the reading ended with %v", err)
	}
	if reading, err := p.Status(t.Context()); err != nil || reading.Power != sdk.PowerOff {
		t.Errorf("%+v, %v", reading, err)
	}
}

// TestReadingIsAsOldAsItsBeginning: the device may have been asked at once, and the
// answer have come late.
func TestReadingIsAsOldAsItsBeginning(t *testing.T) {
	f := newFake(t)
	p := f.open("")
	before := sdk.Monotonic()
	reading, err := p.Status(t.Context())
	after := sdk.Monotonic()
	took := time.Duration(reading.Values["agent_seconds"] * float64(time.Second))
	if err != nil || reading.Taken < before || reading.Taken+took > after || took < time.Millisecond/2 {
		t.Errorf("taken %v after the question, agent took %v of %v: %v", reading.Taken-before, took, after-before, err)
	}
}

// FuzzPower: off needs the exit status, its word, and no other word.
func FuzzPower(f *testing.F) {
	for _, text := range []string{"Status: OFF\n", "Status: ON\n", "off", "turned off\nStatus: ON", "", "Status: OFF\nStatus: ON\r\n"} {
		f.Add(2, text)
		f.Add(0, text)
	}
	f.Fuzz(func(t *testing.T, code int, text string) {
		power, err := answer{code: code, stdout: text}.power()
		lower := strings.ToLower(text)
		if power == sdk.PowerOff && (code != exitOff || !strings.Contains(lower, "off")) || power == sdk.PowerOn && (code != exitOn || !strings.Contains(lower, "on")) {
			t.Errorf("exit status %d and %q read %v", code, text, power)
		}
		if (err == nil) != (power != sdk.PowerUnknown) {
			t.Errorf("%v with %v", power, err)
		}
	})
}
