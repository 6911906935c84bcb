package ingest

import (
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

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
