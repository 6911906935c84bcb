// Package fleet knows the stores and their nodes: who was enrolled or heard,
// what each node said last, and how each store does. A store that nobody hears
// is unknown, never down: a silent line is not a dead store.
package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

// OnlineFor is how long a node counts as online after its last status; nodes
// send one every 5 s.
const OnlineFor = 15 * time.Second

// Node is what is known of one node now.
type Node struct {
	Store, Name string
	FirstSeen   time.Time
	LastSeen    time.Time   // by the console's clock; zero: never heard
	StatusTaken time.Time   // when Status came in, by the console's clock; zero: none since this console started
	Status      *api.Status // the last one; never changed, only replaced
	Missed      bool        // its peer misses it, and it has said nothing since: Status may hold no longer
	dirty       bool
	wasOnline   bool
	replaced    []string  // incarnations of former daemons, newest last
	lateSince   time.Time // since when what it says comes late; zero: it does not
}

const (
	// mostReplaced is how many former daemons of a node are known as such.
	mostReplaced = 8
	// lateBy is how much later than the one before a status may come in while its node is missed.
	lateBy = 2 * time.Second
)

// late tells whether a status was said by a daemon that was replaced since, or before
// its node was missed: what waited in a line that was cut, or whose sender died, comes
// in once that is mended, and the node would be shown as it was before. Who goes on to
// speak late has another clock now and is heard.
func (n *Node) late(s *api.Status, now time.Time) bool {
	if slices.Contains(n.replaced, s.GetIncarnation()) {
		return true
	}
	delay := now.Sub(n.StatusTaken) - s.GetTime().AsTime().Sub(n.Status.GetTime().AsTime())
	if !n.Missed || s.GetIncarnation() != n.Status.GetIncarnation() || delay <= lateBy {
		n.lateSince = time.Time{}
		return false
	}
	if n.lateSince.IsZero() {
		n.lateSince = now
	}
	return now.Sub(n.lateSince) <= OnlineFor
}

// replace notes that another daemon speaks for the node.
func (n *Node) replace(s *api.Status) {
	before := n.Status.GetIncarnation()
	if before == "" || before == s.GetIncarnation() {
		return
	}
	n.replaced = append(n.replaced, before)
	if len(n.replaced) > mostReplaced {
		n.replaced = n.replaced[1:]
	}
}

// Online tells whether the node was heard lately.
func (n *Node) Online(now time.Time) bool {
	return !n.StatusTaken.IsZero() && now.Sub(n.StatusTaken) <= OnlineFor
}

// Fleet is the registry. What nodes say is kept in memory and written to the
// database at intervals, so that a status costs no disk write.
type Fleet struct {
	mu    sync.RWMutex
	nodes map[string]map[string]*Node
}

// Load reads the registry from the database.
func Load(ctx context.Context, idb bun.IDB) (*Fleet, error) {
	var rows []db.Node
	if err := idb.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	f := &Fleet{nodes: map[string]map[string]*Node{}}
	for _, r := range rows {
		n := f.node(r.Store, r.Name)
		n.FirstSeen, n.LastSeen = db.Time(r.FirstSeen), db.Time(r.LastSeen)
		if len(r.Status) > 0 {
			n.Status = new(api.Status)
			if err := proto.Unmarshal(r.Status, n.Status); err != nil {
				n.Status = nil // the next status replaces it within seconds
			}
		}
	}
	return f, nil
}

// Register notes in the database that the node exists; it harms nothing if it is known.
func Register(ctx context.Context, idb bun.IDB, store, node string, now time.Time) error {
	s := &db.Store{Name: store, FirstSeen: db.Nanos(now)}
	if _, err := idb.NewInsert().Model(s).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("register store %s: %w", store, err)
	}
	n := &db.Node{Store: store, Name: node, FirstSeen: db.Nanos(now)}
	if _, err := idb.NewInsert().Model(n).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("register node %s of %s: %w", node, store, err)
	}
	return nil
}

