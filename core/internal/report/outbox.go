package report

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

// Errors of an outbox.
var (
	// errClosed answers every call on a closed outbox.
	errClosed = errors.New("the outbox is closed")
	// errRenewed says that a new journal began: what was read or numbered before
	// belongs to the one before it.
	errRenewed = errors.New("a new journal began")
)

// outbox keeps envelopes on disk until every destination has them. Envelopes
// carry numbers that rise by one within a journal id; what is thinned away
// leaves its envelope behind without a body, so that the numbers have no gap.
// A file that turns out to be damaged, at the start or later, is set aside, and a
// new journal begins.
type outbox struct {
	outboxOptions
	path string

	// disk is held by whoever works on the file. It is taken before mu.
	disk   sync.Mutex
	file   *boxFile // nil: not open yet, or no more; the next use opens or makes it
	closed bool

	mu      sync.Mutex
	journal string            // changes only under disk and mu; provisional until the file is open
	found   uint64            // newest number of the journal that an earlier daemon gave
	last    uint64            // newest number given
	cursors map[string]uint64 // by destination: everything up to here has arrived
	items   []itemInfo        // what is on disk, by rising number
	bytes   int64
	dropped uint64 // points envelopes emptied for want of space
	lost    uint64 // events dropped for want of space, after all points
	grown   chan struct{}
	// journals are the present one and those before it of which something waits (see fork).
	journals map[string]bool
}

type outboxOptions struct {
	dir          string
	limit        int64 // bytes of envelopes
	destinations []string
	now          func() time.Time
	// damaged is told of a file that was set aside. It must not block.
	damaged func(Damage)
}

// Damage is an outbox that turned out to be damaged.
type Damage struct {
	Aside string // what the file is called now; empty: it was gone
	// Waiting counts the reports in it that had not arrived everywhere; -1: nobody knows.
	Waiting int
	Err     error
}

// itemInfo is what the outbox remembers of an envelope on disk.
type itemInfo struct {
	sequence uint64
	size     int64
	points   bool
	empty    bool // its body was given up
}

func infoOf(e *api.Envelope, size int) itemInfo {
	return itemInfo{sequence: e.Sequence, size: int64(size), points: e.GetPoints() != nil, empty: e.Body == nil}
}

// newOutbox prepares dir/outbox.db. The first use opens it: a node starts without
// waiting for a large file, or for a disk that is slow to make a new one.
func newOutbox(options outboxOptions) *outbox {
	o := &outbox{outboxOptions: options, path: filepath.Join(options.dir, "outbox.db"), grown: make(chan struct{})}
	o.begin()
	return o
}

// begin starts a journal of which nothing is on disk.
func (o *outbox) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.journal, o.found, o.last, o.items, o.bytes = newJournalID(), 0, 0, nil, 0
	o.journals = map[string]bool{o.journal: true}
	o.cursors = make(map[string]uint64, len(o.destinations))
	for _, d := range o.destinations {
		o.cursors[d] = 0
	}
}

// open opens the file, or makes one where there is none. A damaged one is set
// aside: errRenewed. What may be whole and cannot be opened is not given up. disk
// is held.
func (o *outbox) open() error {
	file, found, err := openFile(o.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err = os.MkdirAll(o.dir, 0o700); err == nil {
			o.file, err = makeFile(o.path, o.journal)
		}
		if err != nil {
			return fmt.Errorf("make the outbox: %w", err)
		}
		return nil
	case err != nil && refused(err):
		return fmt.Errorf("open the outbox: %w", err)
	case err != nil:
		return o.renew(err, -1)
	}
	o.file = file
	o.adopt(found)
	return nil
}

// adopt takes over what the file holds. Numbers that were given since, and are not
// in it yet, stay given.
func (o *outbox) adopt(found *contents) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.journal != found.journal {
		o.journal, o.found, o.last = found.journal, found.last, 0
		clear(o.cursors)
	}
	o.journals = found.journals
	// A new destination gets what is still here, and all that comes.
	for _, d := range o.destinations {
		o.cursors[d] = max(o.cursors[d], found.cursors[d])
	}
	o.last, o.items, o.bytes = max(o.last, found.last), found.items, 0
	for _, it := range found.items {
		o.bytes += it.size
	}
}

// renew sets a damaged file aside and begins a new journal. disk is held.
func (o *outbox) renew(why error, waiting int) error {
	if o.file != nil {
		o.file.abandon()
		o.file = nil
	}
	aside, err := setAside(o.path, o.now())
	if err != nil {
		return fmt.Errorf("the outbox: %w: %w", why, err)
	}
	o.begin()
	o.damaged(Damage{Aside: aside, Waiting: waiting, Err: why})
	return fmt.Errorf("%w: the outbox: %w", errRenewed, why)
}

// use runs f on the file, and nobody else meanwhile. Whatever damage does to f ends
// here. After an error that nobody foresaw the file is opened and looked through again.
func (o *outbox) use(f func(*bolt.DB) error) error {
	o.disk.Lock()
	defer o.disk.Unlock()
	if o.closed {
		return errClosed
	}
	if o.file == nil {
		if err := o.open(); err != nil {
			return err
		}
	}
	err := o.file.use(f)
	switch {
	case err == nil || refused(err) || errors.Is(err, errRenewed):
	case errors.Is(err, errDamaged):
		waiting, _, _ := o.stats()
		return o.renew(err, waiting)
	default:
		err = errors.Join(err, o.file.close())
		o.file = nil
	}
	return err
}

