package upssim

import (
	"slices"
	"strconv"
	"time"
)

// Values of upsOutputSource (RFC 1628, upsOutput 1).
const (
	sourceNone    = 2
	sourceNormal  = 3
	sourceBattery = 5
)

const upsMIB = "1.3.6.1.2.1.33.1."

// rfc1628 is the UPS-MIB.
func (d *Device) rfc1628() []object {
	return slices.Concat(d.ident(), d.battery(), d.input(), d.output(), d.alarms(), d.control(), d.configuration())
}

func (d *Device) ident() []object {
	return []object{
		label(upsMIB+"1.1.0", "Storeward lab"),
		label(upsMIB+"1.2.0", "Simulated UPS"),
		label(upsMIB+"1.3.0", "1.0"),
		label(upsMIB+"1.4.0", "1.0"),
		label(upsMIB+"1.5.0", d.name),
		d.holds(upsMIB+"1.6.0", 63, &d.attached),
	}
}

func (d *Device) battery() []object {
	return []object{
		reads(upsMIB+"2.1.0", d.low), // upsBatteryStatus
		reads(upsMIB+"2.2.0", func() int64 { return int64(d.onBatteryFor() / time.Second) }),
		reads(upsMIB+"2.3.0", func() int64 { return int64(d.left() / time.Minute) }),
		reads(upsMIB+"2.4.0", d.charge),
		constant(upsMIB+"2.5.0", tagInteger, 270),
		constant(upsMIB+"2.6.0", tagInteger, 0),
		constant(upsMIB+"2.7.0", tagInteger, 25),
	}
}

func (d *Device) input() []object {
	return []object{
		constant(upsMIB+"3.1.0", tagCounter32, 0),
		constant(upsMIB+"3.2.0", tagInteger, 1),
		d.mains(upsMIB+"3.3.1.2.1", 500), d.mains(upsMIB+"3.3.1.3.1", 230),
		d.mains(upsMIB+"3.3.1.4.1", 12), d.mains(upsMIB+"3.3.1.5.1", 260),
	}
}

// source is what feeds the output. It needs the lock.
func (d *Device) source() int64 {
	switch {
	case !d.outlets[0].on:
		return sourceNone
	case d.onBattery:
		return sourceBattery
	default:
		return sourceNormal
	}
}

func (d *Device) output() []object {
	return []object{
		reads(upsMIB+"4.1.0", d.source),
		constant(upsMIB+"4.2.0", tagInteger, 500),
		constant(upsMIB+"4.3.0", tagInteger, 1),
		d.powered(upsMIB+"4.4.1.2.1", 230), d.powered(upsMIB+"4.4.1.3.1", 11),
		d.powered(upsMIB+"4.4.1.4.1", 250), d.powered(upsMIB+"4.4.1.5.1", 12),
	}
}

// alarms are upsAlarmsPresent and the rows of upsAlarmTable, one for each of the
// well-known alarms (RFC 1628, upsWellKnownAlarms) that this device can have.
func (d *Device) alarms() []object {
	return d.alarmTable(upsMIB+"6.1.0", upsMIB+"6.2.1.", upsMIB+"6.3.", []alarm{
		{"1", func() bool { return d.behaviour.Worn }},  // upsAlarmBatteryBad
		{"2", func() bool { return d.onBattery }},       // upsAlarmOnBattery
		{"14", func() bool { return !d.outlets[0].on }}, // upsAlarmUpsOutputOff
	})
}

// alarm is one that a device can have, by its arc below those that are well known.
type alarm struct {
	arc     string
	present func() bool
}

func (d *Device) alarmTable(count, table, wellKnown string, known []alarm) []object {
	objects := []object{reads(count, func() int64 {
		n := int64(0)
		for _, a := range known {
			n += choice(a.present(), 1, 0)
		}
		return n
	}).as(tagGauge32)}
	for i, a := range known {
		row := strconv.Itoa(i + 1)
		name, since := constant(table+"2."+row, tagOID, ParseOID(wellKnown+a.arc)), constant(table+"3."+row, tagTimeTicks, 0)
		name.present, since.present = a.present, a.present
		objects = append(objects, name, since)
	}
	return objects
}

func (d *Device) control() []object {
	const forever = 1<<31 - 1
	one := d.outlets[0]
	return []object{
		takes(upsMIB+"8.1.0", shutdownOutput, shutdownSystem, func() int64 { return d.shutdownType },
			func(n int64) { d.locked(func() { d.shutdownType = n }) }),
		takes(upsMIB+"8.2.0", -1, forever, func() int64 { return one.offAt.remaining(-1) },
			func(n int64) { d.orderOff(0, seconds(n)) }),
		takes(upsMIB+"8.3.0", -1, forever, func() int64 { return one.onAt.remaining(-1) },
			func(n int64) { d.orderOn(0, seconds(n)) }),
		takes(upsMIB+"8.4.0", -1, 300, func() int64 { return -1 }, func(n int64) {
			if n >= 0 {
				d.orderReboot(0, seconds(n))
			}
		}),
		takes(upsMIB+"8.5.0", restartOn, restartOff, func() int64 { return d.autoRestart },
			func(n int64) { d.locked(func() { d.autoRestart = n }) }),
	}
}

func (d *Device) configuration() []object {
	return []object{
		constant(upsMIB+"9.1.0", tagInteger, 230), constant(upsMIB+"9.2.0", tagInteger, 500),
		constant(upsMIB+"9.3.0", tagInteger, 230), constant(upsMIB+"9.4.0", tagInteger, 500),
		constant(upsMIB+"9.5.0", tagInteger, 1500), constant(upsMIB+"9.6.0", tagInteger, 1000),
	}
}
