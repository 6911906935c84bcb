package report

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
)

func quiet() logrus.FieldLogger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return l
}

// eventually waits for a condition, at most half a minute.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited half a minute for: %s", what)
		}
	}
}

// certificates makes an authority and a pair for the server and for the node in a folder.
func certificates(t *testing.T, dir string) {
	t.Helper()
	save := func(name, kind string, der []byte) {
		data := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fatal := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	fatal(err)
	save("ca.pem", "CERTIFICATE", der)
	for i, name := range []string{"server", "s1.alpha"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		fatal(err)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 2)), Subject: pkix.Name{CommonName: name},
			NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
		fatal(err)
		save(name+".pem", "CERTIFICATE", der)
		der, err = x509.MarshalECPrivateKey(key)
		fatal(err)
		save(name+".key", "EC PRIVATE KEY", der)
	}
}

// broker runs a NATS server on loopback that asks for client certificates; port 0 picks one.
func broker(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data)
	if port == 0 {
		port = -1
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, TLSHandshakeFirst: true, TLSVerify: true, TLSTimeout: 5,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert},
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(5 * time.Second) {
		t.Fatal("the broker does not come up")
	}
	return s
}

// fakeConsole commits batches in memory as the real one does: each name once, in the
// order of its arrival. It loses some acknowledgements after the commit.
type fakeConsole struct {
	mu       sync.Mutex
	got      map[uint64]string // by number
	order    []uint64
	names    []string          // JOURNAL/NUMBER MESSAGE
	marks    map[string]uint64 // by journal
	repeats  int
	statuses atomic.Int64
	lose     atomic.Int64 // acknowledgements to lose
}

func newFakeConsole() *fakeConsole {
	return &fakeConsole{got: map[uint64]string{}, marks: map[string]uint64{}}
}

func (c *fakeConsole) commit(b *api.Batch) *api.Ack {
	c.mu.Lock()
	defer c.mu.Unlock()
	journal := b.JournalId
	for _, e := range b.Envelopes {
		journal = e.JournalId
		if e.Sequence <= c.marks[journal] {
			c.repeats++
			continue
		}
		c.marks[journal] = e.Sequence
		c.order = append(c.order, e.Sequence)
		c.names = append(c.names, fmt.Sprintf("%s/%d %s", journal, e.Sequence, e.GetEvent().GetMessage()))
		c.got[e.Sequence] = e.GetEvent().GetMessage()
	}
	if len(b.Envelopes) > 0 && c.lose.Add(-1) >= 0 {
		return &api.Ack{Error: "the database is away"}
	}
	return &api.Ack{JournalId: journal, Sequence: c.marks[journal]}
}

