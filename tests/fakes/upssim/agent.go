// Package upssim is a UPS for tests: an SNMP v1 and v2c agent of RFC 1628 whose
// output really feeds something. Orders have their side effects and the device
// can be made to refuse, to fall silent, to lie or to be slow.
//
// Its encoding is written by hand on purpose: it judges a product that uses an
// SNMP library, so it must not share that library's mistakes.
package upssim

import (
	"errors"
	"net"
	"slices"
	"time"
)

// Agent answers SNMP for one device.
type Agent struct {
	device  *Device
	objects []object
	read    string
	write   string
}

// NewAgent returns the network card of a device. The write community also reads;
// "public" reads only.
func NewAgent(device *Device, writeCommunity string) *Agent {
	return &Agent{device: device, objects: device.tree(), read: "public", write: writeCommunity}
}

// Serve answers on conn until it is closed.
func (a *Agent) Serve(conn net.PacketConn) error {
	buffer := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		packet := slices.Clone(buffer[:n])
		go a.answer(conn, packet, from)
	}
}

// answer runs beside others: a SET that waits for its supply must not hold up a reading.
func (a *Agent) answer(conn net.PacketConn, packet []byte, from net.Addr) {
	behaviour := a.device.Behaviour()
	if behaviour.Silent || a.device.systemDown() {
		return
	}
	reply := a.Handle(packet)
	if reply == nil {
		return
	}
	send := func() {
		if _, err := conn.WriteTo(reply, from); err != nil && !errors.Is(err, net.ErrClosed) {
			a.device.log.WithError(err).Warn("answer not sent")
		}
	}
	if behaviour.Slow > 0 {
		time.AfterFunc(behaviour.Slow, send)
		return
	}
	send()
}

// systemDown: a shutdown of the type "system" takes the network card down too.
func (d *Device) systemDown() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.on && d.shutdownType == shutdownSystem
}

// Handle answers one packet; nil where an agent stays silent (garbage, wrong community).
func (a *Agent) Handle(packet []byte) []byte {
	r, err := decode(packet)
	if err != nil {
		a.device.log.WithError(err).Debug("packet dropped")
		return nil
	}
	if r.community != a.write && r.community != a.read {
		a.device.log.Warn("wrong community")
		return nil
	}
	var status, index int
	var bindings []binding
	switch r.kind {
	case tagGet:
		status, index, bindings = a.get(r)
	case tagGetNext:
		status, index, bindings = a.getNext(r, r.bindings, 1)
	case tagGetBulk:
		status, bindings = a.getBulk(r)
	case tagSet:
		status, index, bindings = a.set(r)
	default:
		return nil
	}
	if status != noError {
		bindings = r.bindings
	}
	reply := r.response(status, index, bindings)
	if len(reply) > maxMessage {
		return r.response(tooBig, 0, nil)
	}
	return reply
}

func (a *Agent) find(name OID) (int, bool) {
	return slices.BinarySearchFunc(a.objects, name, func(o object, n OID) int { return slices.Compare(o.name, n) })
}

// present tells whether an object is there now; rows of a table come and go.
func (a *Agent) present(at int) bool {
	there := a.objects[at].present
	if there == nil {
		return true
	}
	a.device.mu.Lock()
	defer a.device.mu.Unlock()
	return there()
}

func (a *Agent) get(r request) (int, int, []binding) {
	out := make([]binding, 0, len(r.bindings))
	for i, b := range r.bindings {
		at, found := a.find(b.name)
		switch {
		case found && a.present(at):
			out = append(out, a.value(at))
		case r.version == version1:
			return noSuchName, i + 1, nil
		default:
			out = append(out, binding{b.name, element{tag: a.missing(b.name)}})
		}
	}
	return noError, 0, out
}

// missing tells an unknown object from an unknown instance of a known one (RFC 3416, section 4.2.1).
func (a *Agent) missing(name OID) byte {
	for _, o := range a.objects {
		if kind := o.name[:len(o.name)-1]; len(name) >= len(kind) && slices.Equal(name[:len(kind)], kind) {
			return tagNoSuchInstance
		}
	}
	return tagNoSuchObject
}

func (a *Agent) getNext(r request, names []binding, repetitions int) (int, int, []binding) {
	var out []binding
	at := make([]int, len(names))
	for i, b := range names {
		place, found := a.find(b.name)
		if found {
			place++
		}
		at[i] = place
	}
	for range repetitions {
		for i, b := range names {
			for at[i] < len(a.objects) && !a.present(at[i]) {
				at[i]++
			}
			if at[i] < len(a.objects) {
				out = append(out, a.value(at[i]))
				at[i]++
				continue
			}
			if r.version == version1 {
				return noSuchName, i + 1, nil
			}
			out = append(out, binding{b.name, element{tag: tagEndOfMibView}})
		}
	}
	return noError, 0, out
}

// getBulk after RFC 3416, section 4.2.3, cut to what fits a packet.
func (a *Agent) getBulk(r request) (int, []binding) {
	if r.version == version1 {
		return genErr, nil
	}
	plain := int(min(max(r.first, 0), int64(len(r.bindings))))
	_, _, out := a.getNext(r, r.bindings[:plain], 1)
	repeat := r.bindings[plain:]
	if len(repeat) > 0 {
		count := int(min(max(r.second, 0), maxRepetitions, int64(max(1, maxRepetitions/len(repeat)))))
		_, _, more := a.getNext(r, repeat, count)
		out = append(out, more...)
	}
	for len(out) > 0 && len(r.response(noError, 0, out)) > maxMessage {
		out = out[:len(out)-1]
	}
	return noError, out
}

// set validates every binding before it carries out the first (RFC 3416, section 4.2.5).
func (a *Agent) set(r request) (int, int, []binding) {
	if a.device.Behaviour().Refuse {
		return genErr, 1, nil
	}
	values := make([]any, len(r.bindings))
	for i, b := range r.bindings {
		value, status := a.check(r, b)
		if status != noError {
			return forVersion(r.version, status), i + 1, nil
		}
		values[i] = value
	}
	for i, b := range r.bindings {
		at, _ := a.find(b.name)
		a.device.log.WithField("object", b.name.String()).WithField("value", values[i]).Info("set")
		a.objects[at].write(values[i])
	}
	return noError, 0, r.bindings
}

func (a *Agent) check(r request, b binding) (any, int) {
	at, found := a.find(b.name)
	switch {
	case r.community != a.write:
		return nil, noAccess
	case !found || a.objects[at].check == nil:
		return nil, notWritable
	case b.value.tag != a.objects[at].kind:
		return nil, wrongType
	}
	var value any = string(b.value.body)
	if b.value.tag != tagOctetString {
		n, err := b.value.integer()
		if err != nil {
			return nil, wrongType
		}
		value = n
	}
	if !a.objects[at].check(value) {
		return nil, wrongValue
	}
	return value, noError
}

// forVersion turns an error status into the one that v1 knows (RFC 3584, section 4.4).
func forVersion(version int64, status int) int {
	if version != version1 {
		return status
	}
	switch status {
	case wrongType, wrongValue:
		return badValue
	default:
		return noSuchName
	}
}

// value reads one object.
func (a *Agent) value(at int) binding {
	o := a.objects[at]
	a.device.mu.Lock()
	v := o.read()
	a.device.mu.Unlock()
	var encoded []byte
	switch v := v.(type) {
	case int64:
		encoded = encodeInteger(o.kind, v)
	case string:
		encoded = encode(o.kind, []byte(v))
	case OID:
		encoded = encodeOID(v)
	}
	e, _, _ := next(encoded)
	return binding{o.name, e}
}
