package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk/spoken"
)

// ErrNoDaemon says that nobody answers on the socket, or not in time.
var ErrNoDaemon = errors.New("the daemon does not answer")

// patience is how long a client waits for an answer. A daemon that hangs, or was
// stopped, keeps its socket open and never says anything.
type patience struct {
	read    time.Duration // of what the daemon knows
	compare time.Duration // of what it asks its plugins or the peer for
	order   time.Duration // longer than it waits itself, for its policy and the peer, or for its plugins
}

var usualPatience = patience{read: 5 * time.Second, compare: 15 * time.Second, order: time.Minute}

// Client talks to the daemon of this node.
type Client struct {
	http     *http.Client
	socket   string
	patience patience
}

// NewClient speaks to the daemon whose run directory is dir.
func NewClient(dir string) *Client {
	socket := filepath.Join(dir, SocketName)
	return &Client{socket: socket, patience: usualPatience, http: &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// State asks how the store is.
func (c *Client) State(ctx context.Context) (out State, err error) {
	return out, c.ask(ctx, c.patience.read, http.MethodGet, "state", nil, &out)
}

// History asks what happened last, newest first.
func (c *Client) History(ctx context.Context, limit int) (out []Entry, err error) {
	return out, c.ask(ctx, c.patience.read, http.MethodGet, "history?limit="+strconv.Itoa(limit), nil, &out)
}

// Plan asks what the policy would do now.
func (c *Client) Plan(ctx context.Context) (out Plan, err error) {
	return out, c.ask(ctx, c.patience.read, http.MethodGet, "plan", nil, &out)
}

// Timing asks how beats arrive.
func (c *Client) Timing(ctx context.Context) (out Timing, err error) {
	return out, c.ask(ctx, c.patience.read, http.MethodGet, "timing", nil, &out)
}

// Decisions asks for the ring of decision inputs, a scenario's text.
func (c *Client) Decisions(ctx context.Context) (string, error) {
	var out textBody
	err := c.ask(ctx, c.patience.read, http.MethodGet, "decisions", nil, &out)
	return out.Text, err
}

// Configuration asks for the running configuration.
func (c *Client) Configuration(ctx context.Context) (string, error) {
	var out textBody
	err := c.ask(ctx, c.patience.read, http.MethodGet, "configuration", nil, &out)
	return out.Text, err
}

// Difference asks what a configuration file would change.
func (c *Client) Difference(ctx context.Context, file File) (out Difference, err error) {
	return out, c.ask(ctx, c.patience.compare, http.MethodPost, "difference", file, &out)
}

// PeerDifference asks how the peer's running configuration differs.
func (c *Client) PeerDifference(ctx context.Context) (out Difference, err error) {
	return out, c.ask(ctx, c.patience.compare, http.MethodGet, "difference", nil, &out)
}

// Command hands over an operator's command.
func (c *Client) Command(ctx context.Context, command Command) (out Reply, err error) {
	return out, c.ask(ctx, c.patience.order, http.MethodPost, "command", command, &out)
}

// Reload asks the daemon to read its configuration file again.
func (c *Client) Reload(ctx context.Context) (out Reply, err error) {
	return out, c.ask(ctx, c.patience.order, http.MethodPost, "reload", nil, &out)
}

// ask waits at most so long for an answer.
func (c *Client) ask(ctx context.Context, most time.Duration, method, path string, in, out any) error {
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := c.exchange(bounded, method, path, in, out)
	if err == nil || bounded.Err() == nil || ctx.Err() != nil {
		return err
	}
	if most == c.patience.order {
		return fmt.Errorf("%w within %s: it may hang, and do later what it was told: storewardctl status and history tell", ErrNoDaemon, spoken.Duration(most))
	}
	return fmt.Errorf("%w within %s: it may hang", ErrNoDaemon, spoken.Duration(most))
}

func (c *Client) exchange(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fmt.Errorf("encode question: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://daemon/v1/"+path, &body)
	if err != nil {
		return fmt.Errorf("make question: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		var broken *url.Error
		if errors.As(err, &broken) {
			err = broken.Err
		}
		return fmt.Errorf("%w on %s: %w", ErrNoDaemon, c.socket, err)
	}
	defer func() { _ = response.Body.Close() }()
	decoder := json.NewDecoder(response.Body)
	if response.StatusCode != http.StatusOK {
		return refusal(response.StatusCode, decoder)
	}
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("decode the daemon's answer: %w", err)
	}
	return nil
}

// refusal turns an answer that is not OK into an error with the daemon's own sentence.
func refusal(code int, decoder *json.Decoder) error {
	var f failure
	if err := decoder.Decode(&f); err != nil || f.Error == "" {
		return fmt.Errorf("the daemon answered with status %d", code)
	}
	if f.Refused {
		sentence := strings.TrimPrefix(f.Error, ErrRefused.Error()+": ")
		return fmt.Errorf("%w: %s", ErrRefused, sentence)
	}
	return errors.New(f.Error)
}
