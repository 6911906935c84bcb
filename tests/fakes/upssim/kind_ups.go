package upssim

import "time"

// The UPSes that are not of RFC 1628 have one output, outlet 0 here.

func (d *Device) ticks(name string, value func() time.Duration) object {
	return reads(name, func() int64 { return int64(value() / (10 * time.Millisecond)) }).as(tagTimeTicks)
}

// outputStatus is upsBasicOutputStatus of PowerNet and CPS: they differ in the
// words for sleeping and off. It needs the lock.
func (d *Device) outputStatus(sleeping, off int64) int64 {
	o := d.outlets[0]
	switch {
	case !o.on && o.onAt != nil:
		return sleeping
	case !o.on:
		return off
	case d.onBattery:
		return 3
	default:
		return 2
	}
}

// worn is the battery's replacement indicator of PowerNet and CPS.
func (d *Device) worn(name string) object {
	return reads(name, func() int64 { return choice(d.behaviour.Worn, 2, 1) })
}

// apcUPS is PowerNet-MIB, group ups.
func (d *Device) apcUPS() []object {
	const ups = "1.3.6.1.4.1.318.1.1.1."
	sleep := int64(60 * 100) // upsAdvConfigUpsSleepTime, in ticks
	return []object{
		label(ups+"1.1.1.0", "Smart-UPS 1500"), label(ups+"1.1.2.0", "UPS_IDEN"),
		label(ups+"1.2.1.0", "653.18.I"), label(ups+"1.2.2.0", "02/03/16"), label(ups+"1.2.3.0", "AS1605110001"),
		reads(ups+"2.1.1.0", d.low), d.ticks(ups+"2.1.2.0", d.onBatteryFor), label(ups+"2.1.3.0", "02/03/16"),
		reads(ups+"2.2.1.0", d.charge).as(tagGauge32), constant(ups+"2.2.2.0", tagGauge32, 26), d.ticks(ups+"2.2.3.0", d.left),
		d.worn(ups + "2.2.4.0"), constant(ups+"2.2.8.0", tagInteger, 27),
		d.mains(ups+"3.2.1.0", 230).as(tagGauge32), d.mains(ups+"3.2.4.0", 50).as(tagGauge32), constant(ups+"3.2.5.0", tagInteger, 1),
		reads(ups+"4.1.1.0", func() int64 { return d.outputStatus(5, 7) }),
		d.powered(ups+"4.2.1.0", 230).as(tagGauge32), d.powered(ups+"4.2.2.0", 50).as(tagGauge32),
		d.powered(ups+"4.2.3.0", 21).as(tagGauge32), d.powered(ups+"4.2.4.0", 1).as(tagGauge32),
		d.holds(ups+"5.1.2.1.2.1", 32, &d.attached),
		takes(ups+"5.2.11.0", 0, 360_000, func() int64 { return sleep }, func(n int64) { d.locked(func() { sleep = n }) }).as(tagTimeTicks),
		takes(ups+"6.1.1.0", 1, 2, nothing, func(n int64) {
			if n == 2 && d.onBattery {
				d.orderOff(0, 0)
			}
		}),
		takes(ups+"6.2.1.0", 1, 3, nothing, func(n int64) { // upsAdvControlUpsOff; gracefully is after 20 s
			if n > 1 {
				d.orderOff(0, time.Duration(n-2)*20*time.Second)
			}
		}),
		takes(ups+"6.2.2.0", 1, 3, nothing, func(n int64) { // upsAdvControlRebootUps
			if n > 1 {
				d.orderReboot(0, 10*time.Second)
			}
		}),
		takes(ups+"6.2.3.0", 1, 3, nothing, func(n int64) { // upsAdvControlUpsSleep
			if n > 1 {
				d.orderReboot(0, time.Duration(sleep)*10*time.Millisecond)
			}
		}),
		takes(ups+"6.2.6.0", 1, 2, nothing, func(n int64) { // upsAdvControlTurnOnUPS
			if n == 2 {
				d.orderOn(0, 0)
			}
		}),
		constant(ups+"7.2.3.0", tagInteger, 1), label(ups+"7.2.4.0", "01/01/2026"), constant(ups+"7.2.6.0", tagInteger, 1),
	}
}

