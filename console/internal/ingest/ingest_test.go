package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/alarm"
	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/incident"
	"github.com/storeward/storeward/core/api"
)

func TestRepeatsAndGaps(t *testing.T) {
	for _, c := range []struct {
		name    string
		batches [][]uint64
		want    []uint64
		missing uint64
	}{
		{"in order", [][]uint64{{1, 2}, {3}}, []uint64{1, 2, 3}, 0},
		{"the same twice", [][]uint64{{1, 2}, {1, 2}}, []uint64{1, 2}, 0},
		{"overlapping", [][]uint64{{1, 2}, {2, 3}}, []uint64{1, 2, 3}, 0},
		{"begins late", [][]uint64{{500}, {501}}, []uint64{500, 501}, 0},
		{"gap", [][]uint64{{1}, {4, 5}}, []uint64{1, 4, 5}, 2},
		{"gap within a batch", [][]uint64{{1, 5}}, []uint64{1, 5}, 3},
		{"gap filled from its middle", [][]uint64{{1}, {6}, {3}, {3}, {2, 4, 5}}, []uint64{1, 6, 3, 2, 4, 5}, 0},
		{"late repeat after a gap", [][]uint64{{1}, {6}, {1}, {6}}, []uint64{1, 6}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			con := newConsole(t)
			newest := uint64(0)
			for _, b := range c.batches {
				newest = max(newest, b[len(b)-1])
				if ack := con.take(subject, batchOf(b...)); ack.GetError() != "" || ack.GetSequence() != newest || ack.GetJournalId() != "j1" {
					t.Fatalf("batch %v answered with %v", b, ack)
				}
			}
			if ack := con.take(subject, question("j1")); ack.GetError() != "" || ack.GetSequence() != newest || ack.GetJournalId() != "j1" {
				t.Errorf("the question was answered with %v", ack)
			}
			if diff := cmp.Diff(c.want, con.numbers(t)); diff != "" {
				t.Error(diff)
			}
			journals, err := fleet.Journals(context.Background(), con.db.Read, "s0001", "alpha")
			if err != nil || len(journals) != 1 || journals[0].Missing != c.missing {
				t.Errorf("journals %+v, error %v, want %d missing", journals, err, c.missing)
			}
		})
	}
}

// question asks for the newest number of a journal.
func question(journal string) []byte {
	data, err := proto.Marshal(&api.Batch{JournalId: journal})
	if err != nil {
		panic(err)
	}
	return data
}

// TestQuestionForAJournal: the answer is the node's own, and the question stores nothing.
func TestQuestionForAJournal(t *testing.T) {
	con := newConsole(t)
	con.take(subject, batchOf(7))
	for _, c := range []struct {
		subject, journal string
		want             uint64
	}{{subject, "j1", 7}, {subject, "j2", 0}, {"storeward.v1.s0001.beta.batch", "j1", 0}} {
		if ack := con.take(c.subject, question(c.journal)); ack.GetError() != "" || ack.GetSequence() != c.want || ack.GetJournalId() != c.journal {
			t.Errorf("%+v answered with %v", c, ack)
		}
	}
	journals, err := fleet.Journals(context.Background(), con.db.Read, "s0001", "alpha")
	if err != nil || len(journals) != 1 {
		t.Errorf("journals %+v, error %v", journals, err)
	}
}

func TestRefused(t *testing.T) {
	con := newConsole(t)
	other := func(change func(*api.Envelope)) []byte {
		e := eventNo(1)
		change(e)
		data, err := proto.Marshal(&api.Batch{Envelopes: []*api.Envelope{e}})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"garbage", []byte("\xff\xff\xff"), "cannot be decoded"},
		{"empty", nil, "1 to 5000 envelopes"},
		{"another store", other(func(e *api.Envelope) { e.Store = "s0002" }), "may not speak for"},
		{"the peer", other(func(e *api.Envelope) { e.Node = "beta" }), "may not speak for"},
		{"no journal", other(func(e *api.Envelope) { e.JournalId = "" }), "journal id"},
		{"question for a long journal", question(strings.Repeat("j", 65)), "journal id"},
		{"long journal", other(func(e *api.Envelope) { e.JournalId = strings.Repeat("j", 65) }), "journal id"},
		{"number 0", other(func(e *api.Envelope) { e.Sequence = 0 }), "rise from 1"},
		{"number too large", other(func(e *api.Envelope) { e.Sequence = 1<<64 - 1 }), "rise from 1"},
		{"numbers fall", batchOf(2, 1), "rise from 1"},
		{"numbers twice", batchOf(1, 1), "rise from 1"},
		{"too many", batchOf(make([]uint64, maxEnvelopes+1)...), "1 to 5000 envelopes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if ack := con.take(subject, c.data); !strings.Contains(ack.GetError(), c.want) || ack.GetSequence() != 0 {
				t.Errorf("answered with %v, want an error with %q", ack, c.want)
			}
		})
	}
	if got := con.numbers(t); len(got) != 0 {
		t.Errorf("events %v were stored", got)
	}
}

