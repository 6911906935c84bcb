package report

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
)

// ackTimeout is how long a console may take to commit one batch.
const ackTimeout = 10 * time.Second

// dialTimeout bounds one attempt to reach a console.
const dialTimeout = 3 * time.Second

// answerTimeout bounds the answer to a console's question.
const answerTimeout = 5 * time.Second

// link is the way to one console: NATS over mutual TLS. A batch is a request;
// the console replies after its database has committed it.
type link struct {
	o        Options
	name     string
	url      string
	security *tls.Config
	conn     *nats.Conn // nil until connect
	box      *outbox
	log      logrus.FieldLogger
	// place belongs to deliver; setBack takes what it finds wrong there.
	place   place
	setBack func(*overtaken)

	mu     sync.Mutex
	newest *api.Status
	fresh  chan struct{}
	lost   chan struct{} // closed when the connection that is up now is lost
}

func newLink(o Options, c config.Console, box *outbox, setBack func(*overtaken)) (*link, error) {
	if u, err := url.Parse(string(c.URL)); err != nil || u.Scheme != "tls" || u.Host == "" {
		return nil, fmt.Errorf("url %q is not an address such as tls://console.example:4222", c.URL)
	}
	security, err := clientTLS(c)
	if err != nil {
		return nil, err
	}
	return &link{
		o: o, name: "console/" + c.Name, url: string(c.URL), security: security, box: box, setBack: setBack,
		log: o.Log.WithField("sink", "console/"+c.Name), fresh: make(chan struct{}, 1), lost: make(chan struct{}),
	}, nil
}

// connect begins to hold a connection. It waits for the first attempt: with the
// WAN down that takes seconds, which a starting node must not spend on it.
func (l *link) connect(ctx context.Context) error {
	var err error
	l.conn, err = nats.Connect(l.url,
		nats.Name(l.o.Store+"."+l.o.Node),
		nats.Secure(l.security),
		nats.TLSHandshakeFirst(),
		nats.SetCustomDialer(dialer(func(network, address string) (net.Conn, error) {
			d := net.Dialer{Timeout: dialTimeout}
			return d.DialContext(ctx, network, address)
		})),
		nats.CustomInboxPrefix(api.InboxPrefix(l.o.Store, l.o.Node)),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(500*time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		nats.Timeout(dialTimeout),
		nats.PingInterval(5*time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ReconnectBufSize(-1), // what waits, waits in the outbox
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			l.disconnected()
			if err != nil {
				l.log.WithError(err).Warn("link to the console lost")
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { l.log.Info("link to the console is up again"); l.wake() }),
		nats.ConnectHandler(func(*nats.Conn) { l.log.Info("link to the console is up"); l.wake() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.log.WithError(err).Warn("link to the console reports an error")
		}),
	)
	if err != nil {
		return err
	}
	if err := l.listen(); err != nil {
		l.conn.Close()
		return err
	}
	return nil
}

// dialer makes connections that end with the link.
type dialer func(network, address string) (net.Conn, error)

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) { return d(network, address) }

// clientTLS reads the node's certificate and the console's authority.
func clientTLS(c config.Console) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.Certificate, c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("read the node's certificate: %w", err)
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read the console's authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", c.CA)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, RootCAs: roots}, nil
}

// run sends the outbox and the newest status until ctx ends.
func (l *link) run(ctx context.Context) {
	if err := l.connect(ctx); err != nil {
		l.log.WithError(err).Error("no link to the console")
		return
	}
	defer l.conn.Close()
	var speaking sync.WaitGroup
	speaking.Go(func() { l.speak(ctx) })
	forward(ctx, l.box, l.name, l.log, l.deliver)
	speaking.Wait()
}

// errLost ends the wait for an answer whose connection is gone.
var errLost = errors.New("the link was lost before the answer")

// disconnected lets go of whoever waits for an answer by the connection that
// was up: no answer comes over another one.
func (l *link) disconnected() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.lost)
	l.lost = make(chan struct{})
}

