// Package upssim is a power supply for tests: an SNMP v1, v2c and v3 agent whose
// outputs really feed something. It can be a UPS or a PDU of many makes. Orders
// have their side effects and the device can be made to refuse, to fall silent,
// to lie, to be slow or to restart its card in the middle.
//
// Encoding, security model and objects are written by hand on purpose: it judges
// a product that uses an SNMP library and a table of devices, so it must not
// share their mistakes.
package upssim

import (
	"errors"
	"net"
	"slices"
	"time"
)

// Access says who may ask a device, and who may order.
type Access struct {
	// Write is the community that may write, and read. "public" reads only.
	Write string
	Users []User
}

// Agent answers SNMP for one device.
type Agent struct {
	device *Device
	read   string
	write  string
	usm    usm
}

// NewAgent returns the network card of a device.
func NewAgent(device *Device, access Access) *Agent {
	return &Agent{device: device, read: "public", write: access.Write, usm: newUSM(device, access.Users)}
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
	reply := a.Handle(packet)
	if reply == nil {
		return
	}
	send := func() {
		if _, err := conn.WriteTo(reply, from); err != nil && !errors.Is(err, net.ErrClosed) {
			a.device.log.WithError(err).Warn("answer not sent")
		}
	}
	if slow := a.device.Behaviour().Slow; slow > 0 {
		time.AfterFunc(slow, send)
		return
	}
	send()
}

// Handle answers one packet; nil where an agent stays silent (garbage, wrong
// community, a card that is away).
func (a *Agent) Handle(packet []byte) []byte {
	if a.device.deaf() {
		return nil
	}
	if version, _, err := versionOf(packet); err == nil && version == version3 {
		return a.handleSecure(packet)
	}
	r, err := decode(packet)
	if err != nil {
		a.device.log.WithError(err).Debug("packet dropped")
		return nil
	}
	if r.community != a.write && r.community != a.read {
		a.device.log.Warn("wrong community")
		return nil
	}
	r.write = r.community == a.write
	status, index, bindings, silent := a.process(r)
	if silent {
		return nil
	}
	reply := r.response(status, index, bindings)
	if len(reply) > maxMessage {
		return r.response(tooBig, 0, nil)
	}
	return reply
}

// process carries a request out.
func (a *Agent) process(r request) (status, index int, bindings []binding, silent bool) {
	switch r.kind {
	case tagGet:
		status, index, bindings = a.get(r)
	case tagGetNext:
		status, index, bindings = a.getNext(r, r.bindings, 1)
	case tagGetBulk:
		status, bindings = a.getBulk(r)
	case tagSet:
		status, index, bindings, silent = a.set(r)
	default:
		return 0, 0, nil, true
	}
	if status != noError {
		bindings = r.bindings
	}
	return status, index, bindings, silent
}

// objects is the tree of what the device is now; rows of a table come and go.
func (a *Agent) objects() []object {
	a.device.mu.Lock()
	defer a.device.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.device.objects), func(o object) bool { return o.present != nil && !o.present() })
}

func find(objects []object, name OID) (int, bool) {
	return slices.BinarySearchFunc(objects, name, func(o object, n OID) int { return slices.Compare(o.name, n) })
}

func (a *Agent) get(r request) (int, int, []binding) {
	objects := a.objects()
	out := make([]binding, 0, len(r.bindings))
	for i, b := range r.bindings {
		at, found := find(objects, b.name)
		switch {
		case found:
			out = append(out, a.value(objects[at]))
		case r.version == version1:
			return noSuchName, i + 1, nil
		default:
			out = append(out, binding{b.name, element{tag: missing(objects, b.name)}})
		}
	}
	return noError, 0, out
}

// missing tells an unknown object from an unknown instance of a known one (RFC 3416, section 4.2.1).
func missing(objects []object, name OID) byte {
	for _, o := range objects {
		if kind := o.name[:len(o.name)-1]; len(name) >= len(kind) && slices.Equal(name[:len(kind)], kind) {
			return tagNoSuchInstance
		}
	}
	return tagNoSuchObject
}

func (a *Agent) getNext(r request, names []binding, repetitions int) (int, int, []binding) {
	objects := a.objects()
	var out []binding
	at := make([]int, len(names))
	for i, b := range names {
		place, found := find(objects, b.name)
		if found {
			place++
		}
		at[i] = place
	}
	for range repetitions {
		for i, b := range names {
			if at[i] < len(objects) {
				out = append(out, a.value(objects[at[i]]))
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
	for len(out) > 0 && len(r.response(noError, 0, out)) > maxMessage-secureOverhead {
		out = out[:len(out)-1]
	}
	return noError, out
}

// set validates every binding before it carries out the first (RFC 3416, section 4.2.5).
func (a *Agent) set(r request) (status, index int, bindings []binding, silent bool) {
	behaviour := a.device.Behaviour()
	if behaviour.Refuse != "" {
		return forVersion(r.version, Refusals[behaviour.Refuse]), 1, nil, false
	}
	objects := a.objects()
	values := make([]any, len(r.bindings))
	for i, b := range r.bindings {
		value, status := check(objects, r, b)
		if status != noError {
			a.device.log.WithField("object", b.name.String()).WithField("value", b.value).WithField("status", status).Info("set refused")
			return forVersion(r.version, status), i + 1, nil, false
		}
		values[i] = value
	}
	if behaviour.Reboot > 0 {
		a.device.locked(func() {
			a.device.behaviour.Reboot = 0 // once
			a.device.restartCard(behaviour.Reboot)
		})
	}
	if behaviour.Reboot > 0 && behaviour.Lost {
		return 0, 0, nil, true
	}
	for i, b := range r.bindings {
		at, _ := find(objects, b.name)
		a.device.log.WithField("object", b.name.String()).WithField("value", values[i]).Info("set")
		objects[at].write(values[i])
	}
	return noError, 0, r.bindings, behaviour.Reboot > 0
}

func check(objects []object, r request, b binding) (any, int) {
	at, found := find(objects, b.name)
	switch {
	case !r.write && r.version == version3:
		return nil, authorizationError
	case !r.write:
		return nil, noAccess
	case !found || objects[at].check == nil:
		return nil, notWritable
	case b.value.tag != objects[at].tag:
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
	if !objects[at].check(value) {
		return nil, wrongValue
	}
	return value, noError
}

// forVersion turns an error status into the one that v1 knows (RFC 3584, section 4.4).
func forVersion(version int64, status int) int {
	if version != version1 || status <= genErr {
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
func (a *Agent) value(o object) binding {
	a.device.mu.Lock()
	v := o.read()
	a.device.mu.Unlock()
	var encoded []byte
	switch v := v.(type) {
	case int64:
		encoded = encodeInteger(o.tag, v)
	case string:
		encoded = encode(o.tag, []byte(v))
	case OID:
		encoded = encodeOID(v)
	}
	e, _, _ := next(encoded)
	return binding{o.name, e}
}