func TestNodeSpeaksForItselfOnly(t *testing.T) {
	con := newConsole(t)
	denied := make(chan error, 8)
	conn := con.node(t, "s0001", "alpha", nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	forged := eventNo(1)
	forged.Node = "beta"
	if _, err := request(conn, "storeward.v1.s0001.beta.batch", &api.Batch{Envelopes: []*api.Envelope{forged}}, 300*time.Millisecond); err == nil {
		t.Error("a batch in the peer's name was answered")
	}
	expectDenied(t, denied)
	if _, err := conn.SubscribeSync("storeward.v1.>"); err != nil {
		t.Fatal(err)
	}
	expectDenied(t, denied)
	if _, err := conn.SubscribeSync("_INBOX.s0001.beta.>"); err != nil {
		t.Fatal(err)
	}
	expectDenied(t, denied)
	ack, err := request(conn, subject, &api.Batch{Envelopes: []*api.Envelope{eventNo(1)}}, 5*time.Second)
	if err != nil || ack.GetSequence() != 1 {
		t.Fatalf("own batch answered with %v, %v", ack, err)
	}
	if got := con.numbers(t); len(got) != 1 {
		t.Errorf("events %v stored", got)
	}
}

func expectDenied(t *testing.T, denied <-chan error) {
	t.Helper()
	select {
	case err := <-denied:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("refused with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("not refused")
	}
}

func TestStrangersStayOutside(t *testing.T) {
	con := newConsole(t)
	foreign, err := ca.Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := clientTLS(foreign, "s0001", "alpha")
	if err != nil {
		t.Fatal(err)
	}
	ours, err := clientTLS(con.authority, "s0001", "alpha")
	if err != nil {
		t.Fatal(err)
	}
	theirs.RootCAs = ours.RootCAs
	server, err := con.authority.Server(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, security := range map[string]*tls.Config{
		"foreign authority":         theirs,
		"no certificate":            {MinVersion: tls.VersionTLS13, RootCAs: ours.RootCAs, ServerName: ca.ServerName},
		"the console's certificate": {MinVersion: tls.VersionTLS13, RootCAs: ours.RootCAs, ServerName: ca.ServerName, Certificates: server.Certificates},
	} {
		if conn, err := dial(con.Address(), security, "s0001", "alpha", nats.UserInfo(consoleUser, "guess")); err == nil {
			conn.Close()
			t.Errorf("%s: let in", name)
		}
	}
}

func TestWholeStory(t *testing.T) {
	con := newConsole(t)
	ctx := context.Background()
	watcher := con.hub.Watch(100)
	defer watcher.Stop()
	conn := con.node(t, "s0001", "alpha")
	raise := eventNo(1)
	raise.GetEvent().Condition, raise.GetEvent().Incident = "unreachable", "i1"
	story := &api.Envelope{Store: "s0001", Node: "alpha", JournalId: "j1", Sequence: 2, Body: &api.Envelope_Incident{Incident: &api.Incident{
		Id: "i1", Revision: 1, Title: "beta died", Survivor: "alpha", Snapshots: []*api.Snapshot{{Node: "alpha", Source: "self"}},
	}}}
	facts := &api.Envelope{Store: "s0001", Node: "alpha", JournalId: "j1", Sequence: 3, Body: &api.Envelope_Inventory{Inventory: &api.Inventory{Facts: map[string]string{"os": "Debian"}}}}
	given := &api.Envelope{Store: "s0001", Node: "alpha", JournalId: "j1", Sequence: 5} // its points were given up
	ack, err := request(conn, subject, &api.Batch{Envelopes: []*api.Envelope{raise, story, facts, pointNo(4), given}}, 5*time.Second)
	if err != nil || ack.GetSequence() != 5 {
		t.Fatalf("answered with %v, %v", ack, err)
	}
	if alarms, err := alarm.List(ctx, con.db.Read, alarm.Query{Limit: 9}); err != nil || len(alarms) != 1 || alarms[0].Condition != "unreachable" {
		t.Errorf("alarms %+v, %v", alarms, err)
	}
	row, whole, err := incident.Read(ctx, con.db.Read, "", "i1")
	if err != nil || row.Store != "s0001" || whole.GetTitle() != "beta died" || len(whole.GetSnapshots()) != 1 {
		t.Errorf("incident %+v %v %v", row, whole, err)
	}
	if facts, err := fleet.Inventory(ctx, con.db.Read, "s0001", "alpha"); err != nil || facts["os"] != "Debian" {
		t.Errorf("inventory %v, %v", facts, err)
	}
	kinds := map[string]int{}
	for range 4 {
		select {
		case n := <-watcher.C:
			kinds[fmt.Sprintf("%T", n)]++
		case <-time.After(5 * time.Second):
			t.Fatal("news missing")
		}
	}
	if diff := cmp.Diff(map[string]int{"*db.Event": 1, "*db.Alarm": 1, "*db.Incident": 1, "live.StoreChanged": 1}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestStatus(t *testing.T) {
	con := newConsole(t)
	watcher := con.hub.Watch(100)
	defer watcher.Stop()
	conn := con.node(t, "s0001", "alpha")
	say := func(s *api.Status) {
		data, err := proto.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Publish("storeward.v1.s0001.alpha.status", data); err != nil {
			t.Fatal(err)
		}
	}
	say(&api.Status{Store: "s0001", Node: "beta", Role: "active"}) // not its own
	say(&api.Status{Store: "s0001", Node: "alpha", Role: "active", Time: timestamppb.Now()})
	select {
	case n := <-watcher.C:
		if s, ok := n.(*api.Status); !ok || s.GetNode() != "alpha" {
			t.Errorf("news %v", n)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no news")
	}
	if nodes := con.fleet.Nodes("s0001"); len(nodes) != 1 || !nodes[0].Online(time.Now()) {
		t.Errorf("nodes %+v", nodes)
	}
}

func TestAsk(t *testing.T) {
	con := newConsole(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := con.Ask(ctx, "s0001", "alpha", "status"); !errors.Is(err, ErrNotConnected) {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := con.Ask(ctx, "s0001", ">", "status"); !errors.Is(err, ErrNotConnected) {
		t.Errorf("no name: %v", err)
	}
	conn := con.node(t, "s0001", "alpha")
	_, err := conn.Subscribe("storeward.v1.s0001.alpha.ask.*", func(m *nats.Msg) {
		reply := nats.NewMsg(m.Reply)
		if strings.HasSuffix(m.Subject, ".status") {
			reply.Data = []byte("fine")
		} else {
			reply.Header.Set(api.HeaderError, "unknown question")
		}
		if err := m.RespondMsg(reply); err != nil {
			t.Error(err)
		}
	})
	if err != nil || conn.Flush() != nil {
		t.Fatal(err)
	}
	if data, err := con.Ask(ctx, "s0001", "alpha", "status"); err != nil || string(data) != "fine" {
		t.Errorf("answer %q, %v", data, err)
	}
	var refused *RefusedError
	if _, err := con.Ask(ctx, "s0001", "alpha", "riddle"); !errors.As(err, &refused) || refused.Reason != "unknown question" {
		t.Errorf("refusal: %v", err)
	}
}

func TestNoAckWithoutCommit(t *testing.T) {
	con := newConsole(t)
	if _, err := con.db.Write.ExecContext(context.Background(), "ALTER TABLE events RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	if ack := con.take(subject, batchOf(1)); ack.GetError() == "" || ack.GetSequence() != 0 {
		t.Fatalf("acknowledged what was not written: %v", ack)
	}
	if _, err := con.db.Write.ExecContext(context.Background(), "ALTER TABLE elsewhere RENAME TO events"); err != nil {
		t.Fatal(err)
	}
	if ack := con.take(subject, batchOf(1)); ack.GetSequence() != 1 {
		t.Fatalf("answered with %v", ack)
	}
	if got := con.numbers(t); len(got) != 1 {
		t.Errorf("events %v stored", got)
	}
}

func TestManyNodesAtOnce(t *testing.T) {
	con := newConsole(t)
	const stores, batches = 12, 10
	var g sync.WaitGroup
	for s := range stores {
		store := fmt.Sprintf("s%04d", s)
		conn := con.node(t, store, "alpha")
		g.Go(func() {
			for n := uint64(1); n <= batches; n++ {
				e := eventNo(n)
				e.Store = store
				ack, err := request(conn, api.Subject(store, "alpha", api.SubjectBatch), &api.Batch{Envelopes: []*api.Envelope{e}}, 20*time.Second)
				if err != nil || ack.GetSequence() != n {
					t.Errorf("%s %d answered with %v, %v", store, n, ack, err)
					return
				}
			}
		})
	}
	g.Wait()
	if n, err := con.db.Read.NewSelect().Model((*db.Event)(nil)).Count(context.Background()); err != nil || n != stores*batches {
		t.Errorf("%d events, %v", n, err)
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte("\xff"))
	f.Add(batchOf(1, 2, 3))
	f.Add(question("j1"))
	wild := eventNo(7)
	wild.Time = &timestamppb.Timestamp{Seconds: 1 << 60, Nanos: -1}
	wild.Body = &api.Envelope_Incident{Incident: &api.Incident{Id: strings.Repeat("é", 300), Opened: wild.Time, Snapshots: []*api.Snapshot{nil, {}}}}
	data, err := proto.Marshal(&api.Batch{Envelopes: []*api.Envelope{wild}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		batch, err := parse("s0001", "alpha", data)
		if err != nil {
			return
		}
		last := uint64(0)
		for _, e := range batch.GetEnvelopes() {
			if e.GetStore() != "s0001" || e.GetNode() != "alpha" || e.GetSequence() <= last {
				t.Fatalf("envelope %v taken", e)
			}
			last = e.GetSequence()
			if i := e.GetIncident(); i != nil {
				b := bounded(i, noon, noon)
				if len(b.GetId()) > 200 || !b.GetOpened().IsValid() {
					t.Fatalf("incident %v not bounded", b)
				}
				if _, err := proto.Marshal(b); err != nil {
					t.Fatalf("cut text is no UTF-8: %v", err)
				}
			}
		}
	})
}
