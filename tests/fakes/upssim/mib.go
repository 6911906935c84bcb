package upssim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// object is one scalar or cell of the tree.
type object struct {
	name OID
	tag  byte
	// present tells whether a row of a table is there now; nil: always. The device's lock is held.
	present func() bool
	// read returns an int64, a string or an OID; the device's lock is held.
	read func() any
	// check tells whether a value may be written; nil: read only.
	check func(value any) bool
	// write carries a SET out, without the lock.
	write func(value any)
}

// build makes the tree of one kind.
type build struct {
	objectID string
	objects  func(*Device) []object
}

// kinds are all that the simulator can be. They are written from the makers'
// MIBs and share nothing with the product's table: they judge it.
var kinds = map[string]build{
	"rfc1628":          {"1.3.6.1.2.1.33", (*Device).rfc1628},
	"apcups":           {"1.3.6.1.4.1.318.1.3.27", (*Device).apcUPS},
	"masterswitch":     {"1.3.6.1.4.1.318.1.3.4.1", (*Device).masterSwitch},
	"masterswitchplus": {"1.3.6.1.4.1.318.1.3.4.4", (*Device).masterSwitchPlus},
	"rpdu":             {"1.3.6.1.4.1.318.1.3.4.5", func(d *Device) []object { return slices.Concat(d.rackPDU(), d.masterSwitch()) }},
	"rpdu2": {"1.3.6.1.4.1.318.1.3.4.6", func(d *Device) []object {
		return slices.Concat(d.rackPDU2(), d.rackPDU(), d.masterSwitch())
	}},
	"xups":          {"1.3.6.1.4.1.534.1", (*Device).xups},
	"epdu":          {"1.3.6.1.4.1.534.6.6.7", (*Device).ePDU},
	"epdu-managed":  {"1.3.6.1.4.1.534.6.6.6", (*Device).ePDUManaged},
	"epdu-switched": {"1.3.6.1.4.1.20677.1", (*Device).pulizzi},
	"raritan":       {"1.3.6.1.4.1.13742.4", (*Device).dominion},
	"raritan-px2":   {"1.3.6.1.4.1.13742.6", (*Device).px2},
	"cyberpower":    {"1.3.6.1.4.1.3808.1.1.1", (*Device).cyberPower},
	"tripplite":     {"1.3.6.1.4.1.850.1", (*Device).trippLite},
	"tripplite-lx":  {"1.3.6.1.4.1.850.1.1.1", (*Device).trippLiteLX},
	"unheard-of":    {"1.3.6.1.4.1.99999.7.1", func(*Device) []object { return nil }},
}

// Kinds lists what the simulator can be.
func Kinds() []string {
	words := make([]string, 0, len(kinds))
	for word := range kinds {
		words = append(words, word)
	}
	slices.Sort(words)
	return words
}

func constant(name string, tag byte, value any) object {
	if n, ok := value.(int); ok {
		value = int64(n)
	}
	return object{name: ParseOID(name), tag: tag, read: func() any { return value }}
}

func label(name, text string) object { return constant(name, tagOctetString, text) }

// reads is a number that nobody may write.
func reads(name string, value func() int64) object {
	return object{name: ParseOID(name), tag: tagInteger, read: func() any { return value() }}
}

// takes is a number that may be written where it lies from least to most.
func takes(name string, least, most int64, value func() int64, order func(int64)) object {
	o := reads(name, value)
	o.check = func(v any) bool { n, ok := v.(int64); return ok && n >= least && n <= most }
	o.write = func(v any) { order(v.(int64)) }
	return o
}

// as gives an object another type.
func (o object) as(tag byte) object { o.tag = tag; return o }

// holds is a text that may be written up to a size.
func (d *Device) holds(name string, size int, place *string) object {
	return object{
		name: ParseOID(name), tag: tagOctetString, read: func() any { return *place },
		check: func(v any) bool { s, ok := v.(string); return ok && len(s) <= size },
		write: func(v any) { d.locked(func() { *place = v.(string) }) },
	}
}

// each makes objects for every outlet; its name has the outlet's number for %d.
func (d *Device) each(name string, make func(name string, i int, o *outlet) object) []object {
	var list []object
	for i, o := range d.outlets {
		list = append(list, make(strings.ReplaceAll(name, "%d", fmt.Sprint(i+1)), i, o))
	}
	return list
}

// choice is what an outlet's number reads for on and off.
func choice(on bool, ifOn, ifOff int64) int64 {
	if on {
		return ifOn
	}
	return ifOff
}

// waits tells whether a command is pending. It needs the lock.
func (o *outlet) waits() bool { return o.offAt != nil || o.onAt != nil }

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func nothing() int64 { return 1 } // what a command reads that does nothing

func (d *Device) locked(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *Device) system(objectID string) []object {
	const system = "1.3.6.1.2.1.1."
	return []object{
		label(system+"1.0", "Storeward lab UPS simulator"),
		constant(system+"2.0", tagOID, ParseOID(objectID)),
		{name: ParseOID(system + "3.0"), tag: tagTimeTicks, read: func() any {
			return int64(d.uptime()/(10*time.Millisecond)) & 0xffffffff
		}},
		label(system+"4.0", "lab"),
		label(system+"5.0", d.name),
		label(system+"6.0", "store"),
	}
}

// A full battery lasts this long here.
const batteryMinutes = 45

// charge is in percent. It needs the lock.
func (d *Device) charge() int64 {
	if !d.onBattery {
		return 100
	}
	return max(0, 100-int64(time.Since(d.batterySince)*100/(batteryMinutes*time.Minute)))
}

// onBatteryFor needs the lock.
func (d *Device) onBatteryFor() time.Duration {
	if !d.onBattery {
		return 0
	}
	return time.Since(d.batterySince)
}

// left is how long the battery lasts. It needs the lock.
func (d *Device) left() time.Duration {
	return time.Duration(d.charge()) * batteryMinutes * time.Minute / 100
}

// low tells how a battery is: 2 normal, 3 low, 4 depleted. It needs the lock.
func (d *Device) low() int64 {
	switch left := d.charge(); {
	case left > 20:
		return 2
	case left > 0:
		return 3
	default:
		return 4
	}
}

// mains is an input's value while there is utility power, else 0.
func (d *Device) mains(name string, present int64) object {
	return reads(name, func() int64 { return choice(!d.onBattery, present, 0) })
}

// powered is an output's value while it is on, else 0.
func (d *Device) powered(name string, value int64) object {
	return reads(name, func() int64 { return choice(d.outlets[0].on, value, 0) })
}
