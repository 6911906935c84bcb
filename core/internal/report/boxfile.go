package report

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
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

// errDamaged says that a file does not hold what was written to it.
var errDamaged = errors.New("damaged")

// boxFile is the outbox's file, open. It is for one user at a time: a panic inside
// bbolt may leave its locks held, and then nobody else must be waiting for them.
type boxFile struct {
	handle *os.File
	db     *bolt.DB
}

// contents is what a file holds.
type contents struct {
	journal string
	// journals are the present one and those of what still waits.
	journals map[string]bool
	last     uint64
	cursors  map[string]uint64
	items    []itemInfo
}

// openFile opens a file that makeFile made, and reads it whole. It writes nothing,
// so that a full disk does not keep a node from starting. Damage is errDamaged, and
// os.ErrNotExist says that there is none.
func openFile(path string) (*boxFile, *contents, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%w: %s is no file", errDamaged, info.Mode())
	}
	handle, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return nil, nil, err
	}
	if err := checkPages(handle, info.Size()); err != nil {
		return nil, nil, errors.Join(err, handle.Close())
	}
	f, err := newBoxFile(handle)
	if err != nil {
		return nil, nil, err
	}
	c := &contents{cursors: map[string]uint64{}, journals: map[string]bool{}}
	if err := f.use(func(db *bolt.DB) error { return db.View(c.load) }); err != nil {
		f.abandon()
		return nil, nil, err
	}
	return f, c, nil
}

// makeFile makes an empty file for a journal. It appears under its name only when
// it is complete and on disk: one that is not complete has been damaged since.
func makeFile(path, journal string) (*boxFile, error) {
	unfinished := path + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return nil, err
	}
	handle, err := os.OpenFile(unfinished, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return nil, err
	}
	f, err := newBoxFile(handle)
	if err != nil {
		return nil, err
	}
	err = f.use(func(db *bolt.DB) error {
		return db.Update(func(tx *bolt.Tx) error {
			for _, name := range [][]byte{bucketMeta, bucketItems, bucketCursors} {
				if _, err := tx.CreateBucket(name); err != nil {
					return err
				}
			}
			return errors.Join(putValue(tx, bucketMeta, keyJournal, []byte(journal)), putValue(tx, bucketMeta, keyLast, key(0)))
		})
	})
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		f.abandon()
		return nil, err
	}
	return f, nil
}

// newBoxFile has bbolt take over an open file, in every case.
func newBoxFile(handle *os.File) (*boxFile, error) {
	f := &boxFile{handle: handle}
	err := guarded(func() (err error) {
		f.db, err = bolt.Open(handle.Name(), 0o600, &bolt.Options{
			Timeout:  2 * time.Second,
			OpenFile: func(string, int, os.FileMode) (*os.File, error) { return handle, nil },
		})
		return err
	})
	if err != nil {
		return nil, errors.Join(err, ignoreClosed(handle.Close()))
	}
	return f, nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func (f *boxFile) use(do func(*bolt.DB) error) error {
	return guarded(func() error { return do(f.db) })
}

func (f *boxFile) close() error { return f.use((*bolt.DB).Close) }

// abandon lets go of a file in which anything may have happened. bbolt may hold
// locks for ever by now and keep the mapping; the descriptor and its lock go.
func (f *boxFile) abandon() {
	f.handle.Close()
	go func() { _ = f.close() }()
}

// guarded runs f, which reads a mapped file. What is damaged makes bbolt panic, and
// a page that the disk does not give, or that lies beyond the end, is a memory
// fault, which ends the process unless its goroutine asks for a panic instead. Both
// become errDamaged.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: %v", errDamaged, fault)
		}
	}()
	return f()
}

// load reads everything, and with it checks every value.
func (c *contents) load(tx *bolt.Tx) error {
	journal, err := getValue(tx, bucketMeta, keyJournal)
	if err != nil {
		return err
	}
	last, err := getValue(tx, bucketMeta, keyLast)
	if err != nil {
		return err
	}
	c.journal, c.last = string(journal), sequenceOf(last)
	c.journals[c.journal] = true
	if err := tx.Bucket(bucketItems).ForEach(func(k, v []byte) error {
		e, err := envelopeIn(k, v)
		if err == nil {
			c.items = append(c.items, infoOf(e, len(v)))
			c.journals[e.JournalId] = true
		}
		return err
	}); err != nil {
		return err
	}
	return tx.Bucket(bucketCursors).ForEach(func(k, v []byte) error {
		cursor, err := unseal(bucketCursors, k, v)
		if err == nil {
			c.cursors[string(k)] = sequenceOf(cursor)
		}
		return err
	})
}

// envelopeIn reads an envelope as it lies in the file.
func envelopeIn(k, v []byte) (*api.Envelope, error) {
	data, err := unseal(bucketItems, k, v)
	if err != nil {
		return nil, err
	}
	e := new(api.Envelope)
	if err := proto.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("%w: envelope %d: %w", errDamaged, sequenceOf(k), err)
	}
	return e, nil
}

func getValue(tx *bolt.Tx, bucket, key []byte) ([]byte, error) {
	return unseal(bucket, key, tx.Bucket(bucket).Get(key))
}

func putValue(tx *bolt.Tx, bucket, key, value []byte) error {
	return tx.Bucket(bucket).Put(key, seal(bucket, key, value))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sealBytes = 4

// seal puts a checksum before a value (CRC-32C of bucket, key and value): bbolt has
// none, and does not notice when a value is overwritten.
func seal(bucket, key, value []byte) []byte {
	sealed := binary.LittleEndian.AppendUint32(make([]byte, 0, sealBytes+len(value)), checksum(bucket, key, value))
	return append(sealed, value...)
}

// unseal returns the value as it lies in the file: nobody may keep it.
func unseal(bucket, key, sealed []byte) ([]byte, error) {
	if len(sealed) < sealBytes || binary.LittleEndian.Uint32(sealed) != checksum(bucket, key, sealed[sealBytes:]) {
		return nil, fmt.Errorf("%w: the value of %s %x", errDamaged, bucket, key)
	}
	return sealed[sealBytes:], nil
}

func checksum(parts ...[]byte) (sum uint32) {
	for _, part := range parts {
		sum = crc32.Update(sum, castagnoli, part)
	}
	return sum
}

// refused tells a disk or system that takes nothing now from a file that is damaged.
func refused(err error) bool {
	for _, reason := range []error{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN,
		bolterrors.ErrTimeout,
	} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// asidesKept is how many damaged files are kept: each may be as large as the outbox.
const asidesKept = 3

// setAside renames what is at path, so that somebody can look into it, and returns
// its new name; "" where nothing is.
func setAside(path string, now time.Time) (string, error) {
	const suffix = ".corrupt-"
	old, err := filepath.Glob(path + suffix + "*")
	if err != nil {
		return "", err
	}
	slices.Sort(old) // by their time
	for len(old) >= asidesKept {
		_ = os.Remove(old[0]) // a folder that is not empty stays
		old = old[1:]
	}
	aside := path + suffix + now.UTC().Format("20060102T150405.000000000Z")
	switch err := os.Rename(path, aside); {
	case errors.Is(err, os.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("set aside: %w", err)
	}
	return aside, nil
}

// syncFolder has the disk keep the names in a folder.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
