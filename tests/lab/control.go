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
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/tests/fakes/serialline"
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

// Do carries out one command in words, as the lab command takes them.
func (l *Lab) Do(ctx context.Context, words ...string) error {
	verb, rest := "", words
	if len(words) > 0 {
		verb, rest = words[0], words[1:]
	}
	switch {
	case verb == "kill" && len(rest) == 1:
		return l.withNode(rest[0], (*Node).Kill)
	case verb == "power-on" && len(rest) == 1:
		return l.withNode(rest[0], (*Node).PowerOn)
	case verb == "cut" && len(rest) == 1:
		return l.Cut(rest[0])
	case verb == "mend" && len(rest) == 1:
		return l.Mend(rest[0])
	case verb == "loss" && len(rest) == 3:
		return l.loss(ctx, rest[0], rest[1], rest[2])
	case verb == "serial" && (len(rest) == 1 || len(rest) == 2):
		return l.serial(rest[0], rest[1:])
	case verb == "ups" && len(rest) >= 2:
		return l.withNode(rest[0], func(n *Node) error { return n.UPS().behave(rest[1:]) })
	case verb == "down" && len(rest) == 0:
		l.downOnce.Do(func() { close(l.downAsk) })
		return nil
	}
	return fmt.Errorf("cannot %q: there are kill NODE, power-on NODE, cut LINK, mend LINK, loss NODE lan|cable PERCENT, serial %s [STORE], ups NODE %s, down",
		strings.Join(words, " "), serialWords, upsWords)
}

const serialWords = "well|garble|cross|hoard|deliver"

// serial makes a store's serial cable ill or well, in words; it is cut as every other link.
func (l *Lab) serial(word string, where []string) error {
	store := l.Stores[0]
	for _, s := range l.Stores {
		if len(where) == 1 && s.Name == where[0] {
			store, where = s, nil
		}
	}
	if len(where) > 0 {
		return fmt.Errorf("no store %q in lab %s", where[0], l.Name)
	}
	b := store.Serial.Behaviour()
	b = serialline.Behaviour{Baud: b.Baud, Cut: b.Cut}
	switch word {
	case "well":
	case "garble":
		b.Garble = 0.05 // no frame survives
	case "cross":
		b.Crossed = true
	case "hoard":
		b.Hoard = true
	case "deliver":
		store.Serial.Deliver()
	default:
		return fmt.Errorf("the serial cable cannot %q: %s", word, serialWords)
	}
	store.Serial.Set(b)
	l.tell("link", store.Name+"/serial", "told: "+word)
	return nil
}

const upsWords = "well|refuse [STATUS]|silent|lie-on|slow MILLISECONDS|pending MILLISECONDS|reboot SECONDS [lost]|worn|battery [PERCENT]|mains|on|off|kind=KIND [outlets=1,2]"

func (l *Lab) withNode(id string, act func(*Node) error) error {
	node, err := l.Find(id)
	if err != nil {
		return err
	}
	return act(node)
}

func (l *Lab) loss(ctx context.Context, id, link, share string) error {
	percent, err := strconv.Atoi(strings.TrimSuffix(share, "%"))
	name, known := map[string]string{"lan": LAN, "cable": Cable}[link]
	if err != nil || !known {
		return fmt.Errorf("loss of %s on %q: the link is lan or cable, the share a percentage", share, link)
	}
	return l.withNode(id, func(n *Node) error { return l.Lose(ctx, n, name, percent) })
}

// behave makes the UPS ill or well, or another one, in words.
func (u *UPS) behave(words []string) error {
	u.node.Store.lab.tell("ups", u.node.ID(), "UPS told: "+strings.Join(words, " "))
	if kind, told := strings.CutPrefix(words[0], "kind="); told {
		return u.become(kind, words[1:])
	}
	switch words[0] {
	case "battery", "mains":
		if err := u.SetMains(words[0] == "mains"); err != nil || len(words) == 1 {
			return err
		}
		percent, err := strconv.Atoi(words[1])
		if err != nil || words[0] == "mains" || percent < 0 || percent > 100 {
			return fmt.Errorf("a battery has 0 to 100 percent, not %s", words[1])
		}
		u.Drain(percent)
		return nil
	case "on", "off":
		return u.Switch(words[0] == "on")
	}
	b, err := illness(words)
	if err != nil {
		return err
	}
	u.SetBehaviour(b)
	return nil
}

// illness reads what a UPS suffers from.
func illness(words []string) (upssim.Behaviour, error) {
	amount := func(unit time.Duration) (time.Duration, error) {
		if len(words) < 2 {
			return 0, fmt.Errorf("%s needs a number", words[0])
		}
		n, err := strconv.Atoi(words[1])
		return time.Duration(n) * unit, err
	}
	var b upssim.Behaviour
	var err error
	switch words[0] {
	case "well":
	case "refuse":
		b.Refuse = "genErr"
		if len(words) > 1 {
			b.Refuse = words[1]
		}
		if _, known := upssim.Refusals[b.Refuse]; !known {
			err = fmt.Errorf("a UPS cannot refuse with %q", b.Refuse)
		}
	case "silent":
		b.Silent = true
	case "lie-on":
		b.LieOn = true
	case "worn":
		b.Worn = true
	case "slow":
		b.Slow, err = amount(time.Millisecond)
	case "pending":
		b.Pending, err = amount(time.Millisecond)
	case "reboot":
		b.Reboot, err = amount(time.Second)
		b.Lost = len(words) > 2 && words[2] == "lost"
	default:
		err = fmt.Errorf("a UPS cannot be %q: %s", words[0], upsWords)
	}
	return b, err
}

// become makes the UPS one of another kind while the node runs on.
func (u *UPS) become(kind string, words []string) error {
	var outlets []int
	for _, word := range words {
		list, told := strings.CutPrefix(word, "outlets=")
		if !told {
			return fmt.Errorf("a kind has outlets=1,2 and no %q", word)
		}
		for number := range strings.SplitSeq(list, ",") {
			n, err := strconv.Atoi(number)
			if err != nil {
				return err
			}
			outlets = append(outlets, n)
		}
	}
	return u.Become(kind, outlets...)
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
				ID: n.ID(), PID: n.PID(), Boots: n.Boots(), Output: n.UPS().On(), Addresses: n.addresses(),
			})
		}
		status.Stores = append(status.Stores, store)
	}
	for _, v := range l.Audit.Violations() {
		status.Violations = append(status.Violations, v.Text)
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
