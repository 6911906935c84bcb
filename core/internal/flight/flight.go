// Package flight is the flight recorder: once a second a sample of the node, kept
// for five minutes in a ring on disk, and the peer's samples beside it in memory.
// An incident freezes them. After a reboot the last minutes of the boot before are
// still there, so that a node that was switched off can show its own side. It
// never decides anything and never waits for the disk.
package flight

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/ringfile"
)

// Keep is how much of the past an incident may ask for.
const Keep = 5 * time.Minute

const (
	ringFile   = "flight"
	bootIDFile = "/proc/sys/kernel/random/boot_id"
	tagSize    = 8 // of the boot's hash before each sample
)

// Options of a recorder; the zero value will do.
type Options struct {
	Log logrus.FieldLogger
	// BootID is the kernel boot id of now; empty: read from /proc.
	BootID string
	// Bytes bounds the ring on disk; 0 means 4 MiB, several times what Keep needs.
	Bytes int64
	// Now is the wall clock, for the name of a damaged ring set aside.
	Now func() time.Time
}

// Recorder is an open flight recorder. Its methods are safe for concurrent use.
type Recorder struct {
	ring *ringfile.Ring
	tag  [tagSize]byte

	writing sync.Mutex // guards buffer; a disk that hangs keeps it
	buffer  []byte

	mu   sync.Mutex // guards what is kept of the peer, for which no disk is needed
	told []byte     // the peer's newest sample
	peer [][]byte   // encoded, a circle of Keep at one sample a second
	next int
}

// Open opens the recorder in dir, which it makes if need be. A damaged ring is set
// aside, logged, and begun anew.
func Open(dir string, o Options) (*Recorder, error) {
	if o.Bytes == 0 {
		o.Bytes = 4 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BootID == "" {
		text, err := os.ReadFile(bootIDFile)
		if err != nil {
			return nil, fmt.Errorf("read kernel boot id: %w", err)
		}
		o.BootID = strings.TrimSpace(string(text))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make flight directory: %w", err)
	}
	path := filepath.Join(dir, ringFile)
	aside := path + ".corrupt-" + o.Now().UTC().Format("20060102T150405Z")
	ring, reason, err := ringfile.OpenOrReset(path, o.Bytes, aside)
	if err != nil {
		return nil, fmt.Errorf("open flight recorder: %w", err)
	}
	if reason != nil && o.Log != nil {
		o.Log.WithError(reason).Warn("flight recorder was damaged")
	}
	return &Recorder{ring: ring, tag: tagOf(o.BootID)}, nil
}

func tagOf(bootID string) (tag [tagSize]byte) {
	h := fnv.New64a()
	h.Write([]byte(bootID))
	binary.LittleEndian.PutUint64(tag[:], h.Sum64())
	return tag
}

// readBoot returns the last Keep of the newest boot that is wanted.
func (r *Recorder) readBoot(wanted func([tagSize]byte) bool) []*api.Sample {
	records, err := r.ring.Records()
	if err != nil {
		return nil
	}
	var (
		samples []*api.Sample
		tag     [tagSize]byte
	)
	for i := len(records) - 1; i >= 0; i-- {
		data := records[i].Data
		if len(data) < tagSize {
			continue
		}
		at := [tagSize]byte(data)
		if !wanted(at) {
			continue
		}
		if samples == nil {
			tag = at
		}
		sample := decode(data[tagSize:])
		if at != tag || sample == nil {
			continue
		}
		if samples != nil && samples[0].GetTime().AsTime().Sub(sample.GetTime().AsTime()) > Keep {
			break
		}
		samples = append(samples, sample)
	}
	return reversed(samples)
}

func reversed(samples []*api.Sample) []*api.Sample {
	for i, j := 0, len(samples)-1; i < j; i, j = i+1, j-1 {
		samples[i], samples[j] = samples[j], samples[i]
	}
	return samples
}

func decode(data []byte) *api.Sample {
	sample := &api.Sample{}
	if proto.Unmarshal(data, sample) != nil {
		return nil
	}
	return sample
}

// Record keeps one sample of this node, encoded.
func (r *Recorder) Record(sample []byte) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.buffer = append(append(r.buffer[:0], r.tag[:]...), sample...)
	if err := r.ring.Append(r.buffer); err != nil {
		return fmt.Errorf("record flight sample: %w", err)
	}
	return nil
}

// RecordPeer keeps one sample of the peer, encoded, in memory; one told again
// counts once. The recorder owns it from now on.
func (r *Recorder) RecordPeer(sample []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.Equal(sample, r.told) {
		return
	}
	r.told = sample
	if len(r.peer) < int(Keep/time.Second) {
		r.peer = append(r.peer, sample)
		return
	}
	r.peer[r.next] = sample
	r.next = (r.next + 1) % len(r.peer)
}

// Freeze returns this node's samples of this boot between at-before and at+after,
// oldest first. What lies in the future is not waited for.
func (r *Recorder) Freeze(at time.Time, before, after time.Duration) []*api.Sample {
	return between(r.readBoot(func(tag [tagSize]byte) bool { return tag == r.tag }), at, before, after)
}

// FreezePeer returns the peer's samples in the same way.
func (r *Recorder) FreezePeer(at time.Time, before, after time.Duration) []*api.Sample {
	r.mu.Lock()
	encoded := append(append([][]byte(nil), r.peer[r.next:]...), r.peer[:r.next]...)
	r.mu.Unlock()
	samples := make([]*api.Sample, 0, len(encoded))
	for _, data := range encoded {
		if s := decode(data); s != nil {
			samples = append(samples, s)
		}
	}
	return between(samples, at, before, after)
}

func between(samples []*api.Sample, at time.Time, before, after time.Duration) []*api.Sample {
	var inside []*api.Sample
	for _, s := range samples {
		if t := s.GetTime().AsTime(); !t.Before(at.Add(-before)) && !t.After(at.Add(after)) {
			inside = append(inside, s)
		}
	}
	return inside
}

// BeforeBoot returns the last minutes of the boot before this one, oldest first;
// nil if the recorder holds none. Ask soon after a boot: this boot's samples
// overwrite them within the hour.
func (r *Recorder) BeforeBoot() []*api.Sample {
	return r.readBoot(func(tag [tagSize]byte) bool { return tag != r.tag })
}

// Close closes the ring; what was recorded survives the process without a sync.
func (r *Recorder) Close() error {
	return r.ring.Close()
}
