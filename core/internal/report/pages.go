package report

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// The file format of bbolt (its internal/common, version 2): pages of one size,
// numbered from 0; two meta pages that take turns, then a B+tree of branch and leaf
// pages and the list of free pages, in the machine's own byte order.
const (
	pageHead     = 16 // id 8 | flags 2 | count 2 | overflow 4
	metaBytes    = 64 // magic 4 | version 4 | page size 4 | flags 4 | root 8 | its sequence 8 | free list 8 | pages 8 | transaction 8 | checksum 8
	boltMagic    = 0xED0CDAED
	boltVersion  = 2
	branchPage   = 0x01
	leafPage     = 0x02
	metaPage     = 0x04
	freePage     = 0x10
	elementBytes = 16 // of a branch: pos 4 | key size 4 | page 8; of a leaf: flags 4 | pos 4 | key size 4 | value size 4
	bucketEntry  = 0x01
	bucketHead   = 16 // root 8 | sequence 8; root 0: the bucket's one page follows in place
	manyFree     = 0xFFFF
	maxPageSize  = 64 << 10
)

var native = binary.NativeEndian

// checkPages finds damage to the structure of a bbolt file before bbolt does.
// bbolt maps the file and believes it: a page number out of bounds, or a file that
// ends early, is a memory fault in one of its goroutines, a cycle in the tree fills
// the memory, and both end the process. This reads instead, visits every page at
// most once, and fails with errDamaged. What it accepts bbolt can open. The values
// have checksums of their own, see seal.
func checkPages(file io.ReaderAt, size int64) error {
	c := &pageCheck{file: file, size: size}
	for _, step := range []func() error{c.metas, c.free, c.tree, c.whole} {
		if err := step(); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	return nil
}

// pageCheck is a walk through a file.
type pageCheck struct {
	file     io.ReaderAt
	size     int64
	pageSize int64
	root     uint64
	freeList uint64
	seen     []bool // by page
	rest     []subtree
}

// subtree is a page to visit and the bounds of its keys: at least from, less than
// to; nil: none.
type subtree struct {
	page     uint64
	from, to []byte
}

// metas reads both meta pages. Each commit writes one of them, so they are one
// transaction apart; a commit that a power cut tore is none, for nobody was told of it.
func (c *pageCheck) metas() error {
	first, err := c.meta(0)
	if err != nil {
		return err
	}
	c.pageSize = int64(native.Uint32(first[8:]))
	if c.pageSize < 1<<10 || c.pageSize > maxPageSize || c.pageSize&(c.pageSize-1) != 0 {
		return fmt.Errorf("pages of %d bytes", c.pageSize)
	}
	second, err := c.meta(1)
	if err != nil {
		return err
	}
	newest := first
	older, newer := native.Uint64(second[48:]), native.Uint64(first[48:])
	if older > newer {
		newest, older, newer = second, newer, older
	}
	if newer-older != 1 {
		return fmt.Errorf("meta pages of the transactions %d and %d", older, newer)
	}
	c.root, c.freeList = native.Uint64(newest[16:]), native.Uint64(newest[32:])
	pages := native.Uint64(newest[40:])
	if pages < 2 || pages > uint64(c.size/c.pageSize) { //nolint:gosec // a file's size
		return fmt.Errorf("%d bytes are too few for %d pages", c.size, pages)
	}
	c.seen = make([]bool, pages)
	c.seen[0], c.seen[1] = true, true
	return nil
}

func (c *pageCheck) meta(page int64) ([]byte, error) {
	data := make([]byte, pageHead+metaBytes)
	if _, err := c.file.ReadAt(data, page*c.pageSize); err != nil {
		return nil, fmt.Errorf("read meta page %d: %w", page, err)
	}
	head, meta := data[:pageHead], data[pageHead:]
	sum := fnv.New64a()
	_, _ = sum.Write(meta[:metaBytes-8])
	sound := native.Uint16(head[8:]) == metaPage && native.Uint32(meta) == boltMagic && native.Uint32(meta[4:]) == boltVersion &&
		native.Uint64(meta[metaBytes-8:]) == sum.Sum64()
	if !sound {
		return nil, fmt.Errorf("meta page %d is none", page)
	}
	return meta, nil
}

// claim takes a page and those that it runs over into; each belongs to one owner.
func (c *pageCheck) claim(page, more uint64) error {
	pages := uint64(len(c.seen))
	if page < 2 || page >= pages || more >= pages-page {
		return fmt.Errorf("page %d and %d more are not within %d pages", page, more, pages)
	}
	for p := page; p <= page+more; p++ {
		if c.seen[p] {
			return fmt.Errorf("page %d is used twice", p)
		}
		c.seen[p] = true
	}
	return nil
}

// read claims a page and returns it whole.
func (c *pageCheck) read(page uint64) ([]byte, error) {
	if page >= uint64(len(c.seen)) {
		return nil, fmt.Errorf("page %d is not within %d pages", page, len(c.seen))
	}
	data := make([]byte, c.pageSize)
	at := int64(page) * c.pageSize //nolint:gosec // within the file
	if _, err := c.file.ReadAt(data, at); err != nil {
		return nil, fmt.Errorf("read page %d: %w", page, err)
	}
	if id := native.Uint64(data); id != page {
		return nil, fmt.Errorf("page %d calls itself %d", page, id)
	}
	more := uint64(native.Uint32(data[12:]))
	if err := c.claim(page, more); err != nil || more == 0 {
		return data, err
	}
	data = make([]byte, int64(more+1)*c.pageSize) //nolint:gosec // claimed: within the file
	if _, err := c.file.ReadAt(data, at); err != nil {
		return nil, fmt.Errorf("read page %d: %w", page, err)
	}
	return data, nil
}

// free claims the list of free pages and what is on it.
func (c *pageCheck) free() error {
	data, err := c.read(c.freeList)
	if err != nil {
		return err
	}
	if flags := native.Uint16(data[8:]); flags != freePage {
		return fmt.Errorf("the list of free pages has the flags %#x", flags)
	}
	count, ids := uint64(native.Uint16(data[10:])), data[pageHead:]
	if count == manyFree {
		count, ids = native.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return fmt.Errorf("%d free pages on a list for %d", count, len(ids)/8)
	}
	for i := range count {
		if err := c.claim(native.Uint64(ids[8*i:]), 0); err != nil {
			return fmt.Errorf("free: %w", err)
		}
	}
	return nil
}

// tree visits the root and all that hangs on it.
func (c *pageCheck) tree() error {
	c.rest = append(c.rest, subtree{page: c.root})
	for len(c.rest) > 0 {
		next := c.rest[len(c.rest)-1]
		c.rest = c.rest[:len(c.rest)-1]
		data, err := c.read(next.page)
		if err != nil {
			return err
		}
		switch flags := native.Uint16(data[8:]); flags {
		case branchPage:
			err = c.branch(data, next)
		case leafPage:
			err = c.leaf(data, next, true)
		default:
			err = fmt.Errorf("it has the flags %#x", flags)
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", next.page, err)
		}
	}
	return nil
}

// elements calls visit with each element of a page, its key and what follows the key.
func elements(data []byte, within subtree, posAt int, visit func(i int, element, key, rest []byte) error) error {
	count := int(native.Uint16(data[10:]))
	if pageHead+count*elementBytes > len(data) {
		return fmt.Errorf("%d elements do not fit", count)
	}
	before := within.from
	for i := range count {
		at := pageHead + i*elementBytes
		element := data[at : at+elementBytes]
		start := uint64(at) + uint64(native.Uint32(element[posAt:])) //nolint:gosec // an index
		end := start + uint64(native.Uint32(element[posAt+4:]))
		if end > uint64(len(data)) {
			return fmt.Errorf("element %d lies outside", i)
		}
		key := data[start:end]
		if order := bytes.Compare(before, key); order > 0 || order == 0 && i > 0 || within.to != nil && bytes.Compare(key, within.to) >= 0 {
			return fmt.Errorf("key %d is out of order", i)
		}
		before = key
		if err := visit(i, element, key, data[end:]); err != nil {
			return err
		}
	}
	return nil
}

func (c *pageCheck) branch(data []byte, within subtree) error {
	first := len(c.rest)
	err := elements(data, within, 0, func(i int, element, key, _ []byte) error {
		if i > 0 {
			c.rest[len(c.rest)-1].to = key
		}
		c.rest = append(c.rest, subtree{page: native.Uint64(element[8:]), from: key, to: within.to})
		return nil
	})
	if err == nil && len(c.rest) == first {
		err = fmt.Errorf("a branch without elements")
	}
	return err
}

// leaf checks the elements of a leaf. Where buckets may be, their trees are still
// to be visited, unless they are small and lie in the leaf itself.
func (c *pageCheck) leaf(data []byte, within subtree, buckets bool) error {
	return elements(data, within, 4, func(i int, element, _, rest []byte) error {
		size := uint64(native.Uint32(element[12:]))
		if size > uint64(len(rest)) {
			return fmt.Errorf("value %d lies outside", i)
		}
		flags := native.Uint32(element)
		if flags == 0 {
			return nil
		}
		value := rest[:size]
		if flags != bucketEntry || !buckets || len(value) < bucketHead {
			return fmt.Errorf("element %d has the flags %#x", i, flags)
		}
		if root := native.Uint64(value); root != 0 {
			c.rest = append(c.rest, subtree{page: root})
			return nil
		}
		inline := value[bucketHead:]
		if len(inline) < pageHead || native.Uint16(inline[8:]) != leafPage {
			return fmt.Errorf("element %d is no bucket", i)
		}
		return c.leaf(inline, subtree{}, false)
	})
}

// whole makes sure that every page has its place: one that is nowhere is lost.
func (c *pageCheck) whole() error {
	for page, seen := range c.seen {
		if !seen {
			return fmt.Errorf("page %d is neither used nor free", page)
		}
	}
	return nil
}
