package serial

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// A frame is
//
//	0x00 COBS( length, 2 bytes, big endian | beat | CRC-32C of both, 4 bytes, big endian ) 0x00
//
// COBS, Consistent Overhead Byte Stuffing (S. Cheshire and M. Baker, IEEE/ACM
// Transactions on Networking 7(2), April 1999), leaves no zero inside a frame at the
// price of one byte in 254: whatever was lost or garbled before, the next zero is
// the start of something new. Length and CRC (Castagnoli's polynomial, as in RFC
// 3720) find what noise did; who wrote a beat is the core's to find out.
const (
	delimiter = 0x00
	// maxBeat bounds a frame's content, in bytes; a beat has 1000 at most.
	maxBeat   = 1024
	lengthLen = 2
	crcLen    = 4
	maxBody   = lengthLen + maxBeat + crcLen
	// longest is the length of the longest stretch without a zero that one code byte stands for.
	longest = 254
	// maxStuffed bounds what lies between two delimiters.
	maxStuffed = maxBody + maxBody/longest + 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends the frame of a beat of at most maxBeat bytes.
func appendFrame(out, beat []byte) []byte {
	body := make([]byte, 0, maxBody)
	body = binary.BigEndian.AppendUint16(body, uint16(len(beat))) //nolint:gosec // at most maxBeat
	body = append(body, beat...)
	body = binary.BigEndian.AppendUint32(body, crc32.Checksum(body, castagnoli))
	out = stuff(append(out, delimiter), body)
	return append(out, delimiter)
}

// stuff appends data in blocks without a zero: a code byte, which is the block's
// length with itself, and the bytes. Each block stands for its bytes and a zero, but
// for the last one and those of the greatest length.
func stuff(out, data []byte) []byte {
	for {
		n := min(len(data), longest)
		zero := bytes.IndexByte(data[:n], 0)
		if zero >= 0 {
			n = zero
		}
		out = append(out, byte(n+1))
		out = append(out, data[:n]...)
		data = data[n:]
		switch {
		case zero >= 0:
			data = data[1:]
		case len(data) == 0:
			return out
		}
	}
}

// unstuff undoes stuff in place; false if nobody can have stuffed this.
func unstuff(data []byte) ([]byte, bool) {
	out := data[:0]
	for len(data) > 0 {
		n := int(data[0])
		if n == 0 || n > len(data) {
			return nil, false
		}
		out = append(out, data[1:n]...)
		data = data[n:]
		if n <= longest && len(data) > 0 {
			out = append(out, 0)
		}
	}
	return out, true
}

// deframer finds frames in whatever comes out of a line. It holds maxStuffed bytes at most.
type deframer struct {
	stuffed []byte
	skip    bool // what came was longer than any frame: nothing counts before the next delimiter
}

// feed calls whole with every beat that arrived, valid until it returns, and
// damaged for everything between two delimiters that is none.
func (d *deframer) feed(data []byte, whole func(beat []byte), damaged func()) {
	for len(data) > 0 {
		end := bytes.IndexByte(data, delimiter)
		part := data
		if end >= 0 {
			part = data[:end]
		}
		if len(d.stuffed)+len(part) > maxStuffed {
			d.skip = true
		}
		if !d.skip {
			d.stuffed = append(d.stuffed, part...)
		}
		if end < 0 {
			return
		}
		d.finish(whole, damaged)
		data = data[end+1:]
	}
}

func (d *deframer) finish(whole func(beat []byte), damaged func()) {
	stuffed, skip := d.stuffed, d.skip
	d.stuffed, d.skip = d.stuffed[:0], false
	if len(stuffed) == 0 && !skip {
		return // two delimiters in a row: the line was idle
	}
	if beat, ok := content(stuffed); ok && !skip {
		whole(beat)
		return
	}
	damaged()
}

// content returns the beat of a frame that arrived whole. It works in place.
func content(stuffed []byte) ([]byte, bool) {
	body, ok := unstuff(stuffed)
	if !ok || len(body) < lengthLen+crcLen || len(body) > maxBody {
		return nil, false
	}
	sum := len(body) - crcLen
	if int(binary.BigEndian.Uint16(body)) != sum-lengthLen || binary.BigEndian.Uint32(body[sum:]) != crc32.Checksum(body[:sum], castagnoli) {
		return nil, false
	}
	return body[lengthLen:sum], true
}
