// Package journal keeps what a node must not forget: the failover machine's
// state, synced before any action that depends on it, and a bounded ring of the
// inputs of its decisions. The state lives in a file whose blocks are reserved at
// its creation, so that a full disk does not stop a failover. A damaged journal is
// set aside and reported, never guessed at: what the caller then does is policy.
package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/internal/ringfile"
)

// ErrTooLarge says that a state does not fit its slot.
var ErrTooLarge = errors.New("state is larger than its slot")

const (
	stateFile  = "state"
	inputsFile = "inputs"
	bootIDFile = "/proc/sys/kernel/random/boot_id"
)

// Options of a journal; the zero value will do.
type Options struct {
	Log logrus.FieldLogger
	// BootID is the kernel boot id of now; empty: read from /proc.
	BootID string
	// Now is the wall clock, for names of files set aside and Recovered.Written.
	Now func() time.Time
	// InputBytes bounds the ring of decision inputs; 0 means 8 MiB.
	InputBytes int64
	// Traces are files that the caller makes after it opened its first journal. Where one
	// of them is left and the state is not, the state was lost, and none was never saved.
	Traces []string
}

func (o *Options) complete() error {
	if o.Log == nil {
		silent := logrus.New()
		silent.SetOutput(discard{})
		o.Log = silent
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.InputBytes == 0 {
		o.InputBytes = 8 << 20
	}
	if o.BootID == "" {
		text, err := os.ReadFile(bootIDFile)
		if err != nil {
			return fmt.Errorf("read kernel boot id: %w", err)
		}
		o.BootID = strings.TrimSpace(string(text))
	}
	return nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Recovered is what was found at Open.
type Recovered struct {
	// State is the newest state that can be trusted most; nil if there is none.
	State []byte
	// Lost tells that a state was saved and cannot be read, or is gone: State is nil or
	// may be older than what this node last acted on.
	Lost bool
	// Fresh tells that no state was ever saved here, for all that can be seen.
	Fresh bool
	// SetAside names the files to which damaged ones were copied.
	SetAside []string
	// Reasons says what was found damaged, one sentence each.
	Reasons []string
	// JournalID names this journal; a new one gets a new id.
	JournalID string
	// BootID is the kernel boot in which State was saved; SameBoot tells that it is this one.
	BootID   string
	SameBoot bool
	// Written is when State was saved, by the wall clock of then.
	Written time.Time
}

// Journal is an open journal. Its methods are safe for concurrent use.
type Journal struct {
	mu     sync.Mutex
	slots  *slots
	bootID string
	id     string
	now    func() time.Time
	inputs *ringfile.Ring
}

// Open opens the journal in dir, which it makes if need be. It fails only if the
// directory cannot be used at all; damage is repaired and told in Recovered.
func Open(dir string, o Options) (*Journal, Recovered, error) {
	if err := o.complete(); err != nil {
		return nil, Recovered{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, Recovered{}, fmt.Errorf("make journal directory: %w", err)
	}
	if err := syncDirectory(filepath.Dir(dir)); err != nil { // before anything that is a trace of it
		return nil, Recovered{}, fmt.Errorf("make journal directory: %w", err)
	}
	j := &Journal{bootID: o.BootID, now: o.Now}
	traces := append([]string{filepath.Join(dir, inputsFile)}, o.Traces...)
	rec, err := j.openState(filepath.Join(dir, stateFile), traces)
	if err != nil {
		return nil, rec, err
	}
	if err := j.openInputs(filepath.Join(dir, inputsFile), o.InputBytes, &rec); err != nil {
		j.slots.close()
		return nil, rec, err
	}
	for _, reason := range rec.Reasons {
		o.Log.WithField("error", reason).Error("journal was damaged")
	}
	return j, rec, nil
}

// aside names the file to which a damaged one is copied.
func (j *Journal) aside(path string) string {
	return path + ".corrupt-" + j.now().UTC().Format("20060102T150405.000000000Z")
}

// openState finds the state, or makes its file.
func (j *Journal) openState(path string, traces []string) (Recovered, error) {
	s, found, err := openSlots(path, traces)
	rec := Recovered{Fresh: found.fresh, Lost: found.lost}
	if err != nil && !errors.Is(err, errDamaged) {
		return rec, err
	}
	if found.lost {
		rec.Reasons = append(rec.Reasons, found.reason)
	}
	if found.lost && !found.gone {
		aside := j.aside(path)
		if kept := setAside(path, aside); kept == nil {
			rec.SetAside = append(rec.SetAside, aside)
		} else {
			rec.Reasons = append(rec.Reasons, kept.Error())
		}
	}
	if errors.Is(err, errDamaged) {
		if s, err = reformatSlots(path); err != nil {
			return rec, err
		}
	}
	j.slots = s
	if found.record != nil {
		rec.State = found.record.state
		rec.JournalID = found.record.journalID
		rec.BootID = found.record.bootID
		rec.SameBoot = rec.BootID == j.bootID
		rec.Written = found.record.written
	}
	if rec.JournalID == "" || rec.Lost {
		rec.JournalID = uuid.NewString()
	}
	j.id = rec.JournalID
	return rec, nil
}

func (j *Journal) openInputs(path string, size int64, rec *Recovered) error {
	aside := j.aside(path)
	ring, reason, err := ringfile.OpenOrReset(path, size, aside)
	if err != nil {
		return fmt.Errorf("open decision inputs: %w", err)
	}
	if reason != nil {
		rec.Reasons = append(rec.Reasons, reason.Error())
		if _, err := os.Stat(aside); err == nil {
			rec.SetAside = append(rec.SetAside, aside)
		}
	}
	j.inputs = ring
	return nil
}

// ID returns the journal id.
func (j *Journal) ID() string { return j.id }

// SaveState replaces the state. When it returns nil the state is on the disk and
// the one before is kept beside it. It needs no free space. The bytes are not kept.
func (j *Journal) SaveState(state []byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.slots.save(record{
		state: state, journalID: j.id, bootID: j.bootID, written: j.now(),
	}); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}

// Input appends one line to the ring of decision inputs, without a sync.
func (j *Journal) Input(line string) error {
	return j.inputs.Append([]byte(line))
}

// Inputs returns the decision inputs that the ring still holds, oldest first.
func (j *Journal) Inputs() ([]string, error) {
	records, err := j.inputs.Records()
	lines := make([]string, len(records))
	for i, r := range records {
		lines[i] = string(r.Data)
	}
	return lines, err
}

// Close closes the files. The state needs no closing; the inputs survive the process without a sync.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.slots.close(), j.inputs.Close())
}
