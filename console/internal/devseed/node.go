package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/app"
	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/core/api"
)

// maxBatch is as much as a node sends at once.
const maxBatch = 400

// node plays one node of a store on the link.
type node struct {
	store, name string
	journal     string
	sequence    uint64
	conn        *nats.Conn
}

// connect enrols the node and connects it as a real one would.
func connect(ctx context.Context, data, link, store, name string) (*node, error) {
	dir := filepath.Join(data, "nodes", store, name)
	if _, err := os.Stat(filepath.Join(dir, ca.NodeKeyFile)); errors.Is(err, os.ErrNotExist) {
		if err := app.Enrol(ctx, data, store, name, dir, time.Now()); err != nil {
			return nil, err
		}
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, ca.NodeCertFile), filepath.Join(dir, ca.NodeKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	authority, err := os.ReadFile(filepath.Join(dir, ca.AuthorityFile))
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	conn, err := nats.Connect("tls://"+link, nats.TLSHandshakeFirst(), nats.CustomInboxPrefix(api.InboxPrefix(store, name)),
		nats.Secure(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, RootCAs: pool, ServerName: ca.ServerName}))
	if err != nil {
		return nil, fmt.Errorf("connect %s.%s: %w", store, name, err)
	}
	return &node{store: store, name: name, journal: strconv.FormatInt(time.Now().UnixNano(), 36), conn: conn}, nil
}

// send delivers envelopes and waits for the acknowledgements.
func (n *node) send(ctx context.Context, envelopes ...*api.Envelope) error {
	for len(envelopes) > 0 {
		part := envelopes[:min(maxBatch, len(envelopes))]
		envelopes = envelopes[len(part):]
		for _, e := range part {
			n.sequence++
			e.Store, e.Node, e.JournalId, e.Sequence = n.store, n.name, n.journal, n.sequence
		}
		data, err := proto.Marshal(&api.Batch{Envelopes: part})
		if err != nil {
			return fmt.Errorf("encode batch: %w", err)
		}
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		reply, err := n.conn.RequestWithContext(ctx, api.Subject(n.store, n.name, api.SubjectBatch), data)
		cancel()
		if err != nil {
			return fmt.Errorf("send batch: %w", err)
		}
		ack := new(api.Ack)
		if err := proto.Unmarshal(reply.Data, ack); err != nil {
			return fmt.Errorf("decode acknowledgement: %w", err)
		}
		if ack.GetError() != "" || ack.GetSequence() != n.sequence {
			return fmt.Errorf("batch up to %d answered with %d %q", n.sequence, ack.GetSequence(), ack.GetError())
		}
	}
	return nil
}

// say publishes a status.
func (n *node) say(s *api.Status) error {
	data, err := proto.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return n.conn.Publish(api.Subject(n.store, n.name, api.SubjectStatus), data)
}

func event(at time.Time, ev *api.Event) *api.Envelope {
	return &api.Envelope{Time: timestamppb.New(at), Body: &api.Envelope_Event{Event: ev}}
}

func points(at time.Time, p []*api.Point) *api.Envelope {
	return &api.Envelope{Time: timestamppb.New(at), Body: &api.Envelope_Points{Points: &api.Points{Points: p}}}
}

func incidentOf(at time.Time, i *api.Incident) *api.Envelope {
	return &api.Envelope{Time: timestamppb.New(at), Body: &api.Envelope_Incident{Incident: proto.CloneOf(i)}}
}
