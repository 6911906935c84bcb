package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/engine"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/journal"
	"github.com/storeward/storeward/core/internal/peer"
	"github.com/storeward/storeward/core/internal/report"
	"github.com/storeward/storeward/core/internal/watchdog"
)

// minKey is the least length of the cluster's key in bytes.
const minKey = 32

// assemble opens what is durable and builds the engine upon it.
func (a *App) assemble(context.Context) error {
	key, err := a.cfg.Key.Reveal()
	if err != nil {
		return fmt.Errorf("read the cluster's key: %w", err)
	}
	key = strings.TrimSpace(key)
	if len(key) < minKey {
		return fmt.Errorf("the cluster's key has %d bytes: make one of at least %d with storewardctl keygen", len(key), minKey)
	}
	options := engine.Options{
		Config: a.cfg, Node: a.node, Version: a.o.Version, Key: []byte(key),
		Plugins: plugins{a.host, a.node, a.cfg.PeerOf(a.node).Name}, ReadConfig: a.readConfig,
		PowerOff: powerOff,
		Records:  records{a.cfg.StateDir}, Clock: clock(), Log: a.log,
	}
	if err := a.openJournal(&options); err != nil {
		return err
	}
	if err := a.openReport(&options); err != nil {
		return err
	}
	a.openEvidence(&options)
	a.openHistory(&options)
	side := &lateSide{}
	a.openChannel(&options, side)
	if err := a.openWatchdog(&options); err != nil { // last: from here on the loop must come round
		return err
	}
	if a.engine, err = engine.New(options); err != nil {
		return err
	}
	side.PeerSide = a.engine.PeerSide()
	a.herald.ready(a.engine)
	return nil
}

// openJournal reads what survived. A damaged journal is said loudly; the policy
// then starts nothing before it agreed with the peer.
func (a *App) openJournal(o *engine.Options) error {
	j, found, err := journal.Open(filepath.Join(a.cfg.StateDir, "journal"), journal.Options{Log: a.log, Traces: a.traces()})
	if err != nil {
		return err
	}
	a.journal, o.Journal = j, j
	a.onClose(j.Close)
	o.Boot = failover.Boot{Incarnation: newIncarnation(), KernelBoot: kernelBoot(), JournalLost: found.Lost}
	if len(found.State) > 0 {
		if o.Saved, err = failover.ParseState(string(found.State)); err != nil {
			o.Boot.JournalLost = true
			found.Reasons = append(found.Reasons, fmt.Sprintf("the saved state cannot be read: %v", err))
		}
	}
	if len(found.Reasons) > 0 {
		aside := ""
		if len(found.SetAside) > 0 {
			aside = " It was set aside as " + strings.Join(found.SetAside, ", ") + "."
		}
		o.Startup = append(o.Startup, &api.Event{
			Kind: api.KindJournalCorrupt, Severity: api.Severity_SEVERITY_CRITICAL, Object: "node/" + a.node,
			Message: fmt.Sprintf("The journal of %s is damaged: %s.%s What runs keeps running; nothing new is started before the peer agrees.",
				a.node, strings.Join(found.Reasons, "; "), aside),
		})
	}
	return nil
}

// traces are files that a daemon makes after its journal: who deleted that has not made a
// new node of this one.
func (a *App) traces() (out []string) {
	for _, name := range []string{"outbox", "flight", "history"} {
		out = append(out, filepath.Join(a.cfg.StateDir, name))
	}
	return out
}

func (a *App) openReport(o *engine.Options) error {
	r, err := report.New(report.Options{
		Store: a.cfg.Store, Node: a.node, Dir: filepath.Join(a.cfg.StateDir, "outbox"), Report: a.cfg.Report,
		Log: a.log, Now: time.Now, Answer: a.answer,
		Tell: func(event *api.Event) { a.herald.tell(func(e *engine.Engine) { e.Tell(event) }) },
	})
	if err != nil {
		return err
	}
	a.report, o.Sink = r, r
	a.onClose(r.Close)
	return nil
}

// powerOff runs the command that shuts this host down. What it said explains a failure.
func powerOff(ctx context.Context, command []string) error {
	run := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the operator's own
	run.WaitDelay = time.Second                                 // what it leaves running may hold its output
	out, err := run.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return fmt.Errorf("run %s: %w: %s", strings.Join(command, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// openWatchdog arms this machine's watchdog, where one is wanted. A node that was to
// have one does not run without: the peer counts on the reset.
func (a *App) openWatchdog(o *engine.Options) error {
	wanted := a.cfg.Watchdog
	if wanted.Timeout == 0 {
		return nil
	}
	device, err := watchdog.Open(wanted.Device, wanted.Timeout.Std(), a.log)
	if err != nil {
		return err
	}
	w := watchdog.New(device, wanted.Timeout.Std(), a.cfg.Timing.Deadtime.Std(), a.log)
	o.Watchdog = w
	a.onClose(w.Close) // the engine does it sooner, if it comes to run
	return nil
}

// openChannel prepares the second channel. Without certificates there is none:
// it is said, and the cluster works as well as before.
func (a *App) openChannel(o *engine.Options, own peer.Node) {
	self, other := a.cfg.Node(a.node), a.cfg.PeerOf(a.node)
	tls, err := peer.LoadTLS(a.cfg.Peer.CA, a.cfg.Peer.Certificate, a.cfg.Peer.PrivateKey)
	if err == nil {
		port := strconv.Itoa(a.cfg.Peer.Port)
		a.channel, err = peer.New(peer.Options{
			Log: a.log, Node: a.node, Peer: other.Name, TLS: tls, Own: own,
			Listen: net.JoinHostPort(self.Address, port), Dial: net.JoinHostPort(other.Address, port),
		})
	}
	if err != nil {
		a.log.WithError(err).Error("no peer channel")
		o.Startup = append(o.Startup, &api.Event{
			Kind: api.KindAlarm, Severity: api.Severity_SEVERITY_MINOR, Object: "node/" + a.node, Condition: api.ConditionConfig,
			Message: fmt.Sprintf("%s has no peer channel: %v. Failover works; a dead node's last minutes will be missing.", a.node, err),
		})
		return
	}
	o.Peer = a.channel
}

// readConfig reads the file again with everything that a start would check.
func (a *App) readConfig() (*config.Config, error) {
	cfg, err := config.Load(a.o.Config)
	if err != nil {
		return nil, err
	}
	if cfg.Node(a.node) == nil {
		return nil, fmt.Errorf("the configuration knows no node %q", a.node)
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkBound)
	defer cancel()
	return cfg, a.judge.Check(ctx, cfg, a.node)
}

// newIncarnation names this start of the daemon.
func newIncarnation() beat.ID {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if id := binary.BigEndian.Uint64(b[:]); id != 0 {
			return beat.ID(id)
		}
	}
}

func kernelBoot() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// lockFile refuses a second daemon; the kernel lets go of the lock with the process.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another daemon of this node holds %s", path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// lateSide stands between the channel and the engine, which is made after it.
type lateSide struct{ engine.PeerSide }
