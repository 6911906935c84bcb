package sdk

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// stuck is a resource whose Start hangs with the disk below it, whatever its context says.
type stuck struct{ disk chan none }

func (s stuck) Close() error                { return nil }
func (s stuck) Start(context.Context) error { <-s.disk; return nil }
func (s stuck) Stop(context.Context) error  { return nil }
func (s stuck) Monitor(context.Context) (State, error) {
	return State{Status: Down, Message: "nothing runs"}, nil
}

// TestStartThatOutlivesItsCaller: while it may still take effect, nobody may
// conclude from a monitor, or from a stop, that nothing runs.
func TestStartThatOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan none)
		log := logrus.New()
		log.SetOutput(&bytes.Buffer{})
		s := NewServer(Plugin{
			Name: "stuck", Version: "1", Summary: "x", DefaultConfig: func() any { return &struct{}{} },
			New: func(context.Context, Env, any) (Instance, error) { return stuck{disk}, nil },
		}, log).service
		opened, err := s.Open(t.Context(), &sdkpb.OpenRequest{Instance: "one"})
		if err != nil {
			t.Fatal(err)
		}
		request := &sdkpb.InstanceRequest{Handle: opened.GetHandle()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if reply, _ := s.Start(ctx, request); reply.GetError() == "" {
			t.Error("a start that hangs succeeded")
		}
		const want = "an earlier start has not returned"
		if reply, _ := s.Monitor(t.Context(), request); !strings.Contains(reply.GetError(), want) {
			t.Errorf("monitor says %v", reply)
		}
		if reply, _ := s.Stop(t.Context(), request); !strings.Contains(reply.GetError(), want) {
			t.Errorf("stop says %v", reply)
		}
		close(disk)
		synctest.Wait()
		if reply, _ := s.Monitor(t.Context(), request); reply.GetError() != "" || reply.GetRunning() {
			t.Errorf("monitor says %v once the start has returned", reply)
		}
		if reply, _ := s.Stop(t.Context(), request); reply.GetError() != "" {
			t.Errorf("stop says %v once the start has returned", reply)
		}
	})
}
