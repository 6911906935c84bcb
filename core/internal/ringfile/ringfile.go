// Package ringfile keeps the newest records of a stream in one file of fixed
// size. The file is written full at its creation, so that a disk that fills up
// later does not stop it; a record is one write, so that a process killed at any
// moment loses at most the record it was writing; and every record has a
// checksum, so that after a power cut what is torn is left out and the rest is
// read. It never syncs unless asked and never grows.
package ringfile

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// The file is a header page and then records, each at a multiple of align:
//
//	magic 4 | sequence 8 | length 4 | checksum 4 | payload
//
// The checksum (CRC-32C) covers the file's identity, the sequence, the length and
// the payload, so that neither a payload that contains a record nor what a former
// file left on the disk is taken for one.
const (
	headerSize   = 4096
	recordHeader = 20
	align        = 8
	minSize      = 64 << 10
	idSize       = 16
)

var (
	fileMagic   = []byte("storeward ring 1\n")
	recordMagic = []byte{0xc3, 'r', 'e', 'c'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

// ErrTooLarge says that a record does not fit the ring.
var ErrTooLarge = errors.New("record is larger than a quarter of the ring")

// ErrForeign says that a file is not a ring, or that its header is damaged.
var ErrForeign = errors.New("not a ring file")

// Record is one record as it was read.
type Record struct {
	Sequence uint64
	Data     []byte
}

// Ring is an open ring file. Its methods are safe for concurrent use.
type Ring struct {
	mu       sync.Mutex
	file     *os.File
	id       [idSize]byte
	size     int64 // of the record area
	sequence uint64
	offset   int64 // where the next record goes, within the record area
	buffer   []byte
}

// Open opens a ring of about size bytes, or makes it. A ring of another size is
// made anew and keeps the newest records that fit. A file that is no ring is
// ErrForeign; Create replaces it.
func Open(path string, size int64) (*Ring, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600) //nolint:gosec // the daemon's own state directory
	if errors.Is(err, os.ErrNotExist) {
		return Create(path, size)
	}
	if err != nil {
		return nil, fmt.Errorf("open ring: %w", err)
	}
	r, err := adopt(file)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("open ring %s: %w", filepath.Base(path), err)
	}
	if r.size == areaSize(size) {
		return r, nil
	}
	return resize(r, path, size)
}

// Create makes an empty ring in the place of whatever is there. The old file, if
// any, is replaced only once the new one is complete.
func Create(path string, size int64) (*Ring, error) {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return nil, fmt.Errorf("create ring: %w", err)
	}
	r := &Ring{file: file, size: areaSize(size)}
	if err := r.format(); err != nil {
		file.Close()
		os.Remove(temporary) //nolint:errcheck // the first error says more
		return nil, fmt.Errorf("create ring: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		file.Close()
		return nil, fmt.Errorf("create ring: %w", err)
	}
	return r, nil
}

// Reset empties a damaged ring in its own blocks, for a disk that has no room for another.
func Reset(path string) (*Ring, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return nil, fmt.Errorf("reset ring: %w", err)
	}
	info, err := file.Stat()
	if err != nil || info.Size() < minSize {
		file.Close()
		return nil, fmt.Errorf("reset ring: it has %d bytes: %w", info.Size(), errors.Join(err, ErrForeign))
	}
	r := &Ring{file: file, size: (info.Size() - headerSize) / align * align}
	if err := r.writeHeader(); err != nil {
		file.Close()
		return nil, fmt.Errorf("reset ring: %w", err)
	}
	return r, nil
}

func areaSize(size int64) int64 {
	return (max(size, minSize) - headerSize) / align * align
}

// format writes every block of the file, so that the file system has reserved it.
func (r *Ring) format() error {
	zeros := make([]byte, 256<<10)
	for at := int64(headerSize); at < headerSize+r.size; at += int64(len(zeros)) {
		n := min(int64(len(zeros)), headerSize+r.size-at)
		if _, err := r.file.WriteAt(zeros[:n], at); err != nil {
			return err
		}
	}
	if err := r.writeHeader(); err != nil {
		return err
	}
	return r.file.Sync()
}

// writeHeader gives the file a new identity, which makes all former records void.
func (r *Ring) writeHeader() error {
	if _, err := rand.Read(r.id[:]); err != nil {
		return err
	}
	header := slices.Concat(fileMagic, r.id[:])
	header = binary.LittleEndian.AppendUint64(header, uint64(r.size)) //nolint:gosec // a file's size
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	r.sequence, r.offset = 0, 0
	_, err := r.file.WriteAt(header, 0)
	return err
}

// adopt reads the header and finds where the newest record ends.
func adopt(file *os.File) (*Ring, error) {
	r := &Ring{file: file}
	header := make([]byte, len(fileMagic)+idSize+8+4)
	if _, err := file.ReadAt(header, 0); err != nil {
		return nil, errors.Join(ErrForeign, err)
	}
	body := header[:len(header)-4]
	size := binary.LittleEndian.Uint64(header[len(fileMagic)+idSize:])
	if !bytes.HasPrefix(header, fileMagic) ||
		crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(header[len(body):]) ||
		size < minSize-headerSize || size > 1<<40 {
		return nil, ErrForeign
	}
	copy(r.id[:], header[len(fileMagic):])
	r.size = int64(size) //nolint:gosec // bounded above
	err := r.scan(func(sequence uint64, start int64, data []byte) {
		if sequence >= r.sequence {
			r.sequence, r.offset = sequence, start+span(len(data))
		}
	})
	if r.offset > r.size {
		r.offset = 0
	}
	return r, err
}

