package journal

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
	"time"

	"golang.org/x/sys/unix"
)

// The state file is a header page and two slots that are written in turn:
//
//	header: magic | identity 16 | checksum 4
//	        at commitAt: sequence 8 | checksum 4
//	slot:   magic 4 | sequence 8 | length 4 | checksum 4 | identity | written 8 |
//	        length 1 + boot id | length 1 + journal id | state
//
// A slot counts once it is synced. Only then does the header's note of its
// sequence follow, unsynced: at Open a damaged slot that the note names was a
// state in force (Lost), and one that it does not name was being written when the
// power went, so that no action can have depended on it.
const (
	headerSize = 4096
	slotSize   = 260 << 10
	maxState   = 256 << 10
	commitAt   = 512 // in a sector of its own
	slotHeader = 20
	fileSize   = headerSize + 2*slotSize
)

var (
	fileMagic  = []byte("storeward state 1\n")
	slotMagic  = []byte{0xc3, 's', 't', 'a'}
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errDamaged = errors.New("state file is damaged")
)

// record is what a slot holds.
type record struct {
	state             []byte
	journalID, bootID string
	written           time.Time
	sequence          uint64
}

type slots struct {
	file     *os.File
	id       [16]byte
	sequence uint64
	buffer   []byte
}

// found is what openSlots read.
type found struct {
	record      *record
	fresh, lost bool
	gone        bool // lost with its file: there is nothing to set aside
	reason      string
}

// openSlots opens the state file or makes it; traces are files that are there only
// after it was. errDamaged: the header cannot be used, and the file must be formatted again.
func openSlots(path string, traces []string) (*slots, found, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600) //nolint:gosec // the daemon's own state directory
	if errors.Is(err, os.ErrNotExist) {
		if trace := firstOf(traces); trace != "" {
			s, err := makeSlots(path, savedNothing)
			return s, found{lost: true, gone: true, reason: "the state file is gone, and " + trace + " shows that this node ran before"}, err
		}
		s, err := makeSlots(path, 0)
		return s, found{fresh: true}, err
	}
	if err != nil {
		return nil, found{}, fmt.Errorf("open state: %w", err)
	}
	s := &slots{file: file}
	content := make([]byte, fileSize)
	n, err := file.ReadAt(content, 0)
	if err != nil && !errors.Is(err, io.EOF) && n == 0 {
		file.Close()
		return nil, found{lost: true, reason: "read state: " + err.Error()}, errDamaged
	}
	clear(content[n:])
	if !s.readHeader(content) {
		file.Close()
		return nil, found{lost: true, reason: "the state file's header is damaged"}, errDamaged
	}
	return s, s.choose(content), nil
}

// firstOf is the first of some files that is there, or ""; one that cannot be looked at is not.
func firstOf(files []string) string {
	for _, file := range files {
		if _, err := os.Lstat(file); err == nil {
			return file
		}
	}
	return ""
}

func (s *slots) readHeader(content []byte) bool {
	end := len(fileMagic) + len(s.id)
	if !bytes.HasPrefix(content, fileMagic) ||
		binary.LittleEndian.Uint32(content[end:]) != crc32.Checksum(content[:end], castagnoli) {
		return false
	}
	copy(s.id[:], content[len(fileMagic):])
	return true
}

// choose picks the newest readable slot and says whether a newer one was in force.
func (s *slots) choose(content []byte) found {
	var newest *record
	for i := range 2 {
		at := headerSize + i*slotSize
		if r := s.parse(content[at : at+slotSize]); r != nil && (newest == nil || r.sequence > newest.sequence) {
			newest = r
		}
	}
	committed, known := s.readCommit(content)
	if newest != nil {
		s.sequence = newest.sequence
	}
	switch {
	case known && committed > s.sequence:
		s.sequence = committed
		return found{record: newest, lost: true, reason: fmt.Sprintf("state %d was saved and cannot be read", committed)}
	case !known && newest == nil:
		return found{lost: true, reason: "the state file holds nothing that can be read"}
	case !known && s.otherDamaged(content, newest.sequence):
		return found{record: newest, lost: true, reason: "one of the two states and the note which is in force cannot be read"}
	}
	return found{record: newest, fresh: newest == nil}
}

// otherDamaged tells whether the slot that does not hold the given sequence was
// written at some time and cannot be read.
func (s *slots) otherDamaged(content []byte, sequence uint64) bool {
	at := headerSize + int((sequence+1)%2)*slotSize
	slot := content[at : at+slotSize]
	return s.parse(slot) == nil && len(bytes.TrimLeft(slot, "\x00")) > 0
}

func (s *slots) readCommit(content []byte) (sequence uint64, ok bool) {
	note := content[commitAt : commitAt+12]
	if binary.LittleEndian.Uint32(note[8:]) != s.checksum(note[:8]) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(note), true
}

