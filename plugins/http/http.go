// Package http asks a web server what a customer would ask and judges the
// answer. What the server did wrong is Down or Degraded; that this machine could
// not ask at all is never taken for the server's fault.
package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
	"github.com/storeward/storeward/plugins/internal/neterr"
)

// maxBody bounds what is read of an answer, in bytes.
const maxBody = 64 << 10

// answerMargin is what a probe keeps of its caller's deadline to answer itself.
const answerMargin = 10 * time.Millisecond

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "http",
		Version:       "0.1.0",
		Summary:       "Asks an HTTP or HTTPS service and judges status, body, time and certificate.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

type instance struct {
	cfg      *Config
	password string
	body     *regexp.Regexp // nil: any
	client   *http.Client
	log      logrus.FieldLogger
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open http %s: configuration is a %T", env.Instance, config)
	}
	h := &instance{cfg: cfg, log: env.Log}
	var err error
	if h.password, err = cfg.Password.Reveal(); err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	if cfg.ExpectBody != "" {
		if h.body, err = regexp.Compile(cfg.ExpectBody); err != nil {
			return nil, fmt.Errorf("read expect_body: %w", err)
		}
	}
	trust, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	h.client = &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: !cfg.KeepAlive, MaxIdleConns: 1, TLSClientConfig: trust,
			DialContext: (&net.Dialer{}).DialContext, ForceAttemptHTTP2: true,
		},
		// A redirection is an answer like any other: where it leads to is another probe's question.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return h, nil
}

func (t TLS) config() (*tls.Config, error) {
	out := &tls.Config{ServerName: t.ServerName, InsecureSkipVerify: t.Insecure, MinVersion: tls.VersionTLS12} //nolint:gosec // the operator's choice
	if t.CA == "" {
		return out, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("read tls.ca: %w", err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read tls.ca: %s holds no certificate", t.CA)
	}
	return out, nil
}

// Close drops a kept connection.
func (h *instance) Close() error {
	h.client.CloseIdleConnections()
	return nil
}

// errNoTime: the question came too late to be asked.
var errNoTime = errors.New("no time is left to ask")

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	took    time.Duration
	expires time.Time // of the server's certificate; zero without TLS
}

// ask sends one request. limit is the time it was given.
func (h *instance) ask(ctx context.Context) (a answer, limit time.Duration, err error) {
	limit = h.cfg.Timeout.Std()
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)-answerMargin)
	}
	if limit <= 0 {
		return answer{}, limit, errNoTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request, err := h.request(ctx)
	if err != nil {
		return answer{}, limit, err
	}
	begin := sdk.Monotonic()
	response, err := h.client.Do(request)
	if err != nil {
		return answer{}, limit, err
	}
	defer func() { _ = response.Body.Close() }()
	a = answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, maxBody)); err != nil {
		return answer{}, limit, err
	}
	a.took = sdk.Monotonic() - begin
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		a.expires = response.TLS.PeerCertificates[0].NotAfter
	}
	return a, limit, nil
}

func (h *instance) request(ctx context.Context) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, h.cfg.Method, h.cfg.URL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("User-Agent", "storeward")
	for name, value := range h.cfg.Headers {
		if strings.EqualFold(name, "host") {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	if h.cfg.User != "" {
		request.SetBasicAuth(h.cfg.User, h.password)
	}
	return request, nil
}

// Probe asks once.
func (h *instance) Probe(ctx context.Context) (sdk.Result, error) {
	if err := h.usable(); err != nil {
		return sdk.Result{}, err
	}
	a, limit, err := h.ask(ctx)
	if err != nil {
		return h.unanswered(err, limit)
	}
	status, message := h.judge(a)
	values := map[string]float64{
		"response_seconds": a.took.Seconds(), "status_code": float64(a.status), "body_bytes": float64(len(a.body)),
	}
	if !a.expires.IsZero() {
		values["certificate_seconds_remaining"] = time.Until(a.expires).Seconds()
	}
	return sdk.Result{Status: status, Message: message, Values: values}, nil
}

// usable: without its own interface this machine cannot ask.
func (h *instance) usable() error {
	if h.cfg.Interface == "" {
		return nil
	}
	iface, err := net.InterfaceByName(h.cfg.Interface)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", h.cfg.Interface, err)
	}
	if iface.Flags&(net.FlagUp|net.FlagRunning) != net.FlagUp|net.FlagRunning {
		return fmt.Errorf("ask %s: own interface %s is down", h.cfg.URL, h.cfg.Interface)
	}
	return nil
}

