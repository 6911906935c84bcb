package beatsock

import (
	"errors"
	"io"
	"os"
	"testing"
)

func pair(t *testing.T) (core, plugin *Conn) {
	t.Helper()
	core, in, out, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	plugin, err = New(in, out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(core.Close(), plugin.Close()) })
	return core, plugin
}

func TestMessagesStayWhole(t *testing.T) {
	core, plugin := pair(t)
	for _, message := range []string{"one", "two"} {
		if err := core.Offer([]byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	buffer := make([]byte, MaxSize)
	for _, want := range []string{"one", "two"} {
		n, err := plugin.Receive(buffer)
		if err != nil || string(buffer[:n]) != want {
			t.Errorf("got %q, %v: want %q", buffer[:n], err, want)
		}
	}
	if err := plugin.Send([]byte("back")); err != nil {
		t.Fatal(err)
	}
	if n, err := core.Receive(buffer); err != nil || string(buffer[:n]) != "back" {
		t.Errorf("got %q, %v", buffer[:n], err)
	}
}

func TestUnreadUntilTaken(t *testing.T) {
	core, plugin := pair(t)
	if core.Unread() {
		t.Error("unread before anything was sent")
	}
	if err := core.Offer([]byte("beat")); err != nil {
		t.Fatal(err)
	}
	if !core.Unread() {
		t.Error("not unread although nobody read")
	}
	if _, err := plugin.Receive(make([]byte, MaxSize)); err != nil {
		t.Fatal(err)
	}
	if core.Unread() {
		t.Error("unread after it was read")
	}
}

// TestFewWait: a process that takes nothing finds no old beats when it wakes up.
func TestFewWait(t *testing.T) {
	core, _ := pair(t)
	beat := make([]byte, 400)
	for n := range 20 {
		switch err := core.Offer(beat); {
		case err == nil:
		case errors.Is(err, ErrFull):
			if n < 2 || n > 8 {
				t.Errorf("%d messages wait: want a few", n)
			}
			return
		default:
			t.Fatal(err)
		}
	}
	t.Error("twenty messages wait")
}

func TestEnds(t *testing.T) {
	core, plugin := pair(t)
	if err := plugin.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := core.Receive(make([]byte, MaxSize)); !errors.Is(err, io.EOF) {
		t.Errorf("receive from an end that is gone: %v", err)
	}
	if err := core.Offer([]byte("beat")); err == nil || errors.Is(err, ErrFull) {
		t.Errorf("offer to an end that is gone: %v", err)
	}
}

func TestNoSocket(t *testing.T) {
	var files [2]*os.File
	for i := range files {
		var err error
		if files[i], err = os.CreateTemp(t.TempDir(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := New(files[0], files[1]); err == nil {
		t.Error("a file was taken for a socket")
	}
}

func TestCloseEndsASendThatWaits(t *testing.T) {
	core, _ := pair(t)
	ended := make(chan error)
	go func() {
		for {
			if err := core.Send(make([]byte, 400)); err != nil {
				ended <- err
				return
			}
		}
	}()
	for !full(core) { // bounded by the test's own time
	}
	if err := core.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
}

// full tells whether nothing more goes in.
func full(c *Conn) bool { return errors.Is(c.Offer(make([]byte, 400)), ErrFull) }
