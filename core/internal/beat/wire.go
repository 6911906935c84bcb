package beat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// The wire form: one byte of version, the fields (unsigned numbers and spans as
// varints, texts with their length before them), then HMAC-SHA256 (RFC 2104) over
// everything before it. New fields are added at the end alone: an older reader
// passes over what it does not know, and a newer one takes what is missing for
// zero, so that nodes of two versions hear each other during an upgrade. What cannot
// be told so gets a new version. All versions begin with the version, the cluster and
// the sender, and end with the MAC: a node that cannot read a beat knows whose it is.
const (
	// Version is the wire form this package speaks.
	Version = 2
	// MaxSize bounds the wire form in bytes: one unfragmented packet on any medium.
	MaxSize = 1000

	macSize = sha256.Size
	// maxList bounds every list, so that a length cannot ask for memory.
	maxList = 64
	// retired keeps the place of a truth value that no version tells any more.
	retired = false
)

var (
	// ErrForged says that the bytes do not carry our key's MAC, or are none of ours. A sign of life, never heard.
	ErrForged = errors.New("beat not authentic")
	// ErrForeign stands for a good beat of another cluster, or of this node itself. It says nothing.
	ErrForeign = errors.New("beat of another cluster or of this node")
)

// OtherVersion is an authentic beat of the peer in a wire form that this node cannot
// read: the peer lives and runs, and that is all that it says.
type OtherVersion struct{ Version byte }

func (o OtherVersion) Error() string {
	return fmt.Sprintf("beat of version %d, and this node reads version %d", o.Version, Version)
}

// Codec turns beats into bytes and back for one node of one cluster.
type Codec struct {
	Cluster, Node string
	Key           []byte // the cluster key, at least 32 random bytes
}

// Encode gives the wire form, at most MaxSize bytes. Layers that no longer fit
// are left out, last first: the receiver then knows nothing of them.
func (c Codec) Encode(b Beat) ([]byte, error) {
	for layers := len(b.Layers); ; layers-- {
		b.Layers = b.Layers[:max(layers, 0)]
		w := writer{buf: append(make([]byte, 0, MaxSize), Version)}
		w.beat(&b)
		if w.err != nil {
			return nil, w.err
		}
		if len(w.buf)+macSize <= MaxSize {
			return append(w.buf, c.mac(w.buf)...), nil
		}
		if layers == 0 {
			return nil, fmt.Errorf("encode beat: %d bytes without layers", len(w.buf)+macSize)
		}
	}
}

// Decode reads the wire form. Its errors wrap ErrForged or ErrForeign, or are an OtherVersion.
func (c Codec) Decode(wire []byte) (Beat, error) {
	if len(wire) <= macSize || len(wire) > MaxSize {
		return Beat{}, fmt.Errorf("%d bytes: %w", len(wire), ErrForged)
	}
	body, mac := wire[:len(wire)-macSize], wire[len(wire)-macSize:]
	if !hmac.Equal(mac, c.mac(body)) {
		return Beat{}, fmt.Errorf("wrong MAC: %w", ErrForged)
	}
	r := reader{buf: body[1:]}
	b := Beat{Cluster: r.text(), Node: r.text()}
	if body[0] == Version {
		r.rest(&b)
	}
	switch {
	case r.bad:
		return Beat{}, fmt.Errorf("garbled: %w", ErrForged)
	case b.Cluster != c.Cluster || b.Node == c.Node:
		return Beat{}, fmt.Errorf("cluster %q, node %q: %w", b.Cluster, b.Node, ErrForeign)
	case body[0] != Version:
		return Beat{}, OtherVersion{body[0]}
	}
	return b, nil
}

func (c Codec) mac(body []byte) []byte {
	h := hmac.New(sha256.New, c.Key)
	h.Write(body)
	return h.Sum(nil)
}

// writer appends fields; the first fault sticks.
type writer struct {
	buf []byte
	err error
}

func (w *writer) uint(v uint64)        { w.buf = binary.AppendUvarint(w.buf, v) }
func (w *writer) span(v time.Duration) { w.buf = binary.AppendVarint(w.buf, int64(v)) }

func (w *writer) text(s string) {
	if len(s) > 255 {
		w.err = fmt.Errorf("encode beat: text of %d bytes", len(s))
		return
	}
	w.buf = append(append(w.buf, byte(len(s))), s...)
}

func (w *writer) list(n int) {
	if n > maxList {
		w.err = fmt.Errorf("encode beat: list of %d", n)
		return
	}
	w.buf = append(w.buf, byte(n))
}

func (w *writer) spans(list []time.Duration) {
	w.list(len(list))
	for _, v := range list {
		w.span(v)
	}
}

func (w *writer) grant(g Grant) {
	w.uint(g.Generation)
	w.uint(uint64(g.To))
}

// flags packs the truth values, first one lowest.
func flags(values ...bool) (bits uint64) {
	for i, v := range values {
		if v {
			bits |= 1 << i
		}
	}
	return bits
}

