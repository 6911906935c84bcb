package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/storeward/storeward/tests/fakes/upssim"
)

func controlSocket(name string) string { return filepath.Join(runDir(name), "control.sock") }

// serveControl lets other processes of root act on the lab: HTTP over a unix socket.
func (l *Lab) serveControl() error {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", controlSocket(l.Name))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(l.Status())
	})
	mux.HandleFunc("POST /do", func(w http.ResponseWriter, r *http.Request) {
		if err := l.Do(r.Context(), r.URL.Query()["word"]...); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	l.AtDown(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// Status is what the lab knows of itself.
type Status struct {
	Name       string        `json:"name"`
	Stores     []StoreStatus `json:"stores"`
	Violations []string      `json:"violations"`
}

// StoreStatus is one store of a Status.
type StoreStatus struct {
	Name  string       `json:"name"`
	Nodes []NodeStatus `json:"nodes"`
	Cut   []string     `json:"cut"` // links cut on purpose
}

// NodeStatus is one node of a Status.
type NodeStatus struct {
	ID        string   `json:"id"`
	PID       int      `json:"pid"` // 0: no power
	Boots     int      `json:"boots"`
	Output    bool     `json:"output"`    // its UPS's output is on
	Battery   bool     `json:"battery"`   // its UPS runs on battery
	UPSIll    bool     `json:"ups_ill"`   // its UPS was told to refuse, lie or worse
	Addresses []string `json:"addresses"` // the virtual ones included
}

// Status reads the state of everything.
func (l *Lab) Status() Status {
	status := Status{Name: l.Name, Violations: []string{}}
	for _, s := range l.Stores {
		store := StoreStatus{Name: s.Name, Cut: []string{}}
		s.mu.Lock()
		for link, cut := range s.cut {
			if cut {
				store.Cut = append(store.Cut, link)
			}
		}
		s.mu.Unlock()
		for _, n := range s.Nodes {
			store.Nodes = append(store.Nodes, NodeStatus{
				ID: n.ID(), PID: n.PID(), Boots: n.Boots(), Output: n.UPS().On(), Battery: n.UPS().OnBattery(),
				UPSIll: n.UPS().Behaviour() != (upssim.Behaviour{}), Addresses: n.addresses(),
			})
		}
		status.Stores = append(status.Stores, store)
	}
	for _, v := range l.Audit.Violations() {
		status.Violations = append(status.Violations, v.Subject+": "+v.Text)
	}
	return status
}

// Client acts on a lab that another process runs.
type Client struct{ http *http.Client }

// ErrNotRunning is answered when there is no lab of that name.
var ErrNotRunning = errors.New("no lab of this name is running")

// Connect finds the running lab of that name.
func Connect(name string) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", controlSocket(name))
	}
	connection, err := dial(context.Background(), "", "")
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotRunning, name)
	}
	connection.Close()
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, nil
}

// Only returns the name of the lab that runs, where there is exactly one.
func Only() (string, error) {
	sockets, err := filepath.Glob(controlSocket("*"))
	if err != nil {
		return "", err
	}
	var names []string
	for _, socket := range sockets { // those of crashed labs answer nothing
		name := filepath.Base(filepath.Dir(socket))
		if _, err := Connect(name); err == nil {
			names = append(names, name)
		}
	}
	switch len(names) {
	case 0:
		return "", errors.New("no lab is running")
	case 1:
		return names[0], nil
	}
	return "", fmt.Errorf("several labs are running, say which with -name: %s", strings.Join(names, ", "))
}

// Do carries out a command in words, see Lab.Do.
func (c *Client) Do(ctx context.Context, words ...string) error {
	_, err := c.ask(ctx, http.MethodPost, "/do?"+url.Values{"word": words}.Encode())
	return err
}

// Down asks the lab's process to take the lab down.
func (c *Client) Down(ctx context.Context) error { return c.Do(ctx, "down") }

// Status reads the state of everything.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	text, err := c.ask(ctx, http.MethodGet, "/status")
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal(text, &status)
}

func (c *Client) ask(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return text, nil
}
