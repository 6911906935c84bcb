package upssim

import (
	"slices"
	"strconv"
	"time"
)

// kind is how an object's value is encoded.
type kind = byte

// object is one scalar or cell of the tree.
type object struct {
	name OID
	kind kind
	// present tells whether a row of a table is there now; nil: always. The device's lock is held.
	present func() bool
	// read returns an int64, a string or an OID; the device's lock is held.
	read func() any
	// check tells whether a value may be written; nil: read only.
	check func(value any) bool
	// write carries a SET out, without the lock. It may take as long as the supply takes.
	write func(value any)
}

const upsMIB = "1.3.6.1.2.1.33.1."

// tree builds the objects of the system group and of RFC 1628, sorted by name.
func (d *Device) tree() []object {
	objects := slices.Concat(d.system(), d.ident(), d.battery(), d.input(), d.output(), d.alarms(), d.control(), d.configuration())
	slices.SortFunc(objects, func(a, b object) int { return slices.Compare(a.name, b.name) })
	return objects
}

func constant(name string, k kind, value any) object {
	if n, ok := value.(int); ok {
		value = int64(n)
	}
	return object{name: ParseOID(name), kind: k, read: func() any { return value }}
}

func (d *Device) system() []object {
	const system = "1.3.6.1.2.1.1."
	return []object{
		constant(system+"1.0", tagOctetString, "Storeward lab UPS simulator"),
		constant(system+"2.0", tagOID, ParseOID("1.3.6.1.2.1.33")),
		{name: ParseOID(system + "3.0"), kind: tagTimeTicks, read: func() any {
			return int64(time.Since(d.started)/(10*time.Millisecond)) & 0xffffffff
		}},
		constant(system+"4.0", tagOctetString, "lab"),
		constant(system+"5.0", tagOctetString, d.name),
		constant(system+"6.0", tagOctetString, "store"),
	}
}

func (d *Device) ident() []object {
	text := func(value any) bool { s, ok := value.(string); return ok && len(s) <= 63 }
	return []object{
		constant(upsMIB+"1.1.0", tagOctetString, "Storeward lab"),
		constant(upsMIB+"1.2.0", tagOctetString, "Simulated UPS"),
		constant(upsMIB+"1.3.0", tagOctetString, "1.0"),
		constant(upsMIB+"1.4.0", tagOctetString, "1.0"),
		constant(upsMIB+"1.5.0", tagOctetString, d.name),
		{
			name: ParseOID(upsMIB + "1.6.0"), kind: tagOctetString, read: func() any { return d.attached }, check: text,
			write: func(value any) { d.locked(func() { d.attached = value.(string) }) },
		},
	}
}

// battery: a full one lasts 45 minutes here.
func (d *Device) battery() []object {
	const minutes = 45
	charge := func() int64 {
		if !d.onBattery {
			return 100
		}
		return max(0, 100-int64(time.Since(d.batterySince)*100/(minutes*time.Minute)))
	}
	number := func(name string, read func() int64) object {
		return object{name: ParseOID(upsMIB + name), kind: tagInteger, read: func() any { return read() }}
	}
	return []object{
		number("2.1.0", func() int64 { // upsBatteryStatus: normal(2), low(3), depleted(4)
			switch left := charge(); {
			case left > 20:
				return 2
			case left > 0:
				return 3
			default:
				return 4
			}
		}),
		number("2.2.0", func() int64 {
			if !d.onBattery {
				return 0
			}
			return int64(time.Since(d.batterySince) / time.Second)
		}),
		number("2.3.0", func() int64 { return charge() * minutes / 100 }),
		number("2.4.0", charge),
		constant(upsMIB+"2.5.0", tagInteger, 270),
		constant(upsMIB+"2.6.0", tagInteger, 0),
		constant(upsMIB+"2.7.0", tagInteger, 25),
	}
}

func (d *Device) input() []object {
	mains := func(name string, present int64) object {
		return object{name: ParseOID(upsMIB + name), kind: tagInteger, read: func() any {
			if d.onBattery {
				return int64(0)
			}
			return present
		}}
	}
	return []object{
		constant(upsMIB+"3.1.0", tagCounter32, 0),
		constant(upsMIB+"3.2.0", tagInteger, 1),
		mains("3.3.1.2.1", 500), mains("3.3.1.3.1", 230), mains("3.3.1.4.1", 12), mains("3.3.1.5.1", 260),
	}
}

