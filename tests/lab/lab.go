// Package lab builds stores on one Linux machine out of namespaces: nodes whose
// power can be cut, cables that can be cut, simulated UPSes that really switch
// the nodes, a headquarters behind a WAN. It is used by the demo, the
// end-to-end tests and the benchmarks alike, needs root, and must never leave a
// process, namespace, mount or file behind, nor put anything into the machine's
// own network.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

const (
	wanBridge = "wan"
	// HQAddress is the headquarters' address on the WAN.
	HQAddress = "10.79.0.254"
	// maxStores keeps a store's number a byte of its addresses.
	maxStores = 200
)

// Options says what to build.
type Options struct {
	// Name tells labs apart: lower case letters and digits, at most 12.
	Name   string
	Stores int
	Log    logrus.FieldLogger
	// Told is called with everything that happens to the lab; it must not block.
	Told func(Happening)
	// Fences says what feeds each node, by the node's name.
	Fences map[string]Fence
	// Watchdog, when not 0, gives each node a watchdog at WatchdogDevice with this timeout.
	Watchdog time.Duration
	// Audited names folders and programs that at most one node of a store may have, see Audit.
	Audited Audited
}

// Happening is one thing that happened to the lab itself.
type Happening struct {
	At            time.Duration // CLOCK_MONOTONIC
	Kind          string        // power, watchdog, link, ups, audit
	Subject, Text string
}

