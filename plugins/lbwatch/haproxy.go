package lbwatch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/neterr"
)

// statsBound is the most of an answer that is read, in bytes.
const statsBound = 4 << 20

// haproxyWatch asks HAProxy for its statistics.
type haproxyWatch struct {
	cfg      HAProxy
	password string
	client   *http.Client
}

func newHAProxyWatch(cfg HAProxy) (*haproxyWatch, error) {
	password, err := cfg.Password.Reveal()
	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	return &haproxyWatch{cfg, password, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}, nil
}

// Close has nothing to end.
func (w *haproxyWatch) Close() error { return nil }

func (w *haproxyWatch) look(ctx context.Context) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout.Std())
	defer cancel()
	ask := w.askSocket
	if w.cfg.URL != "" {
		ask = w.askPage
	}
	text, err := ask(ctx)
	if v, isDown := notServing(err); isDown {
		return v, nil
	}
	if err != nil {
		return view{}, fmt.Errorf("ask HAProxy: %w", err)
	}
	stats, err := parseStats(text)
	if err != nil {
		return view{}, fmt.Errorf("read HAProxy's statistics: %w", err)
	}
	return stats.judge(w.cfg.Backends)
}

// notServing sorts out the errors that show a HAProxy that is not there or does not answer.
func notServing(err error) (view, bool) {
	switch {
	case err == nil:
	case neterr.Refused(err), errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNRESET), errors.Is(err, io.EOF):
		return view{status: sdk.Down, message: "HAProxy does not run: " + err.Error()}, true
	case neterr.Timeout(err):
		return view{status: sdk.Down, message: "HAProxy does not answer: " + err.Error()}, true
	}
	return view{}, false
}

// askSocket asks the statistics socket, HAProxy Management Guide section 9.3, "show stat".
func (w *haproxyWatch) askSocket(ctx context.Context) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", w.cfg.Socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, "show stat\n"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(conn, statsBound))
	if err == nil && len(text) == 0 {
		return "", io.EOF
	}
	return string(text), err
}

// askPage asks the statistics page for its CSV form.
func (w *haproxyWatch) askPage(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.cfg.URL, ";csv")+";csv", nil)
	if err != nil {
		return "", err
	}
	if w.cfg.User != "" {
		request.SetBasicAuth(w.cfg.User, w.password)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, statsBound))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", w.cfg.URL, response.Status)
	}
	return string(text), err
}