// whileUp returns a context that ends when the connection that is up now is lost.
func (l *link) whileUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	l.mu.Lock()
	lost := l.lost
	l.mu.Unlock()
	go func() {
		select {
		case <-lost:
			cancel(errLost)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// deliver sends envelopes of one journal as one request. Before the first of its
// present journal it asks how far the console knows it.
func (l *link) deliver(ctx context.Context, envelopes []*api.Envelope) (uint64, error) {
	// Before the look at the connection: a loss right after it counts too.
	ctx, release := l.whileUp(ctx)
	defer release()
	if !l.conn.IsConnected() {
		return 0, errors.New("the console cannot be reached")
	}
	first, last := envelopes[0], envelopes[len(envelopes)-1]
	if now := l.box.current(); now.journal != l.place.journal {
		l.place = now
	}
	if !l.place.asked && first.JournalId == l.place.journal {
		if _, err := l.send(ctx, &api.Batch{JournalId: first.JournalId}); err != nil {
			return 0, err
		}
		l.place.asked = true
	}
	told, err := l.send(ctx, &api.Batch{Envelopes: envelopes})
	if err != nil {
		return 0, err
	}
	if told < first.Sequence {
		return 0, fmt.Errorf("the console acknowledged number %d, which was not sent", told)
	}
	return min(told, last.Sequence), nil
}

// send sends a batch, or a question, and returns the newest number of its journal that
// the console knows. One that it cannot know of this node is an error, and is passed on.
func (l *link) send(ctx context.Context, batch *api.Batch) (uint64, error) {
	journal, known := batch.JournalId, l.place.known
	if list := batch.Envelopes; len(list) > 0 {
		journal = list[0].JournalId
		if journal == l.place.journal { // whatever becomes of it, it may be known from now on
			l.place.known = max(known, list[len(list)-1].Sequence)
		}
	}
	ack, err := l.request(ctx, batch)
	switch {
	case err != nil:
		return 0, err
	case ack.Error != "":
		return 0, fmt.Errorf("the console refused a batch: %s", ack.Error)
	case ack.JournalId != journal:
		return 0, fmt.Errorf("the console answered for journal %s, which was not sent", ack.JournalId)
	case journal == l.place.journal && ack.Sequence > l.place.known:
		why := &overtaken{console: l.name, journal: journal, known: known, told: ack.Sequence}
		l.place.known = known // what was sent was taken for a repeat
		l.setBack(why)
		return 0, why
	}
	return ack.Sequence, nil
}

// request sends a batch and returns the console's answer.
func (l *link) request(ctx context.Context, batch *api.Batch) (*api.Ack, error) {
	data, err := proto.Marshal(batch)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	reply, err := l.conn.RequestWithContext(ctx, api.Subject(l.o.Store, l.o.Node, api.SubjectBatch), data)
	if err != nil {
		if errors.Is(context.Cause(ctx), errLost) {
			err = errLost
		}
		return nil, fmt.Errorf("send a batch to the console: %w", err)
	}
	ack := new(api.Ack)
	if err := proto.Unmarshal(reply.Data, ack); err != nil {
		return nil, fmt.Errorf("read the console's answer: %w", err)
	}
	return ack, nil
}

// status notes the newest status; an older one that was not sent yet is forgotten.
func (l *link) status(s *api.Status) {
	l.mu.Lock()
	l.newest = s
	l.mu.Unlock()
	l.wake()
}

func (l *link) wake() {
	select {
	case l.fresh <- struct{}{}:
	default:
	}
}

func (l *link) speak(ctx context.Context) {
	for {
		select {
		case <-l.fresh:
		case <-ctx.Done():
			return
		}
		l.mu.Lock()
		newest := l.newest
		l.mu.Unlock()
		if newest == nil || !l.conn.IsConnected() {
			continue
		}
		data, err := proto.Marshal(newest)
		if err == nil {
			err = l.conn.Publish(api.Subject(l.o.Store, l.o.Node, api.SubjectStatus), data)
		}
		if err != nil {
			l.log.WithError(err).Debug("status not sent")
		}
	}
}

// listen answers the console's questions.
func (l *link) listen() error {
	if l.o.Answer == nil {
		return nil
	}
	subject := api.Subject(l.o.Store, l.o.Node, api.SubjectAsk)
	_, err := l.conn.Subscribe(subject+".*", func(m *nats.Msg) {
		ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
		defer cancel()
		reply := nats.NewMsg(m.Reply)
		answer, err := l.o.Answer(ctx, strings.TrimPrefix(m.Subject, subject+"."), m.Data)
		if err == nil {
			reply.Data, err = proto.Marshal(answer)
		}
		if err != nil {
			reply.Header.Set(api.HeaderError, err.Error())
		}
		if err := m.RespondMsg(reply); err != nil {
			l.log.WithError(err).Debug("answer not sent")
		}
	})
	return err
}
