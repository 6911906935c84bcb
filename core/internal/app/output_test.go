package app

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sirupsen/logrus"
)

// TestLogOfAHungReader: whoever logs goes on while nobody reads, and what was
// lost is counted once somebody does.
func TestLogOfAHungReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from, to := io.Pipe()
		out := NewOutput(to)
		log := logrus.New()
		log.SetOutput(out)
		for range 2 * outputLines {
			log.Info("event")
		}
		if err := out.Close(); err != nil { // bounded, though nobody reads
			t.Error(err)
		}
		var got bytes.Buffer
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(&got, from)
		}()
		<-out.ended
		_ = to.Close()
		<-read
		if !strings.Contains(got.String(), "log lines lost") || strings.Count(got.String(), "msg=event") < outputLines {
			t.Errorf("%d lines came", strings.Count(got.String(), "\n"))
		}
	})
}

func TestLogInOrder(t *testing.T) {
	var got bytes.Buffer
	out := NewOutput(&got)
	_, _ = out.Write([]byte("one\n"))
	_, _ = out.Write([]byte("two\n"))
	if err := out.Close(); err != nil || got.String() != "one\ntwo\n" {
		t.Errorf("got %q, error %v", got.String(), err)
	}
}
