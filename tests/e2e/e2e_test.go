// Package e2e holds the end-to-end tests: the whole product on real nodes in the
// lab, named after the requirement that each shows. They need root and the
// programs in build/bin, and judge by what an operator can see.
package e2e

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/storeward/storeward/contrib/retail"
	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

const tillWord = "till"

func TestMain(m *testing.M) {
	if code, ok := lab.RunHelper(); ok {
		os.Exit(code)
	}
	if len(os.Args) > 1 && os.Args[1] == tillWord {
		if err := retail.Run(os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if filepath.Base(os.Args[0]) == sickPlugins {
		err := stand.Run(os.Args[1:])
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// store is a site under test.
type store struct {
	*harness.Site
	t *testing.T
}

// open builds a store, waits until it is whole, and takes it down at the end.
func open(t *testing.T, o harness.Options) *store {
	t.Helper()
	return openWith(t, o, nil)
}

// labs are the names of the labs that no test uses. Tests mostly wait: two at a
// time take little more than half as long.
var labs = func() chan string {
	name := cmp.Or(os.Getenv("STOREWARD_E2E_LAB"), "e2e")
	free := make(chan string, 2)
	free <- name
	free <- name + "2"
	return free
}()

// openWith is open, with a say in how each node is before it gets power.
func openWith(t *testing.T, o harness.Options, prepare func(*lab.Node)) *store {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("nodes are network namespaces: run as root")
	}
	t.Parallel()
	name := <-labs
	t.Cleanup(func() { labs <- name })
	o.Programs, o.Root = "../../build/bin", "../.."
	o.Lab.Name, o.Prepare = name, prepare
	if o.OffTime == 0 {
		o.OffTime = 2 * time.Second
	}
	site, err := harness.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := &store{Site: site, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			s.keepLogs()
		}
		if err := site.Down(); err != nil {
			t.Error(err)
		}
	})
	s.whole()
	return s
}

// keepLogs saves what the nodes wrote before the lab takes it away.
func (s *store) keepLogs() {
	kept := filepath.Join("build/e2e", s.t.Name()) // as whoever typed make sees it
	folder := filepath.Join("../..", kept)
	_ = os.RemoveAll(folder)
	sources := map[string]string{"hq": filepath.Join(s.Lab.DataDir(), "log")}
	for _, n := range s.Store.Nodes {
		sources[n.Name] = n.Logs()
		for _, what := range []string{"status", "history"} {
			if text, err := s.Ctl(context.Background(), n, what); err == nil {
				_ = os.WriteFile(filepath.Join(n.Logs(), what+".txt"), []byte(text), 0o644)
			}
		}
	}
	for name, source := range sources {
		if err := os.CopyFS(filepath.Join(folder, name), os.DirFS(source)); err != nil && !errors.Is(err, os.ErrNotExist) {
			s.t.Log(err)
		}
	}
	s.t.Logf("logs are kept in %s", kept)
}

// within returns a context that bounds a wait.
func (s *store) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	s.t.Cleanup(cancel)
	return ctx
}

// whole waits until the pair is whole and returns the active node.
func (s *store) whole() *lab.Node {
	s.t.Helper()
	active, err := s.Whole(s.within(60 * time.Second))
	if err != nil {
		s.t.Fatal(err)
	}
	return active
}

// state asks a node how it is; a daemon that is just starting is waited for.
func (s *store) state(n *lab.Node) harness.State {
	s.t.Helper()
	var state harness.State
	s.eventually(20*time.Second, n.Name+" answers storewardctl", func() (string, bool) {
		var err error
		state, err = s.State(s.t.Context(), n)
		return fmt.Sprint(err), err == nil
	})
	return state
}

// eventually waits for a condition, with a bound.
func (s *store) eventually(bound time.Duration, what string, condition func() (seen string, ok bool)) {
	s.t.Helper()
	if err := harness.Until(s.within(bound), what, condition); err != nil {
		s.t.Fatal(err)
	}
}

