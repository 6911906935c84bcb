package ups

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// Objects of the UPS-MIB, RFC 1628, and of SNMPv2-MIB.
const (
	oidSysDescr    = ".1.3.6.1.2.1.1.1.0"
	oidSysObjectID = ".1.3.6.1.2.1.1.2.0"

	oidManufacturer   = ".1.3.6.1.2.1.33.1.1.1.0"
	oidModel          = ".1.3.6.1.2.1.33.1.1.2.0"
	oidAttached       = ".1.3.6.1.2.1.33.1.1.6.0" // DisplayString(0..63), read-write
	oidBatteryStatus  = ".1.3.6.1.2.1.33.1.2.1.0"
	oidOnBatterySec   = ".1.3.6.1.2.1.33.1.2.2.0" // seconds
	oidMinutesLeft    = ".1.3.6.1.2.1.33.1.2.3.0" // minutes
	oidCharge         = ".1.3.6.1.2.1.33.1.2.4.0" // percent
	oidBatteryVolts   = ".1.3.6.1.2.1.33.1.2.5.0" // 0.1 V
	oidBatteryCelsius = ".1.3.6.1.2.1.33.1.2.7.0"
	oidInputVolts     = ".1.3.6.1.2.1.33.1.3.3.1.3.1"
	oidSource         = ".1.3.6.1.2.1.33.1.4.1.0"
	oidOutputVolts    = ".1.3.6.1.2.1.33.1.4.4.1.2.1"
	oidLoad           = ".1.3.6.1.2.1.33.1.4.4.1.5.1" // percent
	oidAlarms         = ".1.3.6.1.2.1.33.1.6.1.0"
	oidAlarmDescr     = ".1.3.6.1.2.1.33.1.6.2.1.2" // column; its values lie below oidWellKnown
	oidWellKnown      = ".1.3.6.1.2.1.33.1.6.3"
	oidShutdownType   = ".1.3.6.1.2.1.33.1.8.1.0"
	oidShutdownDelay  = ".1.3.6.1.2.1.33.1.8.2.0" // seconds, -1: none
	oidStartupDelay   = ".1.3.6.1.2.1.33.1.8.3.0" // seconds, -1: none
	oidAutoRestart    = ".1.3.6.1.2.1.33.1.8.5.0"
)

// Values of those objects.
const (
	shutdownOutput = 1
	autoRestartOn  = 1
	autoRestartOff = 2
	maxMark        = 63 // upsIdentAttachedDevices

	batteryStatusLow      = 3
	batteryStatusDepleted = 4
)

// source is upsOutputSource.
type source int

// The states that matter, RFC 1628 section 4, upsOutputSource.
const (
	sourceUnread  source = 0 // never read
	sourceNone    source = 2
	sourceBattery source = 5
	sourceReducer source = 7
)

func (s source) String() string {
	names := [...]string{"unread", "other", "none", "normal", "bypass", "battery", "booster", "reducer"}
	if s < 0 || int(s) >= len(names) {
		return "source(" + strconv.Itoa(int(s)) + ")"
	}
	return names[s] + "(" + strconv.Itoa(int(s)) + ")"
}

// power maps what feeds the output to its state. Other is unknown, never off.
func (s source) power() sdk.Power {
	switch {
	case s == sourceNone:
		return sdk.PowerOff
	case s > sourceNone && s <= sourceReducer:
		return sdk.PowerOn
	}
	return sdk.PowerUnknown
}

var (
	errExpired = errors.New("the order has expired")
	errRefused = errors.New("refused")
)

// expiringConn checks an order's expiry before every packet, as late as user
// space can: whatever stalled before, nothing leaves after the order's life.
type expiringConn struct {
	net.Conn
	expired func() bool
}

func (c expiringConn) Write(p []byte) (int, error) {
	if c.expired() {
		return 0, errExpired
	}
	return c.Conn.Write(p)
}

// client is one short conversation with an agent; it is not shared.
type client struct {
	snmp    *gosnmp.GoSNMP
	address string
}

// dial opens a socket of its own, so that an order never waits for a probe.
// expired is asked before every packet.
func (u *instance) dial(ctx context.Context, expired func() bool) (*client, error) {
	host, port, err := net.SplitHostPort(u.cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("parse address of ups: %w", err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("parse port of ups: %w", err)
	}
	version, err := u.cfg.version()
	if err != nil {
		return nil, err
	}
	s := &gosnmp.GoSNMP{
		Target: host, Port: uint16(n), Community: u.community, Version: version,
		Timeout: answerBound, Context: ctx, // opening a socket sends nothing: a loaded machine may take its time
	}
	if err := s.Connect(); err != nil {
		return nil, fmt.Errorf("open socket to %s: %w", u.cfg.Address, err)
	}
	s.Timeout = time.Duration(u.cfg.Timeout)
	s.Conn = expiringConn{s.Conn, expired}
	return &client{snmp: s, address: u.cfg.Address}, nil
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

// set orders once.
func (c *client) set(pdus ...gosnmp.SnmpPDU) (values, error) {
	answer, err := c.snmp.Set(pdus)
	return c.check("set", answer, err)
}

func (c *client) check(verb string, answer *gosnmp.SnmpPacket, err error) (values, error) {
	switch {
	case errors.Is(err, errExpired):
		return nil, fmt.Errorf("%s objects of %s: %w", verb, c.address, errExpired)
	case err != nil:
		return nil, fmt.Errorf("%s objects of %s: no answer: %w", verb, c.address, err)
	case answer.PDUType != gosnmp.GetResponse:
		return nil, fmt.Errorf("%s objects of %s: answer is a %v, not a response", verb, c.address, answer.PDUType)
	case answer.Error != gosnmp.NoError:
		return nil, fmt.Errorf("%s objects of %s: %w: %v at variable %d", verb, c.address, errRefused, answer.Error, answer.ErrorIndex)
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

// source reads what feeds the output, once, and when the answer arrived.
func (c *client) source() (source, time.Duration, error) {
	v, err := c.get(oidSource)
	taken := sdk.Monotonic()
	if err != nil {
		return sourceUnread, taken, err
	}
	n, ok := v.integer(oidSource)
	if !ok {
		return sourceUnread, taken, fmt.Errorf("read output source of %s: the device has no upsOutputSource", c.address)
	}
	return source(n), taken, nil
}

func number(oid string, value int) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.Integer, Value: value}
}

func text(oid, value string) gosnmp.SnmpPDU {
	return gosnmp.SnmpPDU{Name: oid, Type: gosnmp.OctetString, Value: value}
}

// pause waits, and tells whether ctx still runs.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