// Heard takes a node's status and tells whether the store's summary changed by it. One
// that comes too late counts for nothing.
func (f *Fleet) Heard(s *api.Status, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.node(s.GetStore(), s.GetNode())
	if n.FirstSeen.IsZero() {
		n.FirstSeen = now
	}
	if n.late(s, now) {
		return false
	}
	n.replace(s)
	changed := n.Missed || !n.Online(now) || n.Status.GetRole() != s.GetRole() || n.Status.GetRedundant() != s.GetRedundant() ||
		n.Status.GetPeerHeard() != s.GetPeerHeard() || n.Status.GetPeerRole() != s.GetPeerRole()
	n.Status, n.StatusTaken, n.LastSeen, n.dirty, n.wasOnline, n.Missed = s, now, now, true, true, false
	for _, other := range f.nodes[s.GetStore()] {
		if !other.Missed && misses(s, other.Status) {
			other.Missed, changed = true, true
		}
	}
	return changed
}

// Silenced returns the stores with a node that went silent since the last call.
func (f *Fleet) Silenced(now time.Time) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for store, nodes := range f.nodes {
		for _, n := range nodes {
			if n.wasOnline && !n.Online(now) {
				n.wasOnline = false
				out = append(out, store)
			}
		}
	}
	return out
}

// Seen notes that a node delivered something other than a status.
func (f *Fleet) Seen(store, node string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.node(store, node)
	if n.FirstSeen.IsZero() {
		n.FirstSeen = now
	}
	n.LastSeen, n.dirty = now, true
}

// node needs f.mu.
func (f *Fleet) node(store, name string) *Node {
	if f.nodes[store] == nil {
		f.nodes[store] = map[string]*Node{}
	}
	n := f.nodes[store][name]
	if n == nil {
		n = &Node{Store: store, Name: name}
		f.nodes[store][name] = n
	}
	return n
}

// Stores returns the names of all known stores in order.
func (f *Fleet) Stores() []string {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.Sorted(maps.Keys(f.nodes))
}

// Nodes returns the nodes of a store in order of their names; none if the store
// is not known.
func (f *Fleet) Nodes(store string) []Node {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.list(store)
}

// list needs f.mu.
func (f *Fleet) list(store string) []Node {
	out := make([]Node, 0, 2)
	for _, name := range slices.Sorted(maps.Keys(f.nodes[store])) {
		out = append(out, *f.nodes[store][name])
	}
	return out
}

// Flush writes what changed since the last Flush.
func (f *Fleet) Flush(ctx context.Context, idb bun.IDB) error {
	changed := f.takeDirty()
	if len(changed) == 0 {
		return nil
	}
	err := idb.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		for _, n := range changed {
			if err := write(ctx, tx, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.putBack(changed)
	}
	return err
}

func (f *Fleet) takeDirty() []Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []Node
	for _, nodes := range f.nodes {
		for _, n := range nodes {
			if n.dirty {
				out = append(out, *n)
				n.dirty = false
			}
		}
	}
	return out
}

func (f *Fleet) putBack(nodes []Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range nodes {
		f.node(n.Store, n.Name).dirty = true
	}
}

func write(ctx context.Context, tx bun.IDB, n Node) error {
	if err := Register(ctx, tx, n.Store, n.Name, n.FirstSeen); err != nil {
		return err
	}
	up := tx.NewUpdate().Model((*db.Node)(nil)).Set("last_seen = ?", db.Nanos(n.LastSeen)).
		Where("store = ? AND name = ?", n.Store, n.Name)
	if n.Status != nil {
		body, err := proto.Marshal(n.Status)
		if err != nil {
			return fmt.Errorf("encode status of %s: %w", n.Name, err)
		}
		up = up.Set("status = ?", body)
	}
	if _, err := up.Exec(ctx); err != nil {
		return fmt.Errorf("write node %s of %s: %w", n.Name, n.Store, err)
	}
	return nil
}

// Refresh takes in nodes that another process registered, by enrolling them.
func (f *Fleet) Refresh(ctx context.Context, idb bun.IDB) error {
	var rows []db.Node
	if err := idb.NewSelect().Model(&rows).Column("store", "name", "first_seen").Scan(ctx); err != nil {
		return fmt.Errorf("read nodes: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range rows {
		if n := f.node(r.Store, r.Name); n.FirstSeen.IsZero() {
			n.FirstSeen = db.Time(r.FirstSeen)
		}
	}
	return nil
}