// resize copies what fits into a ring of another size; if that cannot be made, the old one serves on.
func resize(old *Ring, path string, size int64) (*Ring, error) {
	records, err := old.Records()
	if err != nil {
		return old, nil //nolint:nilerr // a ring of the wrong size is better than none
	}
	r, err := Create(path, size)
	if err != nil {
		return old, nil //nolint:nilerr // see above
	}
	defer old.file.Close()
	for _, rec := range records {
		if err := r.Append(rec.Data); err != nil && !errors.Is(err, ErrTooLarge) {
			r.file.Close()
			return nil, err
		}
	}
	return r, nil
}

// span is the room that a record of n bytes takes.
func span(n int) int64 {
	return (recordHeader + int64(n) + align - 1) / align * align
}

// Append writes one record over the oldest ones. The data is not kept.
func (r *Ring) Append(data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	need := span(len(data))
	if need > r.size/4 {
		return fmt.Errorf("append %d bytes: %w", len(data), ErrTooLarge)
	}
	if r.offset+need > r.size {
		r.offset = 0
	}
	r.buffer = r.appendRecord(r.buffer[:0], r.sequence+1, data)
	if _, err := r.file.WriteAt(r.buffer, headerSize+r.offset); err != nil {
		return fmt.Errorf("append to ring: %w", err)
	}
	r.sequence++
	r.offset += need
	return nil
}

func (r *Ring) appendRecord(to []byte, sequence uint64, data []byte) []byte {
	to = append(to, recordMagic...)
	to = binary.LittleEndian.AppendUint64(to, sequence)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(data))) //nolint:gosec // below a quarter of the ring
	to = binary.LittleEndian.AppendUint32(to, r.checksum(to[4:16], data))
	return append(to, data...)
}

func (r *Ring) checksum(header, data []byte) uint32 {
	sum := crc32.Update(0, castagnoli, r.id[:])
	sum = crc32.Update(sum, castagnoli, header)
	return crc32.Update(sum, castagnoli, data)
}

// Records returns every whole record, oldest first.
func (r *Ring) Records() ([]Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var records []Record
	err := r.scan(func(sequence uint64, _ int64, data []byte) {
		records = append(records, Record{Sequence: sequence, Data: bytes.Clone(data)})
	})
	slices.SortFunc(records, func(a, b Record) int {
		if a.Sequence < b.Sequence {
			return -1
		}
		return 1
	})
	return records, err
}

// scan calls found for every whole record, in the order of the file. A block that
// cannot be read ends it early: what was found until then still counts.
func (r *Ring) scan(found func(sequence uint64, start int64, data []byte)) error {
	area := make([]byte, r.size)
	n, err := r.file.ReadAt(area, headerSize)
	area = area[:n]
	for at := int64(0); at+recordHeader <= int64(n); {
		sequence, data, ok := r.parse(area[at:])
		if !ok {
			at += align
			continue
		}
		found(sequence, at, data)
		at += span(len(data))
	}
	if n > 0 || errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	return nil
}

func (r *Ring) parse(b []byte) (sequence uint64, data []byte, ok bool) {
	if !bytes.HasPrefix(b, recordMagic) {
		return 0, nil, false
	}
	length := int64(binary.LittleEndian.Uint32(b[12:]))
	if length > r.size/4 || recordHeader+length > int64(len(b)) {
		return 0, nil, false
	}
	data = b[recordHeader : recordHeader+length]
	if r.checksum(b[4:16], data) != binary.LittleEndian.Uint32(b[16:]) {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(b[4:]), data, true
}

// Sync waits until everything is on the disk.
func (r *Ring) Sync() error { return r.file.Sync() }

// Close closes the file; what was appended survives the process without a sync.
func (r *Ring) Close() error { return r.file.Close() }

// OpenOrReset opens a ring and, if it is damaged, sets it aside under aside and
// begins a new one, in the old one's blocks if the disk has no room. The reason is
// not nil when that happened.
func OpenOrReset(path string, size int64, aside string) (r *Ring, reason, err error) {
	r, reason = Open(path, size)
	if reason == nil || !errors.Is(reason, ErrForeign) {
		return r, nil, reason
	}
	if copied := copyFile(path, aside); copied != nil {
		reason = errors.Join(reason, fmt.Errorf("set it aside: %w", copied))
	}
	if r, err = Create(path, size); err == nil {
		return r, reason, nil
	}
	if again, second := Reset(path); second == nil {
		return again, reason, nil
	}
	return nil, reason, err
}

// copyFile copies a damaged file for whoever wants to know; half a copy is removed.
func copyFile(from, to string) error {
	source, err := os.Open(from) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	if err = errors.Join(err, target.Close()); err != nil {
		os.Remove(to) //nolint:errcheck // the first error says more
	}
	return err
}