func (s *slots) checksum(parts ...[]byte) uint32 {
	sum := crc32.Update(0, castagnoli, s.id[:])
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// savedNothing is the number of a state that is not there: until one is saved, every
// Open says that the state is lost.
const savedNothing = 1

// makeSlots makes a state file without a state, whose note names the given one. The
// file's name appears once it is whole.
func makeSlots(path string, committed uint64) (*slots, error) {
	temporary := path + ".new"
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return nil, fmt.Errorf("make state: %w", err)
	}
	s := &slots{file: file, sequence: committed}
	err = s.format(committed)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err == nil {
		err = syncDirectory(filepath.Dir(path))
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("make state: %w", err)
	}
	return s, nil
}

// reformatSlots empties a damaged state file in its own blocks, so that it works on
// a full disk.
func reformatSlots(path string) (*slots, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0o600) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return nil, fmt.Errorf("empty state: %w", err)
	}
	s := &slots{file: file, sequence: savedNothing}
	if err := s.format(s.sequence); err != nil {
		file.Close()
		return nil, fmt.Errorf("empty state: %w", err)
	}
	return s, nil
}

// format writes every block of the file, so that the file system has reserved it.
func (s *slots) format(committed uint64) error {
	if _, err := rand.Read(s.id[:]); err != nil {
		return err
	}
	content := make([]byte, fileSize)
	header := append(bytes.Clone(fileMagic), s.id[:]...)
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	copy(content, header)
	copy(content[commitAt:], s.commitNote(committed))
	if _, err := s.file.WriteAt(content, 0); err != nil {
		return err
	}
	return s.file.Sync()
}

func (s *slots) commitNote(sequence uint64) []byte {
	note := binary.LittleEndian.AppendUint64(nil, sequence)
	return binary.LittleEndian.AppendUint32(note, s.checksum(note))
}

// save writes the slot whose turn it is, syncs it, and then notes that it counts.
func (s *slots) save(r record) error {
	if len(r.state) > maxState || len(r.bootID) > 255 || len(r.journalID) > 255 {
		return fmt.Errorf("%d bytes: %w", len(r.state), ErrTooLarge)
	}
	r.sequence = s.sequence + 1
	s.buffer = s.appendRecord(s.buffer[:0], r)
	at := int64(headerSize) + int64(r.sequence%2)*slotSize //nolint:gosec // 0 or 1
	if _, err := s.file.WriteAt(s.buffer, at); err != nil {
		return err
	}
	if err := unix.Fdatasync(int(s.file.Fd())); err != nil { //nolint:gosec // a descriptor
		return fmt.Errorf("sync: %w", err)
	}
	s.sequence = r.sequence
	if _, err := s.file.WriteAt(s.commitNote(r.sequence), commitAt); err != nil {
		return err
	}
	return nil
}

func (s *slots) appendRecord(to []byte, r record) []byte {
	to = append(to, slotMagic...)
	to = binary.LittleEndian.AppendUint64(to, r.sequence)
	to = append(to, make([]byte, 8)...) // length and checksum, below
	to = binary.LittleEndian.AppendUint64(to, uint64(r.written.UnixNano()))
	for _, text := range []string{r.bootID, r.journalID} {
		to = append(to, byte(len(text))) //nolint:gosec // checked by save
		to = append(to, text...)
	}
	to = append(to, r.state...)
	binary.LittleEndian.PutUint32(to[12:], uint32(len(to)-slotHeader)) //nolint:gosec // below a slot's size
	binary.LittleEndian.PutUint32(to[16:], s.checksum(to[4:16], to[slotHeader:]))
	return to
}

// parse returns a slot's record, or nil if it is empty, torn or damaged.
func (s *slots) parse(slot []byte) *record {
	if !bytes.HasPrefix(slot, slotMagic) {
		return nil
	}
	length := int(binary.LittleEndian.Uint32(slot[12:]))
	if length > len(slot)-slotHeader {
		return nil
	}
	body := slot[slotHeader : slotHeader+length]
	if s.checksum(slot[4:16], body) != binary.LittleEndian.Uint32(slot[16:]) || len(body) < 10 {
		return nil
	}
	r := &record{
		sequence: binary.LittleEndian.Uint64(slot[4:]),
		written:  time.Unix(0, int64(binary.LittleEndian.Uint64(body))), //nolint:gosec // as it was written
	}
	rest := body[8:]
	for _, text := range []*string{&r.bootID, &r.journalID} {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return nil
		}
		*text = string(rest[1 : 1+int(rest[0])])
		rest = rest[1+int(rest[0]):]
	}
	r.state = bytes.Clone(rest)
	return r
}

func (s *slots) close() error { return s.file.Close() }

// setAside copies a damaged file beside itself; its own blocks stay, to be used again.
func setAside(path, aside string) error {
	source, err := os.Open(path) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return fmt.Errorf("set state aside: %w", err)
	}
	defer source.Close()
	target, err := os.OpenFile(aside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // as above
	if err != nil {
		return fmt.Errorf("set state aside: %w", err)
	}
	_, err = io.Copy(target, source)
	if err = errors.Join(err, target.Close()); err != nil {
		os.Remove(aside) //nolint:errcheck // the first error says more
		return fmt.Errorf("set state aside: %w", err)
	}
	return nil
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the daemon's own state directory
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
