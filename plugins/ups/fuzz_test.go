package ups

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// answerBytes is the wire form of an agent's answer.
func answerBytes(tb testing.TB, id uint32, variables ...gosnmp.SnmpPDU) []byte {
	tb.Helper()
	packet := &gosnmp.SnmpPacket{
		Version: gosnmp.Version2c, Community: "public", PDUType: gosnmp.GetResponse, RequestID: id, Variables: variables,
	}
	data, err := packet.MarshalMsg()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// offReads is what a kind's state reads when its output is off, by its MIB.
var offReads = map[string]int{
	"rfc1628": 2, "apcups": 7, "masterswitch": 2, "masterswitchplus": 2, "rpdu": 2, "rpdu2": 1, "xups": 2, "epdu": 0,
	"epdu-managed": 0, "epdu-switched": 2, "raritan": 0, "raritan-px2": 8, "cyberpower": 6, "tripplite": 1, "tripplite-lx": 1,
}

// known is a device of a kind with outlet 1, where it has outlets.
func known(word string) *device {
	k, _ := kindNamed(word)
	d := &device{kind: k, lacks: map[string]bool{}, outlets: []outlet{{unit: k.unit}}}
	if k.hasOutlets() {
		d.outlets[0].number, d.outlets[0].said = 1, "1"
	}
	return d
}

// FuzzAnswer: whatever a device sends, reading it ends without a panic, and
// nothing but what the MIB calls off is ever off.
func FuzzAnswer(f *testing.F) {
	f.Add(answerBytes(f, 1, number(oidSource, sourceNone)))
	f.Add(answerBytes(f, 1, number(oidSource, 3), text(oidModel, "model"), gosnmp.SnmpPDU{Name: oidCharge, Type: gosnmp.Gauge32, Value: uint(90)}))
	f.Add(answerBytes(f, 1, gosnmp.SnmpPDU{Name: oidSource, Type: gosnmp.OctetString, Value: "2"}))
	f.Add(answerBytes(f, 1, number(".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.1", 2), number(".1.3.6.1.4.1.318.1.1.12.3.5.1.1.5.1", 1)))
	f.Add([]byte("\x30\x84\xff\xff\xff\xff\x02\x01\x01\x04\x06public\xa2\x03"))
	f.Add([]byte("\x06\x0a\x2b\x06\x01\x06\x03\x0f\x01\x01\x05\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = reportIn(data)
		s := &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: "public", MaxOids: gosnmp.MaxOids}
		answer, err := s.SnmpDecodePacket(data)
		if answer == nil {
			return
		}
		v, err := (&client{snmp: s, wire: &wire{}, address: "fuzz"}).check("read", answer, err)
		if err != nil {
			return
		}
		for word, off := range offReads {
			d := known(word)
			r, err := d.reads(v, false, 0)
			if err == nil && r.power() == sdk.PowerOff && r.values[0] != off {
				t.Errorf("%s: %v is off", word, r)
			}
			if err == nil {
				u := &instance{cfg: DefaultConfig().(*Config), ordering: make(chan struct{}, 1)}
				_ = u.reading(finding{d: d, outputs: r, values: v, alarms: []int{1, 99}})
			}
			_ = d.describe(v)
		}
	})
}

// TestStrangeDevices: a device that answers nonsense leaves the power unknown,
// within the time of its order.
func TestStrangeDevices(t *testing.T) {
	off := number(oidSource, sourceNone)
	for name, reply := range map[string]func(id uint32) []byte{
		"garbage":         func(uint32) []byte { return []byte("\x00\x01garbage") },
		"nothing":         func(uint32) []byte { return []byte{} },
		"huge":            func(uint32) []byte { return make([]byte, 60_000) },
		"another request": func(id uint32) []byte { return answerBytes(t, id+7, off) },
		"no request":      func(uint32) []byte { return answerBytes(t, 0, off) },
		"another object":  func(id uint32) []byte { return answerBytes(t, id, number(oidAlarms, sourceNone)) },
		"no objects":      func(id uint32) []byte { return answerBytes(t, id) },
		"text for numbers": func(id uint32) []byte {
			return answerBytes(t, id, gosnmp.SnmpPDU{Name: oidSource, Type: gosnmp.OctetString, Value: "2"})
		},
		"cut short": func(id uint32) []byte { b := answerBytes(t, id, off); return b[:len(b)-3] },
		"a length that lies": func(id uint32) []byte {
			b := answerBytes(t, id, off)
			b[1] = 0x7f
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := strangeDevice(t, reply)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			c, err := u.dial(ctx, func() bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if r, err := c.outputs(known("rfc1628"), false); err == nil || r.power() != sdk.PowerUnknown {
				t.Errorf("read %v, error %v", r, err)
			}
			if ctx.Err() != nil {
				t.Error("no end within two seconds")
			}
		})
	}
}

// strangeDevice answers every request with what reply makes of its number.
func strangeDevice(t *testing.T, reply func(id uint32) []byte) *instance {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		decoder := &gosnmp.GoSNMP{Version: gosnmp.Version2c}
		buffer := make([]byte, 65536)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			request, err := decoder.SnmpDecodePacket(buffer[:n])
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = conn.WriteTo(reply(request.RequestID), from) // the asker may have given up
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	cfg := DefaultConfig().(*Config)
	cfg.Address, cfg.Version, cfg.Timeout = conn.LocalAddr().String(), "2c", sdk.Duration(100*time.Millisecond)
	return &instance{cfg: cfg, community: "public"}
}
