package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/live"
	"github.com/storeward/storeward/console/internal/series"
	"github.com/storeward/storeward/core/api"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// console is an ingest on a data directory.
type console struct {
	*Ingest
	authority *ca.Authority
	db        *db.DB
	series    *series.DB
	fleet     *fleet.Fleet
	hub       *live.Hub
}

func openConsole(dir string, committed func()) (*console, error) {
	ctx := context.Background()
	log := logrus.New()
	log.SetOutput(io.Discard)
	c := &console{hub: live.New()}
	var err error
	if c.db, err = db.Open(ctx, dir); err != nil {
		return nil, err
	}
	if c.series, err = series.Open(series.Options{Dir: filepath.Join(dir, "series"), Log: log, Now: time.Now}); err != nil {
		return nil, err
	}
	if c.fleet, err = fleet.Load(ctx, c.db.Read); err != nil {
		return nil, err
	}
	if c.authority, err = ca.Open(dir, time.Now()); err != nil {
		return nil, err
	}
	security, err := c.authority.Server(nil, time.Now())
	if err != nil {
		return nil, err
	}
	c.Ingest, err = start(Options{
		Listen: "127.0.0.1:0", TLS: security, DB: c.db, Series: c.series, Fleet: c.fleet, Hub: c.hub, Log: log, Now: time.Now,
	}, committed)
	return c, err
}

func (c *console) close() error {
	c.Close()
	c.hub.Close()
	if err := c.series.Close(); err != nil {
		return err
	}
	return c.db.Close()
}

func newConsole(t *testing.T) *console {
	t.Helper()
	c, err := openConsole(t.TempDir(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// clientTLS is the TLS configuration of a node with a certificate of the authority.
func clientTLS(a *ca.Authority, store, node string) (*tls.Config, error) {
	pair, err := a.Node(store, node, time.Now())
	if err != nil {
		return nil, err
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(a.Certificate())
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, RootCAs: pool, ServerName: ca.ServerName}, nil
}

func dial(address string, security *tls.Config, store, node string, more ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("tls://"+address, append(more, nats.TLSHandshakeFirst(), nats.Secure(security),
		nats.CustomInboxPrefix(api.InboxPrefix(store, node)), nats.NoReconnect())...)
}

func (c *console) node(t *testing.T, store, node string, more ...nats.Option) *nats.Conn {
	t.Helper()
	security, err := clientTLS(c.authority, store, node)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial(c.Address(), security, store, node, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// request sends a batch and returns the answer.
func request(conn *nats.Conn, subject string, batch *api.Batch, within time.Duration) (*api.Ack, error) {
	data, err := proto.Marshal(batch)
	if err != nil {
		return nil, err
	}
	m, err := conn.Request(subject, data, within)
	if err != nil {
		return nil, err
	}
	ack := new(api.Ack)
	return ack, proto.Unmarshal(m.Data, ack)
}

var noon = time.Now().Add(-time.Minute).Truncate(time.Second)

// eventNo is the event with this number of the journal j1 of s0001.alpha.
func eventNo(n uint64) *api.Envelope {
	return &api.Envelope{
		Store: "s0001", Node: "alpha", JournalId: "j1", Sequence: n, Time: timestamppb.New(noon),
		Body: &api.Envelope_Event{Event: &api.Event{Kind: "alarm", Severity: api.Severity_SEVERITY_WARNING, Object: "node/alpha", Message: fmt.Sprintf("number %d", n)}},
	}
}

// pointNo is a point whose value is the number, a second after the one before.
func pointNo(n uint64) *api.Envelope {
	e := eventNo(n)
	at := noon.Add(time.Duration(n) * 100 * time.Millisecond)
	e.Body = &api.Envelope_Points{Points: &api.Points{Points: []*api.Point{{
		Measurement: "host", Fields: map[string]float64{"load1": float64(n)}, TimeUnixNano: at.UnixNano(),
	}}}}
	return e
}

func batchOf(numbers ...uint64) []byte {
	b := new(api.Batch)
	for _, n := range numbers {
		b.Envelopes = append(b.Envelopes, eventNo(n))
	}
	data, err := proto.Marshal(b)
	if err != nil {
		panic(err)
	}
	return data
}

// numbers are the sequence numbers of the stored events, in the order of arrival.
func (c *console) numbers(t *testing.T) []uint64 {
	t.Helper()
	var out []uint64
	err := c.db.Read.NewSelect().Model((*db.Event)(nil)).Column("sequence").OrderExpr("key").Scan(context.Background(), &out)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const subject = "storeward.v1.s0001.alpha.batch"
