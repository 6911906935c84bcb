package ingest

import (
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/alarm"
	"github.com/storeward/storeward/core/api"
)

// TestNumbersThatAreNone: a batch that the database could never take would hold
// up its node for ever.
func TestNumbersThatAreNone(t *testing.T) {
	c := newConsole(t)
	conn := c.node(t, "s0001", "alpha")
	e := eventNo(1)
	e.Body = &api.Envelope_Incident{Incident: &api.Incident{Id: "i1", RecoverySeconds: math.NaN()}}
	ack, err := request(conn, subject, &api.Batch{Envelopes: []*api.Envelope{e, eventNo(2)}}, 5*time.Second)
	if err != nil || ack.GetError() != "" || ack.GetSequence() != 2 {
		t.Errorf("%v, %v", ack, err)
	}
}

// TestGarbage: whatever a node sends is answered, and the next batch is taken.
func TestGarbage(t *testing.T) {
	c := newConsole(t)
	conn := c.node(t, "s0001", "alpha")
	for name, data := range map[string][]byte{
		"empty": {}, "no protobuf": []byte("\xff\xff\xff"), "seven MiB": make([]byte, 7<<20),
		"no UTF-8": append(batchOf(1)[:len(batchOf(1))-1], 0xff),
	} {
		m, err := conn.Request(subject, data, 5*time.Second)
		ack := new(api.Ack)
		if err != nil || proto.Unmarshal(m.Data, ack) != nil || ack.GetError() == "" {
			t.Errorf("%s: %v, %v", name, ack, err)
		}
	}
	if err := conn.PublishMsg(&nats.Msg{Subject: subject, Data: []byte("no reply asked")}); err != nil {
		t.Error(err)
	}
	if ack, err := request(conn, subject, &api.Batch{Envelopes: []*api.Envelope{eventNo(1)}}, 5*time.Second); err != nil || ack.GetSequence() != 1 {
		t.Errorf("%v, %v", ack, err)
	}
}

// TestClockOfAnotherCentury: what a node with a mad clock has told holds against nobody's
// later word, and an incident's charts end.
func TestClockOfAnotherCentury(t *testing.T) {
	c := newConsole(t)
	mad := timestamppb.New(time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC))
	tell := func(node string, at *timestamppb.Timestamp, severity api.Severity, sequence uint64) {
		e := eventNo(sequence)
		e.Node, e.Time = node, at
		e.GetEvent().Object, e.GetEvent().Condition, e.GetEvent().Severity = "fence/ups-a", "unhealthy", severity
		ack, err := request(c.node(t, "s0001", node), api.Subject("s0001", node, api.SubjectBatch), &api.Batch{Envelopes: []*api.Envelope{e}}, 5*time.Second)
		if err != nil || ack.GetError() != "" {
			t.Fatal(ack, err)
		}
	}
	stand := func(want int) {
		t.Helper()
		rows, err := alarm.List(t.Context(), c.db.Read, alarm.Query{Limit: 10})
		if err != nil || len(rows) != want {
			t.Errorf("%d alarms, want %d: %v", len(rows), want, err)
		}
	}
	tell("alpha", mad, api.Severity_SEVERITY_MAJOR, 1)
	stand(1)
	tell("beta", timestamppb.New(time.Now().Add(time.Second)), api.Severity_SEVERITY_CLEARED, 1)
	stand(0)
	tell("alpha", mad, api.Severity_SEVERITY_MAJOR, 2)
	tell("alpha", mad, api.Severity_SEVERITY_CLEARED, 3)
	tell("beta", timestamppb.New(time.Now().Add(2*time.Second)), api.Severity_SEVERITY_MAJOR, 2)
	stand(1)

	at := time.Now()
	entries := []*api.TimelineEntry{{}, {Time: &timestamppb.Timestamp{Seconds: 1 << 60}}}
	for range 10 * maxTimeline {
		entries = append(entries, &api.TimelineEntry{Time: mad})
	}
	in := bounded(&api.Incident{Opened: mad, Closed: mad, Timeline: entries}, at, at)
	if len(in.GetTimeline()) != maxTimeline || in.GetOpened().AsTime().After(at) || in.GetClosed().AsTime().After(at) {
		t.Errorf("an incident of %d entries, from %v to %v", len(in.GetTimeline()), in.GetOpened().AsTime(), in.GetClosed().AsTime())
	}
	for _, e := range in.GetTimeline() {
		if e.GetTime().AsTime().After(at) {
			t.Fatalf("an entry of %v", e.GetTime().AsTime())
		}
	}
}
