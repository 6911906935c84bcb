package upssim

import (
	"errors"
	"fmt"
	"math"
)

// ASN.1 tags of SNMP (RFC 3416, section 3; RFC 2578, section 7.1).
const (
	tagInteger        = 0x02
	tagOctetString    = 0x04
	tagNull           = 0x05
	tagOID            = 0x06
	tagSequence       = 0x30
	tagCounter32      = 0x41
	tagGauge32        = 0x42
	tagTimeTicks      = 0x43
	tagNoSuchObject   = 0x80
	tagNoSuchInstance = 0x81
	tagEndOfMibView   = 0x82
	tagGet            = 0xa0
	tagGetNext        = 0xa1
	tagResponse       = 0xa2
	tagSet            = 0xa3
	tagGetBulk        = 0xa5
	tagReport         = 0xa8
)

var errTruncated = errors.New("truncated message")

// element is one decoded tag, length, value.
type element struct {
	tag  byte
	body []byte
}

// next cuts the first element off b. Only the definite short and long forms of
// a length occur in SNMP (RFC 3417, section 8).
func next(b []byte) (element, []byte, error) {
	if len(b) < 2 {
		return element{}, nil, errTruncated
	}
	tag, length, rest := b[0], int(b[1]), b[2:]
	if length&0x80 != 0 {
		count := length & 0x7f
		if count == 0 || count > 4 || count > len(rest) {
			return element{}, nil, fmt.Errorf("length in %d bytes", count)
		}
		length = 0
		for _, c := range rest[:count] {
			length = length<<8 | int(c)
		}
		rest = rest[count:]
	}
	if length < 0 || length > len(rest) {
		return element{}, nil, errTruncated
	}
	return element{tag, rest[:length]}, rest[length:], nil
}

// children splits a constructed element into its parts, at most limit of them.
func children(b []byte, limit int) ([]element, error) {
	var parts []element
	for len(b) > 0 {
		if len(parts) == limit {
			return nil, fmt.Errorf("more than %d parts", limit)
		}
		part, rest, err := next(b)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		b = rest
	}
	return parts, nil
}

// integer reads a two's complement number of at most eight bytes.
func (e element) integer() (int64, error) {
	if len(e.body) == 0 || len(e.body) > 8 {
		return 0, fmt.Errorf("integer of %d bytes", len(e.body))
	}
	value := int64(int8(e.body[0]))
	for _, c := range e.body[1:] {
		value = value<<8 | int64(c)
	}
	return value, nil
}

// oid reads an object identifier.
func (e element) oid() (OID, error) {
	if e.tag != tagOID || len(e.body) == 0 {
		return nil, fmt.Errorf("tag %#x where an object identifier belongs", e.tag)
	}
	first := uint32(e.body[0])
	id := OID{min(first/40, 2), first - 40*min(first/40, 2)}
	arc, open := uint64(0), false
	for _, c := range e.body[1:] {
		arc = arc<<7 | uint64(c&0x7f)
		if arc > math.MaxUint32 {
			return nil, errors.New("arc beyond 32 bits")
		}
		if open = c&0x80 != 0; !open {
			id = append(id, uint32(arc))
			arc = 0
		}
	}
	if open {
		return nil, errTruncated
	}
	return id, nil
}

// encode wraps a body in its tag and length.
func encode(tag byte, body []byte) []byte {
	out := []byte{tag}
	switch n := len(body); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 0x100:
		out = append(out, 0x81, byte(n))
	default:
		out = append(out, 0x82, byte(n>>8), byte(n))
	}
	return append(out, body...)
}

// encodeInteger writes a number in the fewest bytes.
func encodeInteger(tag byte, value int64) []byte {
	body := []byte{byte(value)}
	for rest := value >> 8; ; rest >>= 8 {
		top := int8(body[0])
		if (rest == 0 && top >= 0) || (rest == -1 && top < 0) {
			return encode(tag, body)
		}
		body = append([]byte{byte(rest)}, body...)
	}
}

func encodeOID(id OID) []byte {
	if len(id) < 2 {
		return encode(tagOID, []byte{0})
	}
	body := []byte{byte(id[0]*40 + id[1])}
	for _, arc := range id[2:] {
		group := []byte{byte(arc & 0x7f)}
		for arc >>= 7; arc > 0; arc >>= 7 {
			group = append([]byte{byte(arc&0x7f) | 0x80}, group...)
		}
		body = append(body, group...)
	}
	return encode(tagOID, body)
}
