package report

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/mibs"
)

// trapQueue is how many notifications may wait for one receiver.
const trapQueue = 4096

// Standard identifiers of a v2 notification's first two variables (RFC 3416, 4.2.6).
const (
	oidSysUpTime = ".1.3.6.1.2.1.1.3.0"
	oidTrapOID   = ".1.3.6.1.6.3.1.1.4.1.0"
)

// trapSender sends SNMPv2c traps to one receiver.
type trapSender struct {
	client  *gosnmp.GoSNMP
	queue   chan *api.Envelope
	started time.Time
	now     func() time.Time
	log     logrus.FieldLogger
}

func newTrapSender(o Options, r config.TrapReceiver) (*trapSender, error) {
	host, portText, err := net.SplitHostPort(r.Address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("port %q is not a number from 1 to 65535", portText)
	}
	community, err := r.Community.Reveal()
	if err != nil {
		return nil, fmt.Errorf("read the community: %w", err)
	}
	return &trapSender{
		client: &gosnmp.GoSNMP{
			Target: host, Port: uint16(port), Transport: "udp", Community: community,
			Version: gosnmp.Version2c, Timeout: time.Second, MaxOids: gosnmp.MaxOids,
		},
		queue:   make(chan *api.Envelope, trapQueue),
		started: o.Now(), now: o.Now,
		log: o.Log.WithField("receiver", r.Address),
	}, nil
}

// send queues a notification; a full queue drops it and says so.
func (t *trapSender) send(e *api.Envelope) {
	select {
	case t.queue <- e:
	default:
		t.log.WithField("seq", e.Sequence).Error("trap dropped: too many wait for this receiver")
	}
}

// run sends what is queued until ctx ends, then what is left at once.
func (t *trapSender) run(ctx context.Context) {
	connected := false
	defer func() {
		if connected {
			t.client.Conn.Close()
		}
	}()
	deliver := func(e *api.Envelope) {
		if !connected {
			if err := t.client.Connect(); err != nil {
				t.log.WithError(err).WithField("seq", e.Sequence).Error("trap not sent")
				return
			}
			connected = true
		}
		if _, err := t.client.SendTrap(t.trap(e)); err != nil {
			t.log.WithError(err).WithField("seq", e.Sequence).Warn("trap not sent")
			t.client.Conn.Close()
			connected = false
		}
	}
	for {
		select {
		case e := <-t.queue:
			deliver(e)
		case <-ctx.Done():
			for {
				select {
				case e := <-t.queue:
					deliver(e)
				default:
					return
				}
			}
		}
	}
}

// trap builds the notification of STOREWARD-MIB for an event.
func (t *trapSender) trap(e *api.Envelope) gosnmp.SnmpTrap {
	ev := e.GetEvent()
	text := func(oid, s string, limit int) gosnmp.SnmpPDU {
		if len(s) > limit {
			s = strings.ToValidUTF8(s[:limit], "")
		}
		return gosnmp.SnmpPDU{Name: oid + ".0", Type: gosnmp.OctetString, Value: s}
	}
	counter := func(oid string, n uint64) gosnmp.SnmpPDU {
		return gosnmp.SnmpPDU{Name: oid + ".0", Type: gosnmp.Counter64, Value: n}
	}
	uptime := uint32(t.now().Sub(t.started).Milliseconds() / 10)
	return gosnmp.SnmpTrap{Variables: []gosnmp.SnmpPDU{
		{Name: oidSysUpTime, Type: gosnmp.TimeTicks, Value: uptime},
		{Name: oidTrapOID, Type: gosnmp.ObjectIdentifier, Value: mibs.Notification(ev.Kind)},
		text(mibs.Store, e.Store, 63),
		text(mibs.Node, e.Node, 63),
		text(mibs.Object, ev.Object, 255),
		{Name: mibs.Severity + ".0", Type: gosnmp.Integer, Value: trapSeverity(ev.Severity)},
		text(mibs.EventId, ev.Id, 255),
		counter(mibs.Sequence, e.Sequence),
		{Name: mibs.Time + ".0", Type: gosnmp.OctetString, Value: dateAndTime(e.Time.AsTime())},
		text(mibs.Message, ev.Message, 1024),
		text(mibs.Kind, ev.Kind, 63),
		text(mibs.Condition, ev.Condition, 63),
		text(mibs.Incident, ev.Incident, 127),
		counter(mibs.Generation, ev.Generation),
	}}
}

func trapSeverity(s api.Severity) int {
	if s == api.Severity_SEVERITY_UNSPECIFIED {
		s = api.Severity_SEVERITY_INDETERMINATE
	}
	return int(s)
}

// dateAndTime is the textual convention of RFC 2579, section 2, in UTC.
func dateAndTime(at time.Time) []byte {
	at = at.UTC()
	b := binary.BigEndian.AppendUint16(nil, uint16(at.Year()))
	return append(b, byte(at.Month()), byte(at.Day()), byte(at.Hour()), byte(at.Minute()), byte(at.Second()),
		byte(at.Nanosecond()/int(100*time.Millisecond)), '+', 0, 0)
}
