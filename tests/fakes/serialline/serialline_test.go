package serialline

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// patience bounds every wait for something that is expected to happen.
const patience = 10 * time.Second

func lay(t *testing.T, b Behaviour) *Line {
	t.Helper()
	l, err := New(b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// plug opens the port at an end as a plain wire.
func plug(t *testing.T, l *Line, i int) *os.File {
	t.Helper()
	f, err := l.Plug(i)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func send(t *testing.T, f *os.File, text string) {
	t.Helper()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// read returns the next n bytes.
func read(t *testing.T, f *os.File, n int) string {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for buffer := make([]byte, 4096); len(got) < n; {
		m, err := f.Read(buffer[:min(n-len(got), len(buffer))])
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, buffer[:m]...)
	}
	return string(got)
}

func TestCarriesBothWaysAtItsRate(t *testing.T) {
	l := lay(t, Behaviour{Baud: 9600})
	one, two := plug(t, l, 0), plug(t, l, 1)
	send(t, two, "back")
	if got := read(t, one, 4); got != "back" {
		t.Errorf("got %q", got)
	}
	began := time.Now()
	send(t, one, string(bytes.Repeat([]byte("x"), 480)))
	read(t, two, 480)
	if took := time.Since(began); took < 450*time.Millisecond {
		t.Errorf("480 bytes took %v at 9600 baud, half a second is right", took)
	}
}

// taken waits until the line has taken n bytes from the port at end 0.
func taken(t *testing.T, l *Line, n int) {
	t.Helper()
	tick, limit := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for l.Taken(0) < n {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("the line took %d of %d bytes", l.Taken(0), n)
		}
	}
}

func TestThrowsAwayWhileTheFarPortIsNotOpen(t *testing.T) {
	l := lay(t, Behaviour{})
	one := plug(t, l, 0)
	send(t, one, "nobody hears this")
	taken(t, l, 17)
	two := plug(t, l, 1)
	send(t, one, "now")
	if got := read(t, two, 3); got != "now" {
		t.Errorf("got %q", got)
	}
}

func TestIllnesses(t *testing.T) {
	l := lay(t, Behaviour{Cut: true})
	one, two := plug(t, l, 0), plug(t, l, 1)
	send(t, one, "lost")
	taken(t, l, 4)
	l.Set(Behaviour{Crossed: true})
	send(t, one, "mine")
	if got := read(t, one, 4); got != "mine" {
		t.Errorf("crossed: %q", got)
	}
	l.Set(Behaviour{Garble: 1})
	send(t, one, "good")
	if got := read(t, two, 4); got == "good" {
		t.Errorf("garbled: %q", got)
	}
	l.Set(Behaviour{Hoard: true})
	send(t, one, "old ")
	taken(t, l, 16)
	l.Deliver()
	if got := read(t, two, 4); got != "old " {
		t.Errorf("delivered: %q", got)
	}
}
