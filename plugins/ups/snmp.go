package ups

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// Objects of SNMPv2-MIB.
const (
	oidSysDescr    = ".1.3.6.1.2.1.1.1.0"
	oidSysObjectID = ".1.3.6.1.2.1.1.2.0"
)

var (
	// errRefused: the device answered, and refuses.
	errRefused = errors.New("refused")
	// errDenied: the device does not take what version 3 proves itself with.
	errDenied = errors.New("denied")
)

// refusal is an answer with an error status.
type refusal struct {
	status gosnmp.SNMPError
	index  int // of the variable that it is about, counted from 1; 0: none
}

func (r refusal) Error() string {
	text := fmt.Sprintf("refused: %v", r.status)
	if r.index > 0 {
		text += fmt.Sprintf(" at variable %d", r.index)
	}
	switch r.status {
	case gosnmp.NoAccess, gosnmp.NotWritable, gosnmp.ReadOnly, gosnmp.AuthorizationError, gosnmp.NoSuchName:
		text += " (the object is not there, or the community or user has no right to it)"
	default:
	}
	return text
}

func (r refusal) Is(target error) bool { return target == errRefused }

// wire checks an order's expiry before every packet, as late as user space can:
// whatever stalled before, nothing leaves after the order's life. It also keeps
// the last report that arrived, for a clear word about a failure.
type wire struct {
	net.Conn
	expired func() bool
	snmp    *gosnmp.GoSNMP
	report  *report
}

func (w *wire) Write(p []byte) (int, error) {
	if w.expired() {
		return 0, sdk.ErrExpired
	}
	w.report = nil
	return w.Conn.Write(p)
}

func (w *wire) Read(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		r := reportIn(p[:max(n, 0)])
		if r == unknownEngine && w.knows(p[:n]) {
			continue // the late answer to a discovery: it must not end what is asked now
		}
		if r != nil {
			w.report = r
		}
		return n, err
	}
}

// knows tells whether a message comes from the engine that is being asked.
func (w *wire) knows(message []byte) bool {
	parameters, ok := w.snmp.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	return ok && parameters.AuthoritativeEngineID != "" && bytes.Contains(message, []byte(parameters.AuthoritativeEngineID))
}

// client is one short conversation with an agent; it is not shared.
type client struct {
	snmp    *gosnmp.GoSNMP
	wire    *wire
	user    *user // nil before version 3
	address string
	// order says that a denial is no end: its report may be forged, and a card that
	// restarts denies for a while.
	order bool
}

// dial opens a socket of its own, so that an order never waits for a probe.
// expired is asked before every packet.
func (u *instance) dial(ctx context.Context, expired func() bool) (*client, error) {
	host, port, err := net.SplitHostPort(u.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("parse address: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("parse port: %w", err)
	}
	s := &gosnmp.GoSNMP{
		Target: host, Port: uint16(n), Community: u.community, Version: versions[u.cfg.Version],
		Timeout: answerBound, Context: ctx, // on a busy machine even opening a socket takes its time
	}
	if u.user != nil {
		u.user.introduce(s)
	}
	if err := s.Connect(); err != nil {
		return nil, fmt.Errorf("open socket to %s: %w", u.cfg.Address, err)
	}
	c := &client{snmp: s, wire: &wire{Conn: s.Conn, expired: expired, snmp: s}, user: u.user, address: u.cfg.Address}
	s.Conn, s.Timeout = c.wire, time.Duration(u.cfg.Timeout)
	return c, nil
}

func (c *client) close() { _ = c.snmp.Close() }

// values are the variables of one answer by OID; objects that the agent lacks are not in it.
type values map[string]gosnmp.SnmpPDU

// integer returns a variable's number and whether the answer held one.
func (v values) integer(oid string) (int, bool) {
	pdu, ok := v[oid]
	if !ok {
		return 0, false
	}
	switch pdu.Type {
	case gosnmp.Integer, gosnmp.Gauge32, gosnmp.Counter32, gosnmp.TimeTicks:
		return int(gosnmp.ToBigInt(pdu.Value).Int64()), true
	default:
		return 0, false
	}
}

func (v values) text(oid string) string {
	switch t := v[oid].Value.(type) {
	case []byte:
		return string(t)
	case string:
		return t
	}
	return ""
}

// get asks once.
func (c *client) get(oids ...string) (values, error) {
	answer, err := c.snmp.Get(oids)
	return c.check("read", answer, err)
}

// next asks for what comes after an object.
func (c *client) next(oid string) (gosnmp.SnmpPDU, error) {
	answer, err := c.snmp.GetNext([]string{oid})
	if _, err := c.check("read", answer, err); err != nil {
		return gosnmp.SnmpPDU{}, err
	}
	return answer.Variables[0], nil
}

// set orders once.
func (c *client) set(pdus ...gosnmp.SnmpPDU) (values, error) {
	answer, err := c.snmp.Set(pdus)
	return c.check("set", answer, err)
}

func (c *client) check(verb string, answer *gosnmp.SnmpPacket, err error) (values, error) {
	if err := c.fault(answer, err); err != nil {
		return nil, fmt.Errorf("%s objects of %s: %w", verb, c.address, err)
	}
	if c.user != nil {
		c.user.learn(c.snmp)
	}
	out := make(values, len(answer.Variables))
	for _, pdu := range answer.Variables {
		switch pdu.Type {
		case gosnmp.NoSuchObject, gosnmp.NoSuchInstance, gosnmp.EndOfMibView, gosnmp.Null:
		default:
			out[pdu.Name] = pdu
		}
	}
	return out, nil
}

// fault says what is wrong with an answer.
func (c *client) fault(answer *gosnmp.SnmpPacket, err error) error {
	if errors.Is(err, sdk.ErrExpired) {
		return sdk.ErrExpired
	}
	said := c.report(answer, err)
	if said != nil || err != nil {
		c.snmp.Timeout *= 2 // a slow device: its late answers must not be taken for answers to what comes next
	}
	if said != nil {
		c.user.forget()
		c.user.introduce(c.snmp)
	}
	switch {
	case said != nil && said.passes:
		return errors.New(said.says)
	case said != nil:
		return fmt.Errorf("%w: %s", errDenied, said.says)
	case err != nil:
		return fmt.Errorf("no answer: %w", err)
	case answer.PDUType != gosnmp.GetResponse:
		return fmt.Errorf("answer is a %v, not a response", answer.PDUType)
	case answer.RequestID == 0: // which the library takes for any request's
		return errors.New("answer to no request")
	case answer.Error != gosnmp.NoError:
		return refusal{answer.Error, int(answer.ErrorIndex)}
	case len(answer.Variables) == 0:
		return errors.New("empty answer")
	}
	return nil
}

// report is what came instead of an answer.
func (c *client) report(answer *gosnmp.SnmpPacket, err error) *report {
	if c.user == nil || c.snmp.Context.Err() != nil { // no time was left for an answer
		return nil
	}
	if r := reportOf(answer); r != nil || err == nil {
		return r
	}
	return c.wire.report
}

func number(oid string, value int) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Integer, Value: value}
}

func text(oid, value string) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.OctetString, Value: value}
}
