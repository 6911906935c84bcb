package ingest

import (
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/core/api"
)

// maxPayload bounds one message; the largest are incidents with the flight
// recordings of both nodes, about 1 MiB.
const maxPayload = 8 << 20

const readyWithin = 10 * time.Second

// broker is the embedded NATS server and the console's own connection to it.
type broker struct {
	server *server.Server
	conn   *nats.Conn
}

// startBroker listens for the stores. Only certificates of the console's
// authority come in, and each speaks on its own subjects only.
func startBroker(listen string, security *tls.Config, log logrus.FieldLogger) (*broker, error) {
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("link address %q is not host:port: %w", listen, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("link address %q has no number for its port", listen)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	gate := &gate{secret: rand.Text(), log: log}
	s, err := server.NewServer(&server.Options{
		ServerName: ca.ServerName, Host: host, Port: port,
		TLS: true, TLSVerify: true, TLSConfig: security, TLSTimeout: 5, TLSHandshakeFirst: true,
		CustomClientAuthentication: gate, AuthTimeout: 10,
		MaxPayload: maxPayload, MaxSubs: 64, PingInterval: 10 * time.Second, MaxPingsOut: 2,
		NoSigs: true, NoLog: true, NoSystemAccount: true,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare link: %w", err)
	}
	logger := &brokerLog{log: log}
	s.SetLoggerV2(logger, false, false, false)
	s.Start()
	if err := ready(s, logger); err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("listen for stores on %s: %w", listen, err)
	}
	logger.started()
	conn, err := nats.Connect("", nats.InProcessServer(s), nats.UserInfo(consoleUser, gate.secret),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		s.Shutdown()
		return nil, fmt.Errorf("connect to own link: %w", err)
	}
	return &broker{server: s, conn: conn}, nil
}

// ready waits until the server listens. Where it cannot, it says so in its log
// and nowhere else.
func ready(s *server.Server, l *brokerLog) error {
	for end := time.Now().Add(readyWithin); time.Now().Before(end); {
		if s.ReadyForConnections(readyWithin / 100) {
			return nil
		}
		if err := l.fatal(); err != nil {
			return err
		}
	}
	return errors.New("not ready in time")
}

func (b *broker) address() string { return b.server.Addr().String() }

func (b *broker) close() {
	b.conn.Close()
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

const consoleUser = "console"

// gate decides who may connect and on which subjects they may speak.
type gate struct {
	secret string // of the console's own connection, within this process
	log    logrus.FieldLogger
}

var _ server.Authentication = (*gate)(nil)

// Check implements server.Authentication.
func (g *gate) Check(c server.ClientAuthentication) bool {
	state := c.GetTLSConnectionState()
	if state == nil {
		o := c.GetOpts()
		return o.Username == consoleUser && subtle.ConstantTimeCompare([]byte(o.Password), []byte(g.secret)) == 1
	}
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return false
	}
	store, node, err := ca.NodeOf(state.PeerCertificates[0])
	if err != nil {
		g.log.WithError(err).Warn("link refused")
		return false
	}
	c.RegisterUser(&server.User{Username: store + "." + node, Permissions: permissions(store, node)})
	return true
}

// permissions of a node: to speak on its own subjects, to answer what it was
// asked, to listen to questions to itself and in its own inbox.
func permissions(store, node string) *server.Permissions {
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{
			api.Subject(store, node, api.SubjectBatch), api.Subject(store, node, api.SubjectStatus),
		}},
		Subscribe: &server.SubjectPermission{Allow: []string{
			api.Subject(store, node, api.SubjectAsk+".>"), api.InboxPrefix(store, node) + ".>",
		}},
		Response: &server.ResponsePermission{MaxMsgs: 1, Expires: time.Minute},
	}
}

// brokerLog gives the server's log lines to logrus and remembers a fatal one,
// after which the server would have exited.
type brokerLog struct {
	log logrus.FieldLogger

	mu   sync.Mutex
	last error
	up   bool
}

// started makes warnings count: those at the start are about our own options.
func (l *brokerLog) started() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = true
}

func (l *brokerLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *brokerLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = fmt.Errorf(format, v...)
}

// Warnf implements server.Logger.
func (l *brokerLog) Warnf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.up {
		l.log.Warnf("link: "+format, v...)
	}
}

func (l *brokerLog) Noticef(format string, v ...any) { l.log.Debugf("link: "+format, v...) }
func (l *brokerLog) Errorf(format string, v ...any)  { l.log.Warnf("link: "+format, v...) }
func (l *brokerLog) Debugf(format string, v ...any)  { l.log.Debugf("link: "+format, v...) }
func (l *brokerLog) Tracef(format string, v ...any)  { l.log.Debugf("link: "+format, v...) }
