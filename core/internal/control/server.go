package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	maxBody      = 64 << 10
	maxFile      = 8 << 20 // a configuration of the greatest size, escaped
	defaultLimit = 50
)

// Serve answers on DIR/control.sock until ctx ends. A socket that an earlier
// daemon left behind is replaced.
func Serve(ctx context.Context, dir string, daemon Daemon, log logrus.FieldLogger) error {
	path := filepath.Join(dir, SocketName)
	listener, err := listen(ctx, path)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler(daemon, log),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve control socket %s: %w", path, err)
	}
	return nil
}

func listen(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("sweep control socket: %w", err)
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("guard control socket: %w", err)
	}
	return listener, nil
}

func handler(d Daemon, log logrus.FieldLogger) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/state", answer(log, func(r *http.Request) (any, error) { return d.State(r.Context()) }))
	mux.HandleFunc("GET /v1/history", answer(log, func(r *http.Request) (any, error) {
		return d.History(r.Context(), limit(r))
	}))
	mux.HandleFunc("GET /v1/plan", answer(log, func(r *http.Request) (any, error) { return d.Plan(r.Context()) }))
	mux.HandleFunc("GET /v1/timing", answer(log, func(r *http.Request) (any, error) { return d.Timing(r.Context()) }))
	mux.HandleFunc("GET /v1/decisions", answer(log, func(r *http.Request) (any, error) { return text(d.Decisions(r.Context())) }))
	mux.HandleFunc("GET /v1/configuration", answer(log, func(r *http.Request) (any, error) {
		return text(d.Configuration(r.Context()))
	}))
	mux.HandleFunc("POST /v1/reload", answer(log, func(r *http.Request) (any, error) { return d.Reload(r.Context()) }))
	mux.HandleFunc("POST /v1/command", answer(log, func(r *http.Request) (any, error) {
		command, err := body[Command](r, maxBody)
		if err != nil {
			return nil, err
		}
		return d.Command(r.Context(), command)
	}))
	mux.HandleFunc("GET /v1/difference", answer(log, func(r *http.Request) (any, error) { return d.PeerDifference(r.Context()) }))
	mux.HandleFunc("POST /v1/difference", answer(log, func(r *http.Request) (any, error) {
		file, err := body[File](r, maxFile)
		if err != nil {
			return nil, err
		}
		return d.Difference(r.Context(), file)
	}))
	return mux
}

// body is a request's one JSON value, strictly read.
func body[T any](r *http.Request, most int64) (out T, err error) {
	decoder := json.NewDecoder(io.LimitReader(r.Body, most))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&out); err != nil {
		return out, fmt.Errorf("%w: decode request: %w", ErrRefused, err)
	}
	return out, nil
}

// textBody carries an answer that is one text.
type textBody struct {
	Text string `json:"text"`
}

func text(s string, err error) (any, error) { return textBody{s}, err }

func limit(r *http.Request) int {
	if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && n > 0 {
		return min(n, MostEntries)
	}
	return defaultLimit
}

type failure struct {
	Error   string `json:"error"`
	Refused bool   `json:"refused"`
}

func answer(log logrus.FieldLogger, do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := do(r)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			body = failure{Error: err.Error(), Refused: errors.Is(err, ErrRefused)}
			w.WriteHeader(http.StatusConflict)
		}
		if err := json.NewEncoder(w).Encode(body); err != nil {
			log.WithError(err).Debug("control answer not delivered")
		}
	}
}
