package report

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

var (
	bucketMeta    = []byte("meta")
	bucketItems   = []byte("items")
	bucketCursors = []byte("cursors")
	keyJournal    = []byte("journal")
	keyLast       = []byte("last")
)

// errClosed answers every call on a closed outbox.
var errClosed = errors.New("the outbox is closed")

// outbox keeps envelopes on disk until every destination has them. Envelopes
// carry numbers that rise by one within a journal id; what is thinned away
// leaves its envelope behind without a body, so that the numbers have no gap.
type outbox struct {
	db      *bolt.DB
	journal string
	limit   int64

	mu      sync.Mutex
	last    uint64            // newest number given
	cursors map[string]uint64 // by destination: everything up to here has arrived
	items   []itemInfo        // what is on disk, by rising number
	bytes   int64
	dropped uint64 // points envelopes emptied for want of space
	lost    uint64 // events dropped for want of space, after all points
	grown   chan struct{}
	closed  bool
}

// itemInfo is what the outbox remembers of an envelope on disk.
type itemInfo struct {
	sequence uint64
	size     int64
	points   bool
	empty    bool // its body was given up
}

// openOutbox opens dir/outbox.db, which holds at most limit bytes of
// envelopes for the destinations. A file that cannot be read is set aside; its
// new name is returned, and a new journal begins.
func openOutbox(dir string, limit int64, destinations []string, now time.Time) (*outbox, string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("make the outbox's folder: %w", err)
	}
	path := filepath.Join(dir, "outbox.db")
	box, err := tryOutbox(path, limit, destinations)
	if err == nil {
		return box, "", nil
	}
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, "", fmt.Errorf("open %s: another process holds it: %w", path, err)
	}
	if refusal(err) { // the file may be whole: what it holds must not be given up
		return nil, "", fmt.Errorf("open %s: %w", path, err)
	}
	aside := fmt.Sprintf("%s.corrupt-%s", path, now.UTC().Format("20060102T150405Z"))
	if renameErr := os.Rename(path, aside); renameErr != nil {
		return nil, "", fmt.Errorf("open %s: %w; and set it aside: %w", path, err, renameErr)
	}
	box, err = tryOutbox(path, limit, destinations)
	return box, aside, err
}

// refusal tells a disk that takes nothing from a file that is damaged.
func refusal(err error) bool {
	for _, reason := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// tryOutbox opens the file and reads it whole. It writes only what is missing,
// so that a full disk does not keep a node from starting. bbolt panics on some kinds of
// damage; that is an error like any other here.
func tryOutbox(path string, limit int64, destinations []string) (box *outbox, err error) {
	var db *bolt.DB
	defer func() {
		if p := recover(); p != nil {
			box, err = nil, fmt.Errorf("damaged: %v", p)
		}
		if err != nil && db != nil {
			db.Close()
		}
	}()
	db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: 2 * time.Second})
	if err != nil {
		return nil, err
	}
	box = &outbox{db: db, limit: limit, cursors: map[string]uint64{}, grown: make(chan struct{})}
	complete := false
	err = db.View(func(tx *bolt.Tx) error {
		for problem := range tx.Check() {
			return fmt.Errorf("damaged: %w", problem)
		}
		complete = isComplete(tx, destinations)
		return nil
	})
	if err != nil {
		return nil, err
	}
	read := db.View
	if !complete {
		read = db.Update
	}
	if err = read(func(tx *bolt.Tx) error { return box.load(tx, destinations) }); err != nil {
		return nil, err
	}
	return box, nil
}

// isComplete tells whether load finds everything that it would make otherwise.
func isComplete(tx *bolt.Tx, destinations []string) bool {
	meta, cursors := tx.Bucket(bucketMeta), tx.Bucket(bucketCursors)
	if meta == nil || meta.Get(keyJournal) == nil || tx.Bucket(bucketItems) == nil || cursors == nil {
		return false
	}
	known := 0
	for _, d := range destinations {
		if cursors.Get([]byte(d)) == nil {
			return false
		}
		known++
	}
	return cursors.Stats().KeyN == known
}

// bucket returns a bucket, made where it is missing and may be written.
func bucket(tx *bolt.Tx, name []byte) (*bolt.Bucket, error) {
	if b := tx.Bucket(name); b != nil {
		return b, nil
	}
	return tx.CreateBucket(name)
}

