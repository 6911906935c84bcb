package upssim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// OID is an object identifier, arc by arc.
type OID []uint32

// ParseOID reads the dotted form; it panics on a text that is none, for tables in code.
func ParseOID(text string) OID {
	var id OID
	for arc := range strings.SplitSeq(strings.Trim(text, "."), ".") {
		n, err := strconv.ParseUint(arc, 10, 32)
		if err != nil {
			panic(fmt.Sprintf("object identifier %q: %v", text, err))
		}
		id = append(id, uint32(n))
	}
	return id
}

func (o OID) String() string {
	arcs := make([]string, len(o))
	for i, arc := range o {
		arcs[i] = strconv.FormatUint(uint64(arc), 10)
	}
	return strings.Join(arcs, ".")
}

// Versions on the wire (RFC 3416, RFC 1157).
const (
	version1  = 0
	version2c = 1
	version3  = 3
)

// Error status of a response (RFC 3416, section 3).
const (
	noError            = 0
	tooBig             = 1
	noSuchName         = 2
	badValue           = 3
	readOnly           = 4
	genErr             = 5
	noAccess           = 6
	wrongType          = 7
	wrongValue         = 10
	authorizationError = 16
	notWritable        = 17
	maxBindings        = 64
	maxRepetitions     = 50
	maxMessage         = 1472
)

// binding is a name and the encoded value with its tag.
type binding struct {
	name  OID
	value element
}

// request is one decoded PDU and what came with it.
type request struct {
	version   int64
	community string // before version 3
	write     bool   // the sender may write
	kind      byte
	id        int64
	first     int64 // error status, or non-repeaters
	second    int64 // error index, or max-repetitions
	bindings  []binding
}

// versionOf reads a message's version.
func versionOf(packet []byte) (int64, []element, error) {
	outer, _, err := next(packet)
	if err != nil || outer.tag != tagSequence {
		return 0, nil, errors.New("no SNMP message")
	}
	parts, err := children(outer.body, 4)
	if err != nil || len(parts) < 3 || parts[0].tag != tagInteger {
		return 0, nil, errors.New("no SNMP message")
	}
	version, err := parts[0].integer()
	return version, parts, err
}

// decode reads one SNMP v1 or v2c message. It never panics, whatever it is given.
func decode(packet []byte) (request, error) {
	version, parts, err := versionOf(packet)
	if err != nil {
		return request{}, err
	}
	if version != version1 && version != version2c {
		return request{}, fmt.Errorf("SNMP version %d", version)
	}
	if len(parts) != 3 || parts[1].tag != tagOctetString {
		return request{}, errors.New("no SNMP v1 or v2c message")
	}
	r := request{version: version, community: string(parts[1].body)}
	return r, r.decodePDU(parts[2])
}

func (r *request) decodePDU(pdu element) error {
	r.kind = pdu.tag
	fields, err := children(pdu.body, 4)
	if err != nil || len(fields) != 4 {
		return errors.New("no request")
	}
	for i, target := range []*int64{&r.id, &r.first, &r.second} {
		if *target, err = fields[i].integer(); err != nil {
			return err
		}
	}
	r.bindings, err = decodeBindings(fields[3])
	return err
}

func decodeBindings(list element) ([]binding, error) {
	if list.tag != tagSequence {
		return nil, errors.New("no list of bindings")
	}
	items, err := children(list.body, maxBindings)
	if err != nil {
		return nil, err
	}
	bindings := make([]binding, 0, len(items))
	for _, item := range items {
		pair, err := children(item.body, 2)
		if err != nil || item.tag != tagSequence || len(pair) != 2 {
			return nil, errors.New("no binding")
		}
		name, err := pair[0].oid()
		if err != nil {
			return nil, err
		}
		bindings = append(bindings, binding{name, pair[1]})
	}
	return bindings, nil
}

// response encodes the answer to r, before version 3.
func (r request) response(status, index int, bindings []binding) []byte {
	return encode(tagSequence, slices.Concat(
		encodeInteger(tagInteger, r.version), encode(tagOctetString, []byte(r.community)), r.pdu(tagResponse, status, index, bindings)))
}

// pdu encodes an answer's PDU.
func (r request) pdu(tag byte, status, index int, bindings []binding) []byte {
	var list []byte
	for _, b := range bindings {
		list = append(list, encode(tagSequence, slices.Concat(encodeOID(b.name), encode(b.value.tag, b.value.body)))...)
	}
	return encode(tag, slices.Concat(
		encodeInteger(tagInteger, r.id), encodeInteger(tagInteger, int64(status)),
		encodeInteger(tagInteger, int64(index)), encode(tagSequence, list)))
}