// never watches that a condition does not come true.
func (s *store) never(span time.Duration, what string, condition func() bool) {
	s.t.Helper()
	err := harness.Until(s.within(span), what, func() (string, bool) { return "", condition() })
	if err == nil {
		s.t.Fatalf("%s", what)
	}
}

// activeIs waits until a node is active and answers as such.
func (s *store) activeIs(n *lab.Node, bound time.Duration) {
	s.t.Helper()
	s.eventually(bound, n.Name+" is active", func() (string, bool) {
		if !n.Holds(s.Store.VIP(1)) {
			return n.Name + " does not hold the address", false
		}
		state, err := s.State(s.t.Context(), n)
		if err != nil {
			return err.Error(), false
		}
		return state.GetRole() + ": " + state.GetDecision(), state.GetRole() == "active"
	})
}

// alarm waits for an alarm of a severity whose message or object holds the words.
func (s *store) alarm(n *lab.Node, severity string, words ...string) {
	s.t.Helper()
	s.eventually(20*time.Second, fmt.Sprintf("%s raises a %s alarm about %s", n.Name, severity, words), func() (string, bool) {
		state, err := s.State(s.t.Context(), n)
		if err != nil {
			return err.Error(), false
		}
		for _, a := range state.Alarms {
			text := a.Object + " " + a.Condition + " " + a.Message
			if a.Severity == severity && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
				return "", true
			}
		}
		return fmt.Sprintf("%+v", state.Alarms), false
	})
}

// happened is one entry of a node's history.
type happened struct {
	Kind, Object, Message string
	Time                  time.Time
}

// past is a node's history, newest first.
func (s *store) past(n *lab.Node) ([]happened, error) {
	text, err := s.Ctl(s.t.Context(), n, "history", "-n", "500", "-o", "json")
	if err != nil {
		return nil, err
	}
	var entries []happened
	return entries, json.Unmarshal([]byte(text), &entries)
}

// history waits until a node's history holds an event of a kind, and returns its message.
func (s *store) history(n *lab.Node, kind string) string {
	s.t.Helper()
	return s.historyHas(n, kind, "", 1)
}

// historyHas waits until a node's history holds a number of events of a kind about
// an object ("" for any), and returns the newest one's message.
func (s *store) historyHas(n *lab.Node, kind, object string, count int) string {
	s.t.Helper()
	message := ""
	s.eventually(20*time.Second, fmt.Sprintf("history of %s holds %s %s %d times", n.Name, kind, object, count), func() (string, bool) {
		entries, err := s.past(n)
		if err != nil {
			return err.Error(), false
		}
		kinds, found := []string{}, 0
		for _, e := range entries {
			kinds = append(kinds, e.Kind)
			if e.Kind != kind || object != "" && e.Object != object {
				continue
			}
			if found++; found == 1 {
				message = e.Message
			}
		}
		return strings.Join(kinds, " "), found >= count
	})
	return message
}

// told counts the events of a kind about an object in a node's history.
func (s *store) told(n *lab.Node, kind, object string) int {
	s.t.Helper()
	count := 0
	s.eventually(10*time.Second, n.Name+" tells its history", func() (string, bool) {
		entries, err := s.past(n)
		for _, e := range entries {
			if e.Kind == kind && e.Object == object {
				count++
			}
		}
		return fmt.Sprint(err), err == nil
	})
	return count
}

// resource is a resource of a node's status.
func (s *store) resource(n *lab.Node, name string) *api.ResourceStatus {
	s.t.Helper()
	for _, r := range s.state(n).GetResources() {
		if r.GetName() == name {
			return r
		}
	}
	s.t.Fatalf("%s has no resource %s", n.Name, name)
	return nil
}

// pidOf is the process that a node names for a resource.
func (s *store) pidOf(n *lab.Node, resource string) int32 {
	s.t.Helper()
	return s.resource(n, resource).GetPid()
}

func (s *store) kill(n *lab.Node) {
	s.t.Helper()
	if err := n.Kill(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *store) do(words ...string) {
	s.t.Helper()
	if err := s.Lab.Do(s.t.Context(), words...); err != nil {
		s.t.Fatal(err)
	}
}
