package peer

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
)

var moment = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type fakeNode struct {
	name  string
	heard chan *peerpb.News
}

func (f *fakeNode) News() *peerpb.News {
	return &peerpb.News{Node: f.name, Status: &api.Status{Node: f.name, Role: "active"}}
}

func (f *fakeNode) Snapshot(_ context.Context, moment time.Time) *api.Snapshot {
	return &api.Snapshot{Node: f.name, Taken: timestamppb.New(moment)}
}

func (f *fakeNode) Command(_ context.Context, r *peerpb.CommandRequest) *peerpb.CommandReply {
	return &peerpb.CommandReply{Accepted: true, Message: f.name + " takes " + r.GetName()}
}

func (f *fakeNode) Configuration(r *peerpb.ConfigurationRequest) *peerpb.Settings {
	return &peerpb.Settings{Settings: []*peerpb.Setting{{Path: "store", Value: f.name, Mark: r.GetSalt()}}}
}

func (f *fakeNode) Heard(n *peerpb.News) {
	select {
	case f.heard <- n:
	default:
	}
}

func quietLog() logrus.FieldLogger { log, _ := test.NewNullLogger(); return log }

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificates writes a cluster's files and returns each node's TLS setting.
func certificates(t *testing.T, nodes ...string) map[string]*tls.Config {
	t.Helper()
	ca, pairs, err := Certify("s0001", time.Now(), nodes...)
	if err != nil {
		t.Fatal(err)
	}
	dir, out := t.TempDir(), map[string]*tls.Config{}
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for node, pair := range pairs {
		config, err := LoadTLS(write("ca.pem", ca), write(node+".pem", pair.Certificate), write(node+".key", pair.PrivateKey))
		if err != nil {
			t.Fatal(err)
		}
		out[node] = config
	}
	return out
}

type pair struct {
	nodes    map[string]*fakeNode
	channels map[string]*Channel
}

func startPair(t *testing.T, tls map[string]*tls.Config) pair {
	t.Helper()
	address := map[string]string{"alpha": freePort(t), "beta": freePort(t)}
	p := pair{nodes: map[string]*fakeNode{}, channels: map[string]*Channel{}}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for own, other := range map[string]string{"alpha": "beta", "beta": "alpha"} {
		p.nodes[own] = &fakeNode{name: own, heard: make(chan *peerpb.News, 1)}
		c, err := New(Options{
			Log: quietLog(), Node: own, Peer: other, TLS: tls[own], Own: p.nodes[own],
			Listen: address[own], Dial: address[other],
		})
		if err != nil {
			t.Fatal(err)
		}
		p.channels[own] = c
		wait.Go(func() {
			if err := c.Run(ctx); err != nil {
				t.Errorf("run %s: %v", own, err)
			}
		})
	}
	t.Cleanup(func() { cancel(); wait.Wait() })
	return p
}

func TestNewsSnapshotAndCommandReachThePeer(t *testing.T) {
	p := startPair(t, certificates(t, "alpha", "beta"))
	for own, other := range map[string]string{"alpha": "beta", "beta": "alpha"} {
		select {
		case news := <-p.nodes[own].heard:
			if news.GetStatus().GetNode() != other {
				t.Errorf("%s heard news of %q", own, news.GetStatus().GetNode())
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s heard nothing", own)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	snapshot, err := p.channels["alpha"].Snapshot(ctx, moment)
	if err != nil || snapshot.GetNode() != "beta" || !snapshot.GetTaken().AsTime().Equal(moment) {
		t.Errorf("snapshot %v, error %v", snapshot, err)
	}
	reply, err := p.channels["beta"].Command(ctx, &peerpb.CommandRequest{Name: "switchover"})
	if err != nil || reply.GetMessage() != "alpha takes switchover" {
		t.Errorf("reply %v, error %v", reply, err)
	}
	settings, err := p.channels["beta"].Configuration(ctx, &peerpb.ConfigurationRequest{Salt: []byte("salt")})
	if list := settings.GetSettings(); err != nil || len(list) != 1 || list[0].GetValue() != "alpha" || string(list[0].GetMark()) != "salt" {
		t.Errorf("settings %v, error %v", settings, err)
	}
	if news, taken := p.channels["alpha"].Latest(); news.GetNode() != "beta" || taken.IsZero() {
		t.Errorf("latest news %v at %v", news, taken)
	}
}

func TestWhatIsToldOnceStays(t *testing.T) {
	status := &api.Status{Node: "beta"}
	first := &peerpb.News{Node: "beta", Status: status, Digest: &api.Snapshot{Node: "beta"}, Sample: []byte("one")}
	second := &peerpb.News{Node: "beta", Status: status, Digest: first.GetDigest(), Sample: []byte("two"), Alarms: []*peerpb.Alarm{{Object: "node/beta"}}}
	third := &peerpb.News{Node: "beta", Status: &api.Status{Node: "beta", Role: "active"}, Digest: first.GetDigest()}
	var c Channel
	for _, step := range []struct {
		told, news             *peerpb.News
		sendsStatus, sendsRest bool
		role                   string
	}{
		{nil, first, true, true, ""},
		{first, second, false, false, ""},
		{second, third, true, false, "active"},
		{nil, third, true, true, "active"}, // a new stream
	} {
		sent := since(step.told, step.news)
		if (sent.GetStatus() != nil) != step.sendsStatus || (sent.GetDigest() != nil) != step.sendsRest {
			t.Errorf("after %v was told, %v was sent", step.told, sent)
		}
		if string(sent.GetSample()) != string(step.news.GetSample()) || sent.GetNode() != "beta" || len(sent.GetAlarms()) != len(step.news.GetAlarms()) {
			t.Errorf("sent %v of %v", sent, step.news)
		}
		c.keep(sent)
		if kept, _ := c.Latest(); kept.GetStatus() == nil || kept.GetStatus().GetRole() != step.role {
			t.Errorf("kept %v", kept)
		}
	}
}

func TestStrangerIsRefused(t *testing.T) {
	good, bad := certificates(t, "alpha", "beta"), certificates(t, "alpha", "beta")
	p := startPair(t, map[string]*tls.Config{"alpha": good["alpha"], "beta": bad["beta"]})
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	if _, err := p.channels["beta"].Snapshot(ctx, moment); err == nil {
		t.Error("a node with another cluster's certificate got an answer")
	}
	// A certificate of the same CA that names neither node is refused too.
	ca3 := certificates(t, "alpha", "gamma")
	q := startPair(t, map[string]*tls.Config{"alpha": ca3["alpha"], "beta": ca3["gamma"]})
	ctx2, cancel2 := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel2()
	if _, err := q.channels["beta"].Snapshot(ctx2, moment); err == nil {
		t.Error("a node of another name got an answer")
	}
}