// unanswered judges why no answer came. No answer in time is the server's
// failure: the customer waits as long.
func (h *instance) unanswered(err error, limit time.Duration) (sdk.Result, error) {
	if neterr.CannotAsk(err) || errors.Is(err, errNoTime) {
		return sdk.Result{}, fmt.Errorf("ask %s: %w", h.cfg.URL, err)
	}
	message := fmt.Sprintf("no answer from %s: %v", h.cfg.URL, reason(err))
	switch {
	case neterr.Timeout(err):
		message = fmt.Sprintf("no answer from %s within %s", h.cfg.URL, spoken.Duration(limit.Round(time.Millisecond)))
	case neterr.Refused(err):
		message = fmt.Sprintf("%s refuses connections", h.cfg.URL)
	}
	return sdk.Result{Status: sdk.Down, Message: message}, nil
}

// reason drops the method and URL that the client puts before every error.
func reason(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// judge looks at an answer.
func (h *instance) judge(a answer) (sdk.Status, string) {
	said := strconv.Itoa(a.status) + " " + http.StatusText(a.status)
	switch {
	case !h.expected(a.status):
		return sdk.Down, fmt.Sprintf("%s answered %s", h.cfg.URL, said)
	case h.body != nil && !h.body.Match(a.body):
		return sdk.Down, fmt.Sprintf("%s answered %s with a body that does not match %q", h.cfg.URL, said, h.cfg.ExpectBody)
	case h.cfg.Slow > 0 && a.took >= h.cfg.Slow.Std():
		return sdk.Degraded, fmt.Sprintf("%s answered %s slowly: after %s", h.cfg.URL, said, spoken.Duration(a.took))
	}
	if left := time.Until(a.expires); !a.expires.IsZero() && h.cfg.TLS.ExpiresWithin > 0 && left < h.cfg.TLS.ExpiresWithin.Std() {
		return sdk.Degraded, fmt.Sprintf("the certificate of %s expires on %s", h.cfg.URL, a.expires.UTC().Format(time.DateOnly))
	}
	return sdk.OK, fmt.Sprintf("%s answered %s in %s", h.cfg.URL, said, spoken.Duration(a.took))
}

func (h *instance) expected(status int) bool {
	if len(h.cfg.ExpectStatus) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.Contains(h.cfg.ExpectStatus, status)
}

// evidenceBody bounds how much of a body goes into a snapshot, in bytes.
const evidenceBody = 2 << 10

// Evidence contributes one answer as it came.
func (h *instance) Evidence(ctx context.Context) ([]sdk.Item, error) {
	a, _, err := h.ask(ctx)
	if err != nil {
		return []sdk.Item{{Name: "http/answer", Text: fmt.Sprintf("no answer from %s: %v", h.cfg.URL, reason(err))}}, nil
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d %s after %s\n", a.status, http.StatusText(a.status), spoken.Duration(a.took))
	for _, name := range []string{"Server", "Date", "Content-Type", "Location", "Retry-After"} {
		if value := a.header.Get(name); value != "" {
			fmt.Fprintf(&text, "%s: %s\n", name, value)
		}
	}
	text.WriteString("\n" + strings.ToValidUTF8(string(a.body[:min(len(a.body), evidenceBody)]), "?"))
	return []sdk.Item{{
		Name: "http/answer", Text: text.String(),
		Values: map[string]float64{"response_seconds": a.took.Seconds(), "status_code": float64(a.status)},
	}}, nil
}