func (c *fakeConsole) serve(t *testing.T, s *server.Server) {
	t.Helper()
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	_, err = conn.Subscribe(api.AllSubjects(api.SubjectBatch), func(m *nats.Msg) {
		var b api.Batch
		if err := proto.Unmarshal(m.Data, &b); err != nil {
			t.Error(err)
		}
		data, _ := proto.Marshal(c.commit(&b))
		m.Respond(data)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Subscribe(api.AllSubjects(api.SubjectStatus), func(*nats.Msg) { c.statuses.Add(1) }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

func (c *fakeConsole) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.got)
}

func linkOptions(dir string, port int) Options {
	return Options{
		Store: "s1", Node: "alpha", Dir: filepath.Join(dir, "box"), Log: quiet(),
		Report: config.Report{OutboxBytes: 1 << 20, Consoles: []config.Console{{
			Name: "hq", URL: config.URL(fmt.Sprintf("tls://127.0.0.1:%d", port)), CA: filepath.Join(dir, "ca.pem"),
			Certificate: filepath.Join(dir, "s1.alpha.pem"), PrivateKey: filepath.Join(dir, "s1.alpha.key"),
		}}},
		Answer: func(_ context.Context, question string, _ []byte) (proto.Message, error) {
			if question != "status" {
				return nil, errors.New("no such question")
			}
			return &api.Status{Node: "alpha"}, nil
		},
	}
}

// TestC2LinkDeliversOnceThroughTrouble: the console is away at first, then loses
// acknowledgements, then restarts, and the node restarts too: everything arrives, in order.
func TestC2LinkDeliversOnceThroughTrouble(t *testing.T) {
	dir := t.TempDir()
	certificates(t, dir)
	s := broker(t, dir, 0)
	port := s.Addr().(*net.TCPAddr).Port
	s.Shutdown()
	s.WaitForShutdown()

	r, err := New(linkOptions(dir, port))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		r.Event(&api.Event{Kind: api.KindAlarm, Message: fmt.Sprint("away ", i)})
	}
	s = broker(t, dir, port)
	console := newFakeConsole()
	console.lose.Store(2)
	console.serve(t, s)
	eventually(t, "what was sent while the console was away", func() bool { return console.count() == 20 })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	r, err = New(linkOptions(dir, port))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Event(&api.Event{Kind: api.KindAlarm, Message: "after a restart"})
	r.Status(&api.Status{Node: "alpha"})
	eventually(t, "the event after the restart", func() bool { return console.count() == 21 })
	eventually(t, "a status", func() bool { return console.statuses.Load() > 0 })
	eventually(t, "an empty outbox", func() bool { n, _, _ := r.box.stats(); return n == 0 })
	console.mu.Lock()
	defer console.mu.Unlock()
	for i, seq := range console.order {
		if seq != uint64(i+1) {
			t.Fatalf("arrived in the order %v", console.order)
		}
	}
	asking, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	reply, err := asking.Request(api.Subject("s1", "alpha", api.SubjectAsk+".status"), nil, 5*time.Second)
	var st api.Status
	if err != nil || proto.Unmarshal(reply.Data, &st) != nil || st.Node != "alpha" {
		t.Errorf("the question for the status was answered by %v, error %v", reply, err)
	}
	reply, err = asking.Request(api.Subject("s1", "alpha", api.SubjectAsk+".nonsense"), nil, 5*time.Second)
	if err != nil || reply.Header.Get(api.HeaderError) == "" {
		t.Errorf("a question that nobody can answer was answered by %v, error %v", reply, err)
	}
	s.Shutdown()
}

// TestC2InfluxSink: an endpoint that is away gets its points later; what it calls malformed holds nothing up.
func TestC2InfluxSink(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	answers := []int{503, 500, 400}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		mu.Lock()
		defer mu.Unlock()
		if len(answers) > 0 {
			w.WriteHeader(answers[0])
			answers = answers[1:]
			return
		}
		lines = append(lines, strings.TrimSpace(string(body)))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer endpoint.Close()
	r, err := New(Options{
		Store: "s1", Node: "alpha", Dir: t.TempDir(), Log: quiet(), Now: func() time.Time { return testTime },
		Report: config.Report{OutboxBytes: 1 << 20, Influx: []config.InfluxSink{{Name: "vm", URL: config.URL(endpoint.URL), Org: "o", Bucket: "b"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	point := func(v float64) *api.Points {
		return &api.Points{Points: []*api.Point{{Measurement: api.MeasureNode, Fields: map[string]float64{"active": v}}}}
	}
	r.Points(point(1))
	eventually(t, "the malformed points to be passed over", func() bool {
		mu.Lock()
		defer mu.Unlock()
		waiting, _, _ := r.box.stats()
		return len(answers) == 0 && waiting == 0
	})
	r.Points(point(2))
	eventually(t, "the second points", func() bool { mu.Lock(); defer mu.Unlock(); return len(lines) == 1 })
	want := fmt.Sprintf("node,node=alpha,store=s1 active=2 %d", testTime.UnixNano())
	if lines[0] != want {
		t.Errorf("wrote %q, want %q", lines[0], want)
	}
}

func TestBadDestinations(t *testing.T) {
	for name, rep := range map[string]config.Report{
		"console": {Consoles: []config.Console{{Name: "x", URL: "http://nowhere"}}},
		"influx":  {Influx: []config.InfluxSink{{Name: "x", URL: "nonsense"}}},
		"trap":    {Traps: []config.TrapReceiver{{Address: "nohost"}}},
	} {
		if r, err := New(Options{Store: "s1", Node: "a", Dir: t.TempDir(), Log: quiet(), Report: rep}); err == nil {
			r.Close()
			t.Errorf("%s: a destination that cannot be meant was accepted", name)
		}
	}
}
