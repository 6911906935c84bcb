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

// FuzzAnswer: whatever a device sends, reading it ends without a panic, and
// nothing but upsOutputSource none(2) is ever off.
func FuzzAnswer(f *testing.F) {
	f.Add(answerBytes(f, 1, number(oidSource, int(sourceNone))))
	f.Add(answerBytes(f, 1, number(oidSource, 3), text(oidModel, "model"), gosnmp.SnmpPDU{Name: oidCharge, Type: gosnmp.Gauge32, Value: uint(90)}))
	f.Add(answerBytes(f, 1, gosnmp.SnmpPDU{Name: oidSource, Type: gosnmp.OctetString, Value: "2"}))
	f.Add([]byte("\x30\x84\xff\xff\xff\xff\x02\x01\x01\x04\x06public\xa2\x03"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &gosnmp.GoSNMP{Version: gosnmp.Version2c, Community: "public", MaxOids: gosnmp.MaxOids}
		answer, err := s.SnmpDecodePacket(data)
		if answer == nil {
			return
		}
		v, err := (&client{address: "fuzz"}).check("read", answer, err)
		if err != nil {
			return
		}
		n, ok := v.integer(oidSource)
		if ok && source(n).power() == sdk.PowerOff && n != 2 {
			t.Errorf("source %d is off", n)
		}
		_ = source(n).String()
		for oid := range v {
			_, _ = v.integer(oid)
			_ = v.text(oid)
		}
	})
}

// TestStrangeDevices: a device that answers nonsense leaves the power unknown,
// within the time of its order.
func TestStrangeDevices(t *testing.T) {
	off := number(oidSource, int(sourceNone))
	for name, reply := range map[string]func(id uint32) []byte{
		"garbage":         func(uint32) []byte { return []byte("\x00\x01garbage") },
		"nothing":         func(uint32) []byte { return []byte{} },
		"huge":            func(uint32) []byte { return make([]byte, 60_000) },
		"another request": func(id uint32) []byte { return answerBytes(t, id+7, off) },
		"another object":  func(id uint32) []byte { return answerBytes(t, id, number(oidAlarms, int(sourceNone))) },
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
			s, _, err := c.source()
			if err == nil || s.power() != sdk.PowerUnknown {
				t.Errorf("source %v, error %v", s, err)
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