// load reads what is there and forgets destinations that are configured no more.
func (o *outbox) load(tx *bolt.Tx, destinations []string) error {
	meta, err := bucket(tx, bucketMeta)
	if err != nil {
		return err
	}
	if id := meta.Get(keyJournal); id != nil {
		o.journal = string(id)
	} else {
		o.journal = newJournalID()
		if err := meta.Put(keyJournal, []byte(o.journal)); err != nil {
			return err
		}
	}
	o.last = sequenceOf(meta.Get(keyLast))
	items, err := bucket(tx, bucketItems)
	if err != nil {
		return err
	}
	err = items.ForEach(func(k, v []byte) error {
		var e api.Envelope
		if err := proto.Unmarshal(v, &e); err != nil || e.Sequence != sequenceOf(k) {
			return fmt.Errorf("envelope %d is damaged", sequenceOf(k))
		}
		o.remember(&e, int64(len(v)))
		return nil
	})
	if err != nil {
		return err
	}
	return o.loadCursors(tx, destinations)
}

func (o *outbox) loadCursors(tx *bolt.Tx, destinations []string) error {
	cursors, err := bucket(tx, bucketCursors)
	if err != nil {
		return err
	}
	var gone [][]byte
	err = cursors.ForEach(func(k, v []byte) error {
		if slices.Contains(destinations, string(k)) {
			o.cursors[string(k)] = sequenceOf(v)
		} else {
			gone = append(gone, slices.Clone(k))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range gone {
		if err := cursors.Delete(k); err != nil {
			return err
		}
	}
	for _, d := range destinations {
		if _, ok := o.cursors[d]; ok {
			continue
		}
		// A new destination gets what is still here, and all that comes.
		o.cursors[d] = 0
		if err := cursors.Put([]byte(d), key(0)); err != nil {
			return err
		}
	}
	return nil
}

func (o *outbox) remember(e *api.Envelope, size int64) {
	o.items = append(o.items, itemInfo{sequence: e.Sequence, size: size, points: e.GetPoints() != nil, empty: e.Body == nil})
	o.bytes += size
}

// number gives envelopes their numbers and events their ids. The caller then
// calls store with the same envelopes; until that succeeds they are kept by it.
func (o *outbox) number(envelopes []*api.Envelope) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range envelopes {
		o.last++
		e.Sequence, e.JournalId = o.last, o.journal
		if ev := e.GetEvent(); ev != nil {
			ev.Id = fmt.Sprintf("%s/%s/%d", e.Node, e.JournalId, e.Sequence)
		}
	}
}

// store writes numbered envelopes; they are on disk when it returns nil.
func (o *outbox) store(envelopes []*api.Envelope) error {
	o.mu.Lock()
	keep, closed := len(o.cursors) > 0, o.closed
	o.mu.Unlock()
	if closed {
		return errClosed
	}
	if len(envelopes) == 0 {
		return nil
	}
	sizes := make([]int64, len(envelopes))
	err := o.db.Update(func(tx *bolt.Tx) error {
		newest := envelopes[len(envelopes)-1].Sequence
		if err := tx.Bucket(bucketMeta).Put(keyLast, key(newest)); err != nil || !keep {
			return err
		}
		items := tx.Bucket(bucketItems)
		for i, e := range envelopes {
			data, err := proto.Marshal(e)
			if err != nil {
				return err
			}
			sizes[i] = int64(len(data))
			if err := items.Put(key(e.Sequence), data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write to the outbox: %w", err)
	}
	if !keep {
		return nil
	}
	o.mu.Lock()
	for i, e := range envelopes {
		o.remember(e, sizes[i])
	}
	over := o.bytes > o.limit
	close(o.grown)
	o.grown = make(chan struct{})
	o.mu.Unlock()
	if over {
		return o.trim()
	}
	return nil
}

// waiting returns a channel that is closed when something new was stored.
func (o *outbox) waiting() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.grown
}

// next returns the envelopes that a destination lacks, oldest first, at most
// count of them and about size bytes.
func (o *outbox) next(destination string, count int, size int64) ([]*api.Envelope, error) {
	o.mu.Lock()
	from, closed := o.cursors[destination]+1, o.closed
	o.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	var envelopes []*api.Envelope
	err := o.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketItems).Cursor()
		for k, v := c.Seek(key(from)); k != nil && len(envelopes) < count && size > 0; k, v = c.Next() {
			e := new(api.Envelope)
			if err := proto.Unmarshal(v, e); err != nil {
				return fmt.Errorf("read envelope %d of the outbox: %w", sequenceOf(k), err)
			}
			envelopes = append(envelopes, e)
			size -= int64(len(v))
		}
		return nil
	})
	return envelopes, err
}

// acknowledge notes that a destination has everything up to a number, and
// deletes what every destination has.
func (o *outbox) acknowledge(destination string, sequence uint64) error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return errClosed
	}
	sequence = min(sequence, o.last)
	if sequence <= o.cursors[destination] {
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
	err := o.db.Update(func(tx *bolt.Tx) error {
		if err := tx.Bucket(bucketCursors).Put([]byte(destination), key(sequence)); err != nil {
			return err
		}
		for _, it := range delivered {
			if err := tx.Bucket(bucketItems).Delete(key(it.sequence)); err != nil {
				return err
			}
		}
		return nil
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
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	return o.db.Close()
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