// cyberPower is CPS-MIB, group ups.
func (d *Device) cyberPower() []object {
	const ups = "1.3.6.1.4.1.3808.1.1.1."
	return []object{
		label(ups+"1.1.1.0", "OR1500ELCDRM1U"), label(ups+"1.2.1.0", "CR01802B7F21"), label(ups+"1.2.2.0", "01/02/18"), label(ups+"1.2.3.0", "FTCD1001"),
		reads(ups+"2.1.1.0", d.low), d.ticks(ups+"2.1.2.0", d.onBatteryFor),
		reads(ups+"2.2.1.0", d.charge).as(tagGauge32), constant(ups+"2.2.2.0", tagGauge32, 270), constant(ups+"2.2.3.0", tagGauge32, 24),
		d.ticks(ups+"2.2.4.0", d.left), d.worn(ups + "2.2.5.0"),
		d.mains(ups+"3.2.1.0", 2300).as(tagGauge32), d.mains(ups+"3.2.4.0", 500).as(tagGauge32),
		reads(ups+"4.1.1.0", func() int64 { return d.outputStatus(5, 6) }),
		d.powered(ups+"4.2.1.0", 2300).as(tagGauge32), d.powered(ups+"4.2.2.0", 500).as(tagGauge32),
		d.powered(ups+"4.2.3.0", 17).as(tagGauge32), d.powered(ups+"4.2.4.0", 10).as(tagGauge32),
		d.holds(ups+"5.1.2.1.2.1", 32, &d.attached),
		takes(ups+"5.2.13.0", 1, 2, func() int64 { return 3 - d.autoRestart }, // upsAdvanceConfigAutoRestore: disable(1), enable(2)
			func(n int64) { d.locked(func() { d.autoRestart = 3 - n }) }),
		takes(ups+"6.2.1.0", 1, 3, nothing, func(n int64) {
			if n > 1 {
				d.orderOff(0, time.Duration(n-2)*time.Minute)
			}
		}),
		takes(ups+"6.2.2.0", 1, 2, nothing, func(n int64) {
			if n == 2 {
				d.orderReboot(0, 10*time.Second)
			}
		}),
		takes(ups+"6.2.3.0", 1, 3, nothing, func(n int64) {
			if n > 1 {
				d.orderReboot(0, time.Minute)
			}
		}),
		takes(ups+"6.2.6.0", 1, 2, nothing, func(n int64) {
			if n == 2 {
				d.orderOn(0, 0)
			}
		}),
		constant(ups+"7.2.7.0", tagInteger, 1),
	}
}

// xups is XUPS-MIB: a countdown of 0 is an abort.
func (d *Device) xups() []object {
	const xups = "1.3.6.1.4.1.534.1."
	const forever = 1<<31 - 1
	one := d.outlets[0]
	orAbort := func(order func(int, time.Duration)) func(int64) {
		return func(n int64) {
			if n == 0 {
				n = -1
			}
			order(0, seconds(n))
		}
	}
	return append(d.alarmTable(xups+"7.1.0", xups+"7.2.1.", xups+"7.", []alarm{
		{"3", func() bool { return d.onBattery }},       // xupsOnBattery
		{"13", func() bool { return !one.on }},          // xupsOutputOff
		{"23", func() bool { return d.behaviour.Worn }}, // xupsAlarmBatteryBad
	}),
		label(xups+"1.1.0", "EATON"), label(xups+"1.2.0", "9PX 1500i"), label(xups+"1.3.0", "INV: 02.14.0026"), label(xups+"1.4.0", "11.D.0"),
		reads(xups+"2.1.0", func() int64 { return int64(d.left() / time.Second) }), constant(xups+"2.2.0", tagInteger, 54),
		constant(xups+"2.3.0", tagInteger, 0), reads(xups+"2.4.0", d.charge),
		reads(xups+"2.5.0", func() int64 { return choice(d.onBattery, 2, 4) }), // xupsBatteryAbmStatus: discharging, resting
		d.mains(xups+"3.1.0", 500), constant(xups+"3.3.0", tagInteger, 1), constant(xups+"3.4.1.1.1", tagInteger, 1), d.mains(xups+"3.4.1.2.1", 230),
		d.powered(xups+"4.1.0", 19), d.powered(xups+"4.2.0", 500), constant(xups+"4.3.0", tagInteger, 1),
		constant(xups+"4.4.1.1.1", tagInteger, 1), d.powered(xups+"4.4.1.2.1", 230), d.powered(xups+"4.4.1.3.1", 1), d.powered(xups+"4.4.1.4.1", 280),
		reads(xups+"4.5.0", d.source),
		constant(xups+"6.1.0", tagInteger, 25),
		takes(xups+"9.1.0", 0, forever, func() int64 { return one.offAt.remaining(0) }, orAbort(d.orderOff)),
		takes(xups+"9.2.0", 0, forever, func() int64 { return one.onAt.remaining(0) }, orAbort(d.orderOn)),
		takes(xups+"9.6.0", 0, forever, func() int64 { return 0 }, func(int64) { d.orderReboot(0, 10*time.Second) }),
		constant(xups+"9.7.0", tagInteger, 1),
		constant(xups+"10.1.0", tagInteger, 230), constant(xups+"10.2.0", tagInteger, 230), constant(xups+"10.3.0", tagInteger, 1350), constant(xups+"10.4.0", tagInteger, 500))
}
