package upssim

import (
	"slices"
	"time"
)

// command is a number that is written to switch an outlet. It reads what it is told to.
func (d *Device) command(name string, least, most int64, read func(o *outlet) int64, order func(i int, n int64)) []object {
	return d.each(name, func(name string, i int, o *outlet) object {
		return takes(name, least, most, func() int64 { return read(o) }, func(n int64) { order(i, n) })
	})
}

// shows is a number of every outlet that nobody may write.
func (d *Device) shows(name string, read func(o *outlet) int64) []object {
	return d.each(name, func(name string, _ int, o *outlet) object {
		return reads(name, func() int64 { return read(o) })
	})
}

// names are the outlets' names; they may be written.
func (d *Device) names(name string) []object {
	return d.each(name, func(name string, _ int, o *outlet) object { return d.holds(name, 31, &o.name) })
}

// indexed are the outlets' numbers.
func (d *Device) indexed(name string) []object {
	return d.each(name, func(name string, i int, _ *outlet) object { return constant(name, tagInteger, i+1) })
}

// rebootTime is how long a reboot keeps an outlet off, in seconds.
func (d *Device) rebootTime(name string, least, most int64) []object {
	return d.each(name, func(name string, _ int, o *outlet) object {
		return takes(name, least, most, func() int64 { return o.rebootFor }, func(n int64) { d.locked(func() { o.rebootFor = n }) })
	})
}

// apcOrder carries out PowerNet's commands for an outlet: on 1, off 2, reboot 3,
// the same with a delay of 10 s 4 to 6, and cancel 7.
func (d *Device) apcOrder(i int, n int64) {
	delay := time.Duration(0)
	if n > 3 && n < 7 {
		n, delay = n-3, 10*time.Second
	}
	switch n {
	case 1:
		d.orderOff(i, -1)
		d.orderOn(i, delay)
	case 2:
		d.orderOn(i, -1)
		d.orderOff(i, delay)
	case 3:
		d.mu.Lock()
		off := seconds(d.outlets[i].rebootFor)
		d.mu.Unlock()
		d.orderReboot(i, off)
	case 7:
		d.abort(i)
	}
}

func pendingWord(o *outlet) int64 { return choice(o.waits(), 1, 2) }

// masterSwitch is PowerNet-MIB, group masterswitch: sPDU.
func (d *Device) masterSwitch() []object {
	const spdu = "1.3.6.1.4.1.318.1.1.4."
	return slices.Concat([]object{
		label(spdu+"1.1.0", "B2"), label(spdu+"1.2.0", "v3.7.3"), label(spdu+"1.3.0", "08/13/2012"),
		label(spdu+"1.4.0", "AP7900"), label(spdu+"1.5.0", "5A1234E00874"), constant(spdu+"4.1.0", tagInteger, outletCount),
	},
		d.indexed(spdu+"4.2.1.1.%d"), d.shows(spdu+"4.2.1.2.%d", pendingWord),
		d.command(spdu+"4.2.1.3.%d", 1, 7, func(o *outlet) int64 { return choice(o.on, 1, 2) }, d.apcOrder),
		d.names(spdu+"4.2.1.4.%d"), d.rebootTime(spdu+"5.2.1.5.%d", 5, 60))
}

// masterSwitchPlus is PowerNet-MIB, group masterswitchMSP, one switch.
func (d *Device) masterSwitchPlus() []object {
	const msp = "1.3.6.1.4.1.318.1.1.6."
	return slices.Concat([]object{label(msp+"1.5.0", "AP9225")},
		d.command(msp+"5.1.1.5.1.1.%d", 1, 9, func(o *outlet) int64 { return choice(o.on, 1, 3) }, func(i int, n int64) {
			if order, known := map[int64]int64{1: 1, 2: 4, 3: 2, 5: 3}[n]; known {
				d.apcOrder(i, order)
			}
		}),
		d.names(msp+"7.1.1.4.1.1.%d"), d.shows(msp+"7.1.1.5.1.1.%d", func(o *outlet) int64 { return choice(o.on, 1, 2) }))
}

// rackPDU is PowerNet-MIB, group rPDU.
func (d *Device) rackPDU() []object {
	const rpdu = "1.3.6.1.4.1.318.1.1.12."
	onOff := func(o *outlet) int64 { return choice(o.on, 1, 2) }
	return slices.Concat([]object{
		label(rpdu+"1.1.0", "RackPDU"), label(rpdu+"1.2.0", "B2"), label(rpdu+"1.3.0", "v3.7.3"), label(rpdu+"1.5.0", "AP7900"),
		label(rpdu+"1.6.0", "5A1234E00874"), constant(rpdu+"1.8.0", tagInteger, outletCount), constant(rpdu+"1.15.0", tagInteger, 230),
		reads(rpdu+"1.16.0", func() int64 { return 80 * d.lit() }),
		reads(rpdu+"2.3.1.1.2.1", func() int64 { return 4 * d.lit() }).as(tagGauge32), constant(rpdu+"2.3.1.1.3.1", tagInteger, 1),
		constant(rpdu+"4.1.1.0", tagInteger, 1),
	},
		d.names(rpdu+"3.3.1.1.2.%d"), d.command(rpdu+"3.3.1.1.4.%d", 1, 7, onOff, d.apcOrder), d.rebootTime(rpdu+"3.4.1.1.6.%d", 5, 60),
		d.names(rpdu+"3.5.1.1.2.%d"), d.shows(rpdu+"3.5.1.1.4.%d", onOff), d.shows(rpdu+"3.5.1.1.5.%d", pendingWord))
}