// Lab is a running lab.
type Lab struct {
	Options
	HQ     *Space
	Stores []*Store
	Audit  *Audit

	lock     *os.File
	downOnce sync.Once
	downAsk  chan struct{}

	mu      sync.Mutex
	spaces  []*Space
	closers []func() error // run last first
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]{0,11}$`)

// ErrRunning is answered when a lab of that name already runs.
var ErrRunning = errors.New("a lab of this name is already running")

// runDir and dataDir are fixed by the name, so that leftovers can always be found.
func runDir(name string) string  { return filepath.Join("/run/storeward-lab", name) }
func dataDir(name string) string { return filepath.Join("/var/tmp/storeward-lab", name) }

// sharedDir lies on the machine's /dev/shm, which is memory on every Linux.
func sharedDir(name string) string { return filepath.Join("/dev/shm/storeward-lab", name) }

// DataDir holds the nodes' disks, configurations and logs until the lab goes down.
func (l *Lab) DataDir() string { return dataDir(l.Name) }

// Up builds the lab: all cables plugged, no node powered. What an earlier lab
// of that name left behind is removed first.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	lock, err := takeLock(o.Name)
	if err != nil {
		return nil, err
	}
	if err := sweep(o.Name); err != nil {
		lock.Close()
		return nil, fmt.Errorf("remove leftovers: %w", err)
	}
	l := &Lab{Options: o, lock: lock, downAsk: make(chan struct{})}
	if err := l.build(); err != nil {
		return nil, errors.Join(err, l.Down())
	}
	l.Audit = startAudit(ctx, l)
	return l, nil
}

func (o *Options) check() error {
	if os.Geteuid() != 0 {
		return errors.New("the lab makes network namespaces and must be run as root")
	}
	if !nameForm.MatchString(o.Name) {
		return fmt.Errorf("lab name %q: lower case letters and digits, at most 12, a letter first", o.Name)
	}
	if o.Stores < 1 || o.Stores > maxStores {
		return fmt.Errorf("%d stores: between 1 and %d", o.Stores, maxStores)
	}
	if o.Log == nil {
		log := logrus.New()
		log.SetLevel(logrus.WarnLevel)
		o.Log = log
	}
	return nil
}

// makeFolder makes a folder and its parents, whose empty ones another lab that goes
// down may take away in between.
func makeFolder(path string, mode os.FileMode) (err error) {
	for range 10 {
		if err = os.MkdirAll(path, mode); !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return err
}

// takeLock makes sure that one process at a time owns the name. The kernel
// releases the lock when that process ends, however it ends.
func takeLock(name string) (*os.File, error) {
	if err := makeFolder(runDir(name), 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(runDir(name), "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%w: %s", ErrRunning, name)
	}
	return lock, nil
}

func (l *Lab) build() error {
	for _, folder := range []string{l.DataDir(), l.SharedDir()} {
		if err := makeFolder(folder, 0o755); err != nil {
			return err
		}
	}
	hq, err := l.space("hq")
	if err != nil {
		return err
	}
	l.HQ = hq
	if err := bridge(hq, wanBridge); err != nil {
		return err
	}
	if err := address(hq, wanBridge, HQAddress+"/24"); err != nil {
		return err
	}
	for number := 1; number <= l.Options.Stores; number++ {
		store, err := newStore(l, number)
		if err != nil {
			return err
		}
		l.Stores = append(l.Stores, store)
	}
	return l.serveControl()
}

// spacePrefix begins the names of a lab's namespaces.
func spacePrefix(lab string) string { return "storeward-" + lab + "-" }

func (l *Lab) space(name string) (*Space, error) {
	s, err := newSpace(spacePrefix(l.Name) + name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.spaces = append(l.spaces, s)
	l.mu.Unlock()
	return s, nil
}

// DownAsked is closed when somebody asked over the control socket to take the lab down.
func (l *Lab) DownAsked() <-chan struct{} { return l.downAsk }

// SharedDir holds the storage that several nodes of a store are wired to. It
// lies in memory: what a disk costs would hide what the cluster costs.
func (l *Lab) SharedDir() string { return sharedDir(l.Name) }

// AtDown has f called before the lab is taken down; the last one added is called first.
func (l *Lab) AtDown(f func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, f)
}

func (l *Lab) tell(kind, subject, text string) {
	h := Happening{Monotonic(), kind, subject, text}
	l.Log.WithField("node", subject).WithField("kind", kind).Debug(text)
	if l.Told != nil {
		l.Told(h)
	}
}

// Store returns store number n, counted from 1.
func (l *Lab) Store(n int) *Store { return l.Stores[n-1] }

// Find returns a node by "store/node", or by its node name where there is one store.
func (l *Lab) Find(id string) (*Node, error) {
	store, name, both := strings.Cut(id, "/")
	if !both && len(l.Stores) == 1 {
		store, name = l.Stores[0].Name, id
	}
	for _, s := range l.Stores {
		if node := s.Node(name); s.Name == store && node != nil {
			return node, nil
		}
	}
	return nil, fmt.Errorf("no node %q in lab %s: name it as s1/alpha", id, l.Name)
}

// Cut cuts a link, "store/link" or just the link where there is one store:
// cable, serial, wan, lan-alpha, lan-beta, and ups-alpha, ups-beta for the serial
// cable to the UPS that feeds a node.
func (l *Lab) Cut(link string) error { return l.setCut(link, true) }

// Mend undoes Cut.
func (l *Lab) Mend(link string) error { return l.setCut(link, false) }

func (l *Lab) setCut(link string, cut bool) error {
	store, name, both := strings.Cut(link, "/")
	if !both && len(l.Stores) == 1 {
		store, name = l.Stores[0].Name, link
	}
	for _, s := range l.Stores {
		if s.Name != store {
			continue
		}
		if err := s.setCut(name, cut); err != nil {
			return err
		}
		l.tell("link", s.Name+"/"+name, map[bool]string{true: "cut", false: "mended"}[cut])
		return nil
	}
	return fmt.Errorf("no store %q in lab %s", store, l.Name)
}

// Lose makes a node lose a share of what arrives on LAN or Cable.
func (l *Lab) Lose(ctx context.Context, n *Node, name string, percent int) error {
	return lose(ctx, n.Space, name, percent)
}

// Down removes every trace of the lab. It may be called twice.
func (l *Lab) Down() error {
	l.mu.Lock()
	closers, spaces := l.closers, l.spaces
	l.closers, l.spaces = nil, nil
	l.mu.Unlock()
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i]())
	}
	if l.Audit != nil {
		l.Audit.stop()
	}
	for _, s := range l.Stores {
		for _, u := range s.UPSes {
			errs = append(errs, u.close())
		}
		for _, n := range s.Nodes {
			errs = append(errs, n.kill())
		}
	}
	for _, s := range spaces {
		errs = append(errs, s.Close())
	}
	errs = append(errs, sweep(l.Name), forget(l.Name))
	l.lock.Close()
	return errors.Join(errs...)
}
