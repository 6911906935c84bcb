package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/storeward/storeward/core/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fakeDaemon struct{ commands []Command }

var sample = State{
	Status: &api.Status{Store: "s0001", Node: "alpha", Role: "active", Generation: 7},
	Alarms: []Alarm{{Object: "link/lan", Condition: "silent", Severity: "minor", Message: "lan is silent", Since: time.Unix(1, 0).UTC()}},
}

func (f *fakeDaemon) State(context.Context) (State, error) { return sample, nil }

func (f *fakeDaemon) History(_ context.Context, limit int) ([]Entry, error) {
	return []Entry{{Kind: fmt.Sprint(limit)}}, nil
}
func (f *fakeDaemon) Plan(context.Context) (Plan, error) { return Plan{Decision: "serves"}, nil }
func (f *fakeDaemon) Timing(context.Context) (Timing, error) {
	return Timing{Links: []LinkTiming{{Link: "cable"}}, Advice: TimingAdvice{Reasons: []string{"why"}}}, nil
}
func (f *fakeDaemon) Decisions(context.Context) (string, error)     { return "1s tick\n", nil }
func (f *fakeDaemon) Configuration(context.Context) (string, error) { return "store: s0001\n", nil }
func (f *fakeDaemon) Reload(context.Context) (Reply, error)         { return Reply{Message: "runs"}, nil }

func (f *fakeDaemon) Difference(_ context.Context, file File) (Difference, error) {
	return Difference{From: file.Name, To: file.Text}, nil
}

func (f *fakeDaemon) PeerDifference(context.Context) (Difference, error) {
	return Difference{To: "running on beta", Digests: true}, nil
}

func (f *fakeDaemon) Command(_ context.Context, c Command) (Reply, error) {
	f.commands = append(f.commands, c)
	if c.Name == "fence" {
		return Reply{}, fmt.Errorf("%w: the peer shows life", ErrRefused)
	}
	return Reply{Message: "begun"}, nil
}

func serve(t *testing.T, d Daemon) *Client {
	t.Helper()
	dir := t.TempDir()
	log, _ := test.NewNullLogger()
	if err := os.WriteFile(filepath.Join(dir, SocketName), []byte("left behind"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, dir, d, log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	client := NewClient(dir)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if _, err := client.Plan(context.Background()); err == nil {
			return client
		}
	}
	t.Fatal("the socket never answered")
	return nil
}

func TestQuestionsAndCommands(t *testing.T) {
	daemon := &fakeDaemon{}
	client, ctx := serve(t, daemon), context.Background()
	state, err := client.State(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, state, protocmp.Transform()); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if history, err := client.History(ctx, 5); err != nil || history[0].Kind != "5" {
		t.Errorf("history %v, error %v", history, err)
	}
	if text, err := client.Decisions(ctx); err != nil || text != "1s tick\n" {
		t.Errorf("decisions %q, error %v", text, err)
	}
	if text, err := client.Configuration(ctx); err != nil || text != "store: s0001\n" {
		t.Errorf("configuration %q, error %v", text, err)
	}
	long := strings.Repeat("a: b # comment\n", 20000) // longer than a command may be
	if d, err := client.Difference(ctx, File{Name: "new.yaml", Text: long}); err != nil || d.From != "new.yaml" || d.To != long {
		t.Errorf("difference %d bytes, error %v", len(d.To), err)
	}
	if d, err := client.PeerDifference(ctx); err != nil || d.To != "running on beta" || !d.Digests {
		t.Errorf("difference %v, error %v", d, err)
	}
	if timing, err := client.Timing(ctx); err != nil || timing.Links[0].Link != "cable" || timing.Advice.Reasons[0] != "why" {
		t.Errorf("timing %v, error %v", timing, err)
	}
	if reply, err := client.Reload(ctx); err != nil || reply.Message != "runs" {
		t.Errorf("reload %v, error %v", reply, err)
	}
	want := Command{Name: "standby", Target: "beta", Seconds: 60, Generation: 7, Operator: "kim"}
	if reply, err := client.Command(ctx, want); err != nil || reply.Message != "begun" {
		t.Errorf("command %v, error %v", reply, err)
	}
	if diff := cmp.Diff([]Command{want}, daemon.commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestRefusalKeepsItsSentence(t *testing.T) {
	client := serve(t, &fakeDaemon{})
	_, err := client.Command(context.Background(), Command{Name: "fence", Target: "beta"})
	if !errors.Is(err, ErrRefused) || err.Error() != "refused: the peer shows life" {
		t.Errorf("error %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	if _, err := NewClient(t.TempDir()).State(context.Background()); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("error %v", err)
	}
}

// TestHungDaemon: one that was stopped takes connections and says nothing; another begins to answer and stops.
func TestHungDaemon(t *testing.T) {
	for name, begins := range map[string]string{"nothing": "", "half an answer": "HTTP/1.1 200 OK\r\n\r\n{"} {
		t.Run(name, func(t *testing.T) {
			client := NewClient(t.TempDir())
			client.patience = patience{read: 20 * time.Millisecond, compare: 30 * time.Millisecond, order: 40 * time.Millisecond}
			listener, err := listen(t.Context(), client.socket)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = listener.Close() }()
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					defer func() { _ = conn.Close() }()
					_, _ = conn.Read(make([]byte, 1<<10))
					_, _ = io.WriteString(conn, begins)
				}
			}()
			for want, ask := range map[string]func(context.Context) error{
				"the daemon does not answer within 20 ms: it may hang": func(ctx context.Context) error { _, err := client.State(ctx); return err },
				"the daemon does not answer within 30 ms: it may hang": func(ctx context.Context) error { _, err := client.PeerDifference(ctx); return err },
				"the daemon does not answer within 40 ms: it may hang, and do later what it was told: storewardctl status and history tell": func(ctx context.Context) error {
					_, err := client.Command(ctx, Command{Name: "drill"})
					return err
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				if err := ask(ctx); !errors.Is(err, ErrNoDaemon) || err.Error() != want {
					t.Errorf("error %v, want %s", err, want)
				}
				cancel()
			}
		})
	}
}

func TestSocketIsForRootAlone(t *testing.T) {
	client := serve(t, &fakeDaemon{})
	info, err := os.Stat(client.socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}