func (d *Device) output() []object {
	powered := func(name string, value int64) object {
		return object{name: ParseOID(upsMIB + name), kind: tagInteger, read: func() any {
			if !d.on {
				return int64(0)
			}
			return value
		}}
	}
	return []object{
		{name: ParseOID(upsMIB + "4.1.0"), kind: tagInteger, read: func() any {
			switch {
			case !d.on:
				return int64(sourceNone)
			case d.onBattery:
				return int64(sourceBattery)
			default:
				return int64(sourceNormal)
			}
		}},
		constant(upsMIB+"4.2.0", tagInteger, 500),
		constant(upsMIB+"4.3.0", tagInteger, 1),
		powered("4.4.1.2.1", 230), powered("4.4.1.3.1", 11), powered("4.4.1.4.1", 250), powered("4.4.1.5.1", 12),
	}
}

// alarms are upsAlarmsPresent and the rows of upsAlarmTable, one for each of the
// well-known alarms (RFC 1628, upsWellKnownAlarms) that this device can have.
func (d *Device) alarms() []object {
	known := []struct {
		arc     string // below upsWellKnownAlarms
		present func() bool
	}{
		{"1", func() bool { return d.behaviour.Worn }}, // upsAlarmBatteryBad
		{"2", func() bool { return d.onBattery }},      // upsAlarmOnBattery
		{"14", func() bool { return !d.on }},           // upsAlarmUpsOutputOff
	}
	objects := []object{{name: ParseOID(upsMIB + "6.1.0"), kind: tagGauge32, read: func() any {
		count := int64(0)
		for _, alarm := range known {
			if alarm.present() {
				count++
			}
		}
		return count
	}}}
	for i, alarm := range known {
		row, name := strconv.Itoa(i+1), ParseOID(upsMIB+"6.3."+alarm.arc)
		objects = append(objects,
			object{name: ParseOID(upsMIB + "6.2.1.2." + row), kind: tagOID, present: alarm.present, read: func() any { return name }},
			object{name: ParseOID(upsMIB + "6.2.1.3." + row), kind: tagTimeTicks, present: alarm.present, read: func() any { return int64(0) }},
		)
	}
	return objects
}

func (d *Device) control() []object {
	within := func(low, high int64) func(any) bool {
		return func(value any) bool { n, ok := value.(int64); return ok && n >= low && n <= high }
	}
	seconds := func(value any) time.Duration { return time.Duration(value.(int64)) * time.Second }
	const forever = 1<<31 - 1
	return []object{
		{
			name: ParseOID(upsMIB + "8.1.0"), kind: tagInteger, check: within(shutdownOutput, shutdownSystem),
			read:  func() any { return d.shutdownType },
			write: func(value any) { d.locked(func() { d.shutdownType = value.(int64) }) },
		},
		{
			name: ParseOID(upsMIB + "8.2.0"), kind: tagInteger, check: within(-1, forever),
			read:  func() any { return d.offAt.remaining() },
			write: func(value any) { d.shutdownAfter(seconds(value)) },
		},
		{
			name: ParseOID(upsMIB + "8.3.0"), kind: tagInteger, check: within(-1, forever),
			read:  func() any { return d.onAt.remaining() },
			write: func(value any) { d.startupAfter(seconds(value)) },
		},
		{
			name: ParseOID(upsMIB + "8.4.0"), kind: tagInteger, check: within(-1, 300),
			read: func() any { return int64(-1) },
			write: func(value any) {
				if value.(int64) >= 0 {
					d.rebootFor(seconds(value))
				}
			},
		},
		{
			name: ParseOID(upsMIB + "8.5.0"), kind: tagInteger, check: within(restartOn, restartOff),
			read:  func() any { return d.autoRestart },
			write: func(value any) { d.locked(func() { d.autoRestart = value.(int64) }) },
		},
	}
}

func (d *Device) configuration() []object {
	return []object{
		constant(upsMIB+"9.1.0", tagInteger, 230), constant(upsMIB+"9.2.0", tagInteger, 500),
		constant(upsMIB+"9.3.0", tagInteger, 230), constant(upsMIB+"9.4.0", tagInteger, 500),
		constant(upsMIB+"9.5.0", tagInteger, 1500), constant(upsMIB+"9.6.0", tagInteger, 1000),
	}
}

func (d *Device) locked(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}