// lit counts the outlets that are on. It needs the lock.
func (d *Device) lit() int64 {
	n := int64(0)
	for _, o := range d.outlets {
		n += choice(o.on, 1, 0)
	}
	return n
}

// rackPDU2 is PowerNet-MIB, group rPDU2.
func (d *Device) rackPDU2() []object {
	const rpdu2 = "1.3.6.1.4.1.318.1.1.26."
	return slices.Concat([]object{
		label(rpdu2+"2.1.8.1", "AP8953"), constant(rpdu2+"4.3.1.4.1", tagInteger, 2), reads(rpdu2+"4.3.1.5.1", func() int64 { return 8 * d.lit() }),
	},
		d.rebootTime(rpdu2+"9.2.1.1.7.%d", 5, 60),
		d.names(rpdu2+"9.2.3.1.3.%d"), d.indexed(rpdu2+"9.2.3.1.4.%d"),
		d.shows(rpdu2+"9.2.3.1.5.%d", func(o *outlet) int64 { return choice(o.on, 2, 1) }), d.shows(rpdu2+"9.2.3.1.6.%d", pendingWord),
		d.command(rpdu2+"9.2.4.1.5.%d", 1, 7, func(o *outlet) int64 { return choice(o.on, 1, 2) }, d.apcOrder),
		d.shows(rpdu2+"9.4.3.1.7.%d", func(o *outlet) int64 { return choice(o.on, 80, 0) }))
}

// ePDU is EATON-EPDU-MIB, unit 0: orders are delays in seconds, and -1 aborts.
func (d *Device) ePDU() []object {
	const epdu = "1.3.6.1.4.1.534.6.6.7."
	return slices.Concat([]object{
		label(epdu+"1.1.0", "0"), label(epdu+"1.2.1.2.0", "EPDU MA 1U (C14 10A 1P)8XC13"), label(epdu+"1.2.1.3.0", "EMAB28"),
		label(epdu+"1.2.1.4.0", "U205F11033"), label(epdu+"1.2.1.5.0", "04.02.0005"), constant(epdu+"1.2.1.22.0", tagInteger, outletCount),
	},
		d.names(epdu+"6.1.1.3.0.%d"),
		d.shows(epdu+"6.4.1.3.0.%d", func(o *outlet) int64 { return choice(o.on, 348, 0) }),
		d.shows(epdu+"6.5.1.3.0.%d", func(o *outlet) int64 { return choice(o.on, 80, 0) }),
		d.shows(epdu+"6.6.1.2.0.%d", func(o *outlet) int64 { // outletControlStatus
			switch {
			case o.on && o.offAt != nil:
				return 2
			case !o.on && o.onAt != nil:
				return 3
			}
			return choice(o.on, 1, 0)
		}),
		d.command(epdu+"6.6.1.3.0.%d", -1, 99999, func(o *outlet) int64 { return o.offAt.remaining(-1) }, func(i int, n int64) { d.orderOff(i, seconds(n)) }),
		d.command(epdu+"6.6.1.4.0.%d", -1, 99999, func(o *outlet) int64 { return o.onAt.remaining(-1) }, func(i int, n int64) { d.orderOn(i, seconds(n)) }),
		d.command(epdu+"6.6.1.5.0.%d", -1, 0, func(*outlet) int64 { return -1 }, func(i int, n int64) {
			if n == 0 {
				d.orderReboot(i, 10*time.Second)
			}
		}),
		d.shows(epdu+"6.6.1.9.0.%d", func(*outlet) int64 { return 1 }))
}

// zeroOff carries out 0 off, 1 on, 2 off and on again.
func (d *Device) zeroOff(i int, n int64) {
	switch n {
	case 0:
		d.orderOn(i, -1)
		d.orderOff(i, 0)
	case 1:
		d.orderOff(i, -1)
		d.orderOn(i, 0)
	case 2:
		d.orderReboot(i, 10*time.Second)
	}
}