// update is use for changes that belong to the present journal. Once they are on the
// disk count runs, before anybody else sees them there.
func (o *outbox) update(journal string, change func(*bolt.Tx) error, count func()) error {
	return o.use(func(db *bolt.DB) error {
		if journal != o.journal {
			return errRenewed
		}
		if err := db.Update(change); err != nil {
			return err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		count()
		return nil
	})
}

// number gives envelopes that have none in this journal their numbers, and events
// their ids. The caller then calls store with the same envelopes; until that
// succeeds they are kept by it.
func (o *outbox) number(envelopes []*api.Envelope) { o.numberAfter(nil, envelopes) }

// numberAfter numbers envelopes while those before them are on their way to the disk.
// Where these have no place in the present journal nothing is done: they will get a new
// number, and what comes after them a higher one.
func (o *outbox) numberAfter(given, envelopes []*api.Envelope) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(given) > 0 && given[0].JournalId != o.journal {
		return
	}
	for _, e := range envelopes {
		if e.JournalId == o.journal {
			continue
		}
		o.last++
		name(e, o.journal, o.last)
	}
}

// name gives an envelope its place in a journal.
func name(e *api.Envelope, journal string, sequence uint64) {
	e.JournalId, e.Sequence = journal, sequence
	if ev := e.GetEvent(); ev != nil {
		ev.Id = fmt.Sprintf("%s/%s/%d", e.Node, e.JournalId, e.Sequence)
	}
}

// store writes numbered envelopes of one journal; they are on disk when it returns nil.
func (o *outbox) store(envelopes []*api.Envelope) error {
	if len(envelopes) == 0 {
		return nil
	}
	data := make([][]byte, len(envelopes))
	for i, e := range envelopes {
		var err error
		if data[i], err = proto.Marshal(e); err != nil {
			return fmt.Errorf("write to the outbox: %w", err)
		}
	}
	keep, newest := len(o.destinations) > 0, envelopes[len(envelopes)-1]
	err := o.update(newest.JournalId, func(tx *bolt.Tx) error {
		for i, e := range envelopes {
			if !keep {
				break
			}
			if err := putValue(tx, bucketItems, key(e.Sequence), data[i]); err != nil {
				return err
			}
		}
		return putValue(tx, bucketMeta, keyLast, key(newest.Sequence))
	}, func() {
		if !keep {
			return
		}
		for i, e := range envelopes {
			it := infoOf(e, len(data[i])+sealBytes)
			o.items = append(o.items, it)
			o.bytes += it.size
		}
		close(o.grown)
		o.grown = make(chan struct{})
	})
	if err != nil {
		return fmt.Errorf("write to the outbox: %w", err)
	}
	return nil
}

// waiting returns a channel that is closed when something new was stored.
func (o *outbox) waiting() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.grown
}

// next returns the envelopes that a destination lacks, oldest first, of one journal,
// at most count of them and about size bytes.
func (o *outbox) next(destination string, count int, size int64) ([]*api.Envelope, error) {
	var envelopes []*api.Envelope
	err := o.use(func(db *bolt.DB) error {
		o.mu.Lock()
		from := o.cursors[destination] + 1
		o.mu.Unlock()
		return db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket(bucketItems).Cursor()
			for k, v := c.Seek(key(from)); k != nil && len(envelopes) < count && size > 0; k, v = c.Next() {
				e, err := envelopeIn(k, v)
				if err != nil {
					return err
				}
				if len(envelopes) > 0 && e.JournalId != envelopes[0].JournalId {
					break
				}
				envelopes = append(envelopes, e)
				size -= int64(len(v))
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return envelopes, nil
}

// acknowledge notes that a destination has everything up to a number of a journal,
// and deletes what every destination has.
func (o *outbox) acknowledge(destination, journal string, sequence uint64) error {
	o.mu.Lock()
	sequence = min(sequence, o.last)
	if !o.journals[journal] || sequence <= o.cursors[destination] {
		o.mu.Unlock()
		return nil
	}
	o.cursors[destination] = sequence
	done := sequence
	for _, c := range o.cursors {
		done = min(done, c)
	}
	n := 0
	for n < len(o.items) && o.items[n].sequence <= done {
		o.bytes -= o.items[n].size
		n++
	}
	delivered := o.items[:n]
	o.items = o.items[n:]
	o.mu.Unlock()
	err := o.use(func(db *bolt.DB) error {
		if !o.journals[journal] {
			return errRenewed
		}
		return db.Update(func(tx *bolt.Tx) error {
			for _, it := range delivered {
				if err := tx.Bucket(bucketItems).Delete(key(it.sequence)); err != nil {
					return err
				}
			}
			return putValue(tx, bucketCursors, []byte(destination), key(sequence))
		})
	})
	if err != nil {
		return fmt.Errorf("note in the outbox what %s has: %w", destination, err)
	}
	return nil
}

// stats tells how many envelopes wait, and how many lost their points or were lost whole.
func (o *outbox) stats() (waiting int, droppedPoints, lostEvents uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.items), o.dropped, o.lost
}

func (o *outbox) close() error {
	o.disk.Lock()
	defer o.disk.Unlock()
	o.closed = true
	if o.file == nil {
		return nil
	}
	err := o.file.close()
	o.file = nil
	return err
}

func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func sequenceOf(k []byte) uint64 {
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}

func newJournalID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}