func (w *writer) beat(b *Beat) {
	w.text(b.Cluster)
	w.text(b.Node)
	w.uint(uint64(b.Incarnation))
	w.text(b.KernelBoot)
	w.uint(b.Sequence)
	w.span(time.Duration(b.Wall))
	w.span(b.Sent)
	w.uint(b.Generation)
	w.uint(b.LastActive)
	w.buf = append(w.buf, byte(b.Role), byte(b.PingGroup))
	w.uint(flags(b.Ready, b.InSync, b.Alone, b.CutMe, b.Ordering, b.Removed, retired, b.Drill, b.Blocked))
	w.span(b.SilentFor)
	w.span(b.Grace)
	w.span(b.Interval)
	w.span(b.Deadtime)
	w.uint(b.Digest)
	w.grant(b.Grant)
	w.grant(b.Refused)
	w.list(len(b.Echoes))
	for _, e := range b.Echoes {
		w.text(e.Link)
		w.uint(uint64(e.Incarnation))
		w.uint(e.Sequence)
		w.span(e.Sent)
		w.span(e.Age)
	}
	w.list(len(b.Layers))
	for _, l := range b.Layers {
		w.text(l.Name)
		w.buf = append(w.buf, byte(l.Health))
	}
	w.uint(b.Modes.Epoch)
	w.list(len(b.Modes.Set))
	for _, m := range b.Modes.Set {
		w.buf = append(w.buf, byte(m.Kind))
		w.text(m.Name)
		w.span(m.Left)
	}
	w.spans(b.OrderLives)
	w.spans(b.PeerLives)
	w.span(b.GivingFor)
	w.span(b.CountsFor)
}

// reader takes fields; once bad, everything is zero.
type reader struct {
	buf []byte
	bad bool
}

func (r *reader) fail() { r.bad, r.buf = true, nil }

func (r *reader) byte(limit byte) byte {
	if len(r.buf) == 0 || r.buf[0] > limit {
		r.fail()
		return 0
	}
	v := r.buf[0]
	r.buf = r.buf[1:]
	return v
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return v
}

func (r *reader) span() time.Duration {
	v, n := binary.Varint(r.buf)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.buf = r.buf[n:]
	return time.Duration(v)
}

func (r *reader) text() string {
	n := int(r.byte(255))
	if n > len(r.buf) {
		r.fail()
		return ""
	}
	v := string(r.buf[:n])
	r.buf = r.buf[n:]
	return v
}

func (r *reader) spans() (list []time.Duration) {
	if n := r.byte(maxList); n > 0 {
		list = make([]time.Duration, 0, n)
		for range n {
			list = append(list, r.span())
		}
	}
	return list
}

func (r *reader) grant() Grant {
	return Grant{Generation: r.uint(), To: ID(r.uint())}
}

// rest reads what follows the sender.
func (r *reader) rest(b *Beat) {
	b.Incarnation, b.KernelBoot = ID(r.uint()), r.text()
	b.Sequence, b.Wall, b.Sent = r.uint(), int64(r.span()), r.span()
	b.Generation, b.LastActive = r.uint(), r.uint()
	b.Role, b.PingGroup = Role(r.byte(byte(Stopped))), Tri(r.byte(byte(Yes)))
	bits := r.uint()
	var old bool // retired
	for i, p := range []*bool{&b.Ready, &b.InSync, &b.Alone, &b.CutMe, &b.Ordering, &b.Removed, &old, &b.Drill, &b.Blocked} {
		*p = bits&(1<<i) != 0
	}
	b.SilentFor, b.Grace = r.span(), r.span()
	b.Interval, b.Deadtime = r.span(), r.span()
	b.Digest = r.uint()
	b.Grant, b.Refused = r.grant(), r.grant()
	if n := r.byte(maxList); n > 0 {
		b.Echoes = make([]Echo, 0, n)
		for range n {
			b.Echoes = append(b.Echoes, Echo{Link: r.text(), Incarnation: ID(r.uint()), Sequence: r.uint(), Sent: r.span(), Age: r.span()})
		}
	}
	if n := r.byte(maxList); n > 0 {
		b.Layers = make([]Layer, 0, n)
		for range n {
			b.Layers = append(b.Layers, Layer{Name: r.text(), Health: Health(r.byte(byte(Down)))})
		}
	}
	b.Modes.Epoch = r.uint()
	if n := r.byte(maxList); n > 0 {
		b.Modes.Set = make([]Mode, 0, n)
		for range n {
			b.Modes.Set = append(b.Modes.Set, Mode{Kind: ModeKind(r.byte(byte(ModeRemoved))), Name: r.text(), Left: r.span()})
		}
	}
	b.OrderLives, b.PeerLives = r.spans(), r.spans()
	if len(r.buf) > 0 { // an older sender ends here
		b.GivingFor = r.span()
	}
	if len(r.buf) > 0 {
		b.CountsFor = r.span()
	}
}