// revelation is the table that EATON-EPDU-MA-MIB and Raritan's PDU-MIB share;
// the former counts outlets from 0.
func (d *Device) revelation(base string, shift int) []object {
	state := func(o *outlet) int64 {
		if o.waits() && !o.on {
			return 2 // cycling
		}
		return choice(o.on, 1, 0)
	}
	list := slices.Concat(
		d.names(base+"1.2.2.1.2.%d"), d.command(base+"1.2.2.1.3.%d", 0, 2, state, d.zeroOff),
		d.shows(base+"1.2.2.1.4.%d", func(o *outlet) int64 { return choice(o.on, 348, 0) }),
		d.shows(base+"1.2.2.1.7.%d", func(o *outlet) int64 { return choice(o.on, 80, 0) }))
	if shift == 0 {
		list = append(list, d.indexed(base+"1.2.2.1.1.%d")...)
	} else {
		list = append(list, d.each(base+"1.2.2.1.1.%d", func(name string, i int, _ *outlet) object { return constant(name, tagInteger, i) })...)
	}
	for i := range list {
		list[i].name[len(list[i].name)-1] -= uint32(shift)
	}
	return append(list, label(base+"1.1.1.0", "01.01.01"), label(base+"1.1.2.0", "ADO7230007"), label(base+"1.1.6.0", "00:0d:5d:01:02:03"),
		label(base+"1.1.12.0", "PW104MA0UB99"), label(base+"1.1.13.0", "rack"), constant(base+"1.2.1.0", tagInteger, outletCount))
}

func (d *Device) ePDUManaged() []object { return d.revelation("1.3.6.1.4.1.534.6.6.6.", 1) }

func (d *Device) dominion() []object { return d.revelation("1.3.6.1.4.1.13742.4.", 0) }

// pulizzi is EATON-EPDU-PU-SW-MIB: the first control is for all outlets.
func (d *Device) pulizzi() []object {
	const pu = "1.3.6.1.4.1.20677.2."
	order := func(i int, n int64) {
		switch n {
		case 1:
			d.orderOn(i, 0)
		case 2:
			d.orderOff(i, 0)
		case 3:
			d.orderReboot(i, 10*time.Second)
		}
	}
	controls := d.command(pu+"6.2.%d.0", 0, 3, func(*outlet) int64 { return 0 }, order)
	for i := range controls {
		controls[i].name[len(controls[i].name)-2]++
	}
	return slices.Concat([]object{
		label(pu+"1.1.0", "IPV3600"), label(pu+"1.3.0", "2.0.K"),
		takes(pu+"6.2.1.0", 0, 4, func() int64 { return 0 }, func(n int64) {
			for i := range d.outlets {
				order(i, n)
			}
		}),
	}, controls, d.names(pu+"6.1.%d.1.0"), d.shows(pu+"6.3.%d.0", func(o *outlet) int64 { return choice(o.on, 1, 2) }))
}

// px2 is Raritan's PDU2-MIB, PDU 1.
func (d *Device) px2() []object {
	const px2 = "1.3.6.1.4.1.13742.6."
	return slices.Concat([]object{
		label(px2+"3.2.1.1.2.1", "Raritan"), label(px2+"3.2.1.1.3.1", "PX2-5475"), label(px2+"3.2.1.1.4.1", "QFC3950619"),
		label(px2+"3.2.2.1.13.1", "my PX"), constant(px2+"3.2.2.1.4.1", tagInteger, outletCount), label(px2+"3.2.3.1.6.1.1.1", "2.4.3.5-40298"),
	},
		d.each(px2+"3.5.3.1.2.1.%d", func(name string, i int, _ *outlet) object { return label(name, string(rune('1'+i))) }),
		d.names(px2+"3.5.3.1.3.1.%d"), d.shows(px2+"3.5.3.1.28.1.%d", func(*outlet) int64 { return 1 }),
		d.command(px2+"4.1.2.1.2.1.%d", 0, 2, func(o *outlet) int64 { return choice(o.on, 1, 0) }, d.zeroOff),
		d.shows(px2+"4.1.2.1.3.1.%d", func(o *outlet) int64 { return choice(o.on, 7, 8) }),
		d.shows(px2+"5.4.3.1.4.1.%d.5", func(o *outlet) int64 { return choice(o.on, 80, 0) }))
}

func (d *Device) tripplite(name, state, control string) []object {
	return slices.Concat(d.names(name), d.shows(state, func(o *outlet) int64 { return choice(o.on, 2, 1) }),
		d.command(control, 0, 3, func(*outlet) int64 { return 0 }, func(i int, n int64) {
			switch n {
			case 1:
				d.orderOff(i, 0)
			case 2:
				d.orderOn(i, 0)
			case 3:
				d.orderReboot(i, 10*time.Second)
			}
		}))
}

// trippLite is a PDU with SNMPWEBCARD.
func (d *Device) trippLite() []object {
	const base = "1.3.6.1.4.1.850.10.2.3.5.1."
	return d.tripplite(base+"5.1.%d", base+"2.1.%d", base+"4.1.%d")
}

// trippLiteLX is TRIPPLITE-PRODUCTS.
func (d *Device) trippLiteLX() []object {
	const base = "1.3.6.1.4.1.850.1.1.3.2.3.3.1.1."
	return append(d.tripplite(base+"2.1.%d", base+"4.1.%d", base+"6.1.%d"), label("1.3.6.1.4.1.850.1.1.1.2.1.5.1", "PDU15NETLX"))
}
