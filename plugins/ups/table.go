package ups

import (
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// kinds is the table of devices, the only place that knows one make from
// another. Sources: the makers' MIBs as public collections keep them (LibreNMS,
// mibs/; named at each row), RFC 1628, and, where they say more, the tables of
// fence-agents 4.12 (fence_apc_snmp, fence_eaton_snmp) and of NUT 2.8
// (drivers/*-mib.c). Facts only; a value that no source explains is left out and
// reads unknown.
var kinds = []kind{
	{
		// RFC 1628, UPS-MIB, section 4; MGE's cards (705.1) keep to it. A card that
		// answers with another maker's sysObjectID needs the option kind.
		word: "rfc1628", title: "RFC 1628 UPS",
		ids:   []string{".1.3.6.1.2.1.33", ".1.3.6.1.4.1.705.1"},
		model: ".1.3.6.1.2.1.33.1.1.2.0",
		state: state{
			oid: ".1.3.6.1.2.1.33.1.4.1.0", // upsOutputSource
			on:  []int{3, 4, 5, 6, 7}, off: []int{2}, battery: []int{5},
			words: map[int]string{1: "other", 2: "none", 3: "normal", 4: "bypass", 5: "battery", 6: "booster", 7: "reducer"},
		},
		pending: pending{oid: ".1.3.6.1.2.1.33.1.8.3.0", countdown: true}, // upsStartupAfterDelay; idle is -1, on some cards 0
		due:     pending{oid: ".1.3.6.1.2.1.33.1.8.2.0", countdown: true}, // upsShutdownAfterDelay, as above
		off: []setting{
			{oid: ".1.3.6.1.2.1.33.1.8.1.0", value: 1, side: true}, // upsShutdownType: output
			{oid: ".1.3.6.1.2.1.33.1.8.2.0", value: 0},             // upsShutdownAfterDelay: now
		},
		on: []setting{
			{oid: ".1.3.6.1.2.1.33.1.8.2.0", value: -1, side: true},
			{oid: ".1.3.6.1.2.1.33.1.8.3.0", value: 0}, // upsStartupAfterDelay: now
		},
		abort: []setting{{oid: ".1.3.6.1.2.1.33.1.8.3.0", value: -1}},
		timed: &timed{length: ".1.3.6.1.2.1.33.1.8.4.0", least: 1, most: 300}, // upsRebootWithDuration
		sleep: &sleep{ // upsShutdownAfterDelay, upsStartupAfterDelay, upsShutdownType: output
			off: ".1.3.6.1.2.1.33.1.8.2.0", on: ".1.3.6.1.2.1.33.1.8.3.0",
			with: []setting{{oid: ".1.3.6.1.2.1.33.1.8.1.0", value: 1, side: true}},
		},
		restart: &toggle{oid: ".1.3.6.1.2.1.33.1.8.5.0", on: 1, off: 2}, // upsAutoRestart
		mark:    mark{oid: ".1.3.6.1.2.1.33.1.1.6.0", size: 63},         // upsIdentAttachedDevices
		values: []measure{
			{"on_battery_seconds", ".1.3.6.1.2.1.33.1.2.2.0", 1},
			{"battery_seconds_remaining", ".1.3.6.1.2.1.33.1.2.3.0", 60},
			{"battery_charge_ratio", ".1.3.6.1.2.1.33.1.2.4.0", 0.01},
			{"battery_volts", ".1.3.6.1.2.1.33.1.2.5.0", 0.1},
			{"battery_celsius", ".1.3.6.1.2.1.33.1.2.7.0", 1},
			{"input_volts", ".1.3.6.1.2.1.33.1.3.3.1.3.1", 1},
			{"output_volts", ".1.3.6.1.2.1.33.1.4.4.1.2.1", 1},
			{"load_ratio", ".1.3.6.1.2.1.33.1.4.4.1.5.1", 0.01},
			{"alarms_present", ".1.3.6.1.2.1.33.1.6.1.0", 1},
		},
		faults: []fault{{".1.3.6.1.2.1.33.1.2.1.0", []int{3, 4}, sdk.Condition{Key: batteryLow, Message: "the battery is low or depleted"}}},
		alarms: alarms{
			column: ".1.3.6.1.2.1.33.1.6.2.1.2", prefix: ".1.3.6.1.2.1.33.1.6.3.", // upsAlarmDescr, upsWellKnownAlarms
			known: map[int]sdk.Condition{
				1: batteryBad, 3: {Key: batteryLow, Message: "the battery is low"}, 4: {Key: batteryLow, Message: "the battery is depleted"},
				5: temperature, 8: overload, 9: onBypass, 13: chargerFailed, 16: fanFailed, 17: fuseFailed, 18: generalFault, 19: testFailed,
			},
		},
	},
	{
		// PowerNet-MIB 4.2.6, groups ups and system. An order of a UPS that sleeps
		// until mains return is repeated as off: sleeping is not staying off.
		word: "apcups", title: "APC UPS",
		ids: []string{
			".1.3.6.1.4.1.318.1.3.1", ".1.3.6.1.4.1.318.1.3.2", ".1.3.6.1.4.1.318.1.3.3", ".1.3.6.1.4.1.318.1.3.5",
			".1.3.6.1.4.1.318.1.3.13", ".1.3.6.1.4.1.318.1.3.16", ".1.3.6.1.4.1.318.1.3.17", ".1.3.6.1.4.1.318.1.3.23",
			".1.3.6.1.4.1.318.1.3.27", ".1.3.6.1.4.1.318.1.3.28",
		},
		model: ".1.3.6.1.4.1.318.1.1.1.1.1.1.0",
		state: state{
			oid: ".1.3.6.1.4.1.318.1.1.1.4.1.1.0", // upsBasicOutputStatus
			on:  []int{2, 3, 4, 6, 9, 10, 12, 13, 15, 16, 18, 20}, off: []int{7}, returning: []int{5, 11}, battery: []int{3},
			words: map[int]string{
				1: "unknown", 2: "onLine", 3: "onBattery", 4: "onSmartBoost", 5: "timedSleeping", 6: "softwareBypass", 7: "off",
				8: "rebooting", 9: "switchedBypass", 10: "hardwareFailureBypass", 11: "sleepingUntilPowerReturn", 12: "onSmartTrim",
				13: "ecoMode", 14: "hotStandby", 15: "onBatteryTest", 16: "emergencyStaticBypass", 18: "powerSavingMode", 20: "eConversion",
			},
		},
		off:  []setting{{oid: ".1.3.6.1.4.1.318.1.1.1.6.2.1.0", value: 2}}, // upsAdvControlUpsOff: turnUpsOff
		on:   []setting{{oid: ".1.3.6.1.4.1.318.1.1.1.6.2.6.0", value: 2}}, // upsAdvControlTurnOnUPS
		mark: mark{oid: ".1.3.6.1.4.1.318.1.1.1.5.1.2.1.2.1", size: 32},    // deviceName of what is plugged in
		values: []measure{
			{"on_battery_seconds", ".1.3.6.1.4.1.318.1.1.1.2.1.2.0", 0.01},
			{"battery_charge_ratio", ".1.3.6.1.4.1.318.1.1.1.2.2.1.0", 0.01},
			{"battery_celsius", ".1.3.6.1.4.1.318.1.1.1.2.2.2.0", 1},
			{"battery_seconds_remaining", ".1.3.6.1.4.1.318.1.1.1.2.2.3.0", 0.01},
			{"battery_volts", ".1.3.6.1.4.1.318.1.1.1.2.2.8.0", 1},
			{"input_volts", ".1.3.6.1.4.1.318.1.1.1.3.2.1.0", 1},
			{"output_volts", ".1.3.6.1.4.1.318.1.1.1.4.2.1.0", 1},
			{"load_ratio", ".1.3.6.1.4.1.318.1.1.1.4.2.3.0", 0.01},
		},
		faults: []fault{
			{".1.3.6.1.4.1.318.1.1.1.2.1.1.0", []int{3, 4}, sdk.Condition{Key: batteryLow, Message: "the battery is low or faulty"}},
			{".1.3.6.1.4.1.318.1.1.1.2.2.4.0", []int{2}, batteryBad},
		},
	},
	{
		// PowerNet-MIB 4.2.6, masterswitch (sPDU): the oldest, and the only one whose
		// control object is its state too.
		word: "masterswitch", title: "APC MasterSwitch",
		ids:   []string{".1.3.6.1.4.1.318.1.3.4.1", ".1.3.6.1.4.1.318.1.3.4.2"},
		model: ".1.3.6.1.4.1.318.1.1.4.1.4.0", name: ".1.3.6.1.4.1.318.1.1.4.4.2.1.4.N", first: 1,
		state:   switched(".1.3.6.1.4.1.318.1.1.4.4.2.1.3.N", 1, 2), // sPDUOutletCtl
		pending: pending{oid: ".1.3.6.1.4.1.318.1.1.4.4.2.1.2.N", idle: 2},
		off:     []setting{{oid: ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.N", value: 2}},
		on:      []setting{{oid: ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.N", value: 1}},
		timed: &timed{
			length: ".1.3.6.1.4.1.318.1.1.4.5.2.1.5.N", order: &setting{oid: ".1.3.6.1.4.1.318.1.1.4.4.2.1.3.N", value: 3},
			least: 5, most: 60, steps: []int{5, 10, 15, 20, 30, 45, 60},
		},
	},
	{
		// PowerNet-MIB 4.2.6, masterswitchMSP; values by fence_apc_snmp. Unit is the
		// switch of a chain.
		word: "masterswitchplus", title: "APC MasterSwitch Plus",
		ids:   []string{".1.3.6.1.4.1.318.1.3.4.4"},
		model: ".1.3.6.1.4.1.318.1.1.6.1.5.0", name: ".1.3.6.1.4.1.318.1.1.6.7.1.1.4.U.1.N", first: 1, unit: 1,
		state: switched(".1.3.6.1.4.1.318.1.1.6.7.1.1.5.U.1.N", 1, 2),
		off:   []setting{{oid: ".1.3.6.1.4.1.318.1.1.6.5.1.1.5.U.1.N", value: 3}},
		on:    []setting{{oid: ".1.3.6.1.4.1.318.1.1.6.5.1.1.5.U.1.N", value: 1}},
	},
	{
		// PowerNet-MIB 4.2.6, rPDU: AP78xx and AP79xx.
		word: "rpdu", title: "APC rack PDU",
		ids:   []string{".1.3.6.1.4.1.318.1.3.4.5"},
		model: ".1.3.6.1.4.1.318.1.1.12.1.5.0", name: ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.2.N", first: 1,
		state:   switched(".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.N", 1, 2), // rPDUOutletStatusOutletState
		pending: pending{oid: ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.5.N", idle: 2},
		off:     []setting{{oid: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.N", value: 2}}, // rPDUOutletControlOutletCommand
		on:      []setting{{oid: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.N", value: 1}},
		abort:   []setting{{oid: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.N", value: 7}},
		timed: &timed{
			length: ".1.3.6.1.4.1.318.1.1.12.3.4.1.1.6.N", order: &setting{oid: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.N", value: 3},
			least: 5, most: 60,
		},
		values: []measure{
			{"load_amperes", ".1.3.6.1.4.1.318.1.1.12.2.3.1.1.2.1", 0.1},
			{"load_watts", ".1.3.6.1.4.1.318.1.1.12.1.16.0", 1},
		},
		faults: []fault{
			{".1.3.6.1.4.1.318.1.1.12.2.3.1.1.3.1", []int{3, 4}, overload},
			{".1.3.6.1.4.1.318.1.1.12.4.1.1.0", []int{2}, sdk.Condition{Key: "general-fault", Message: "power supply 1 of the PDU failed"}},
		},
	},
	{
		// PowerNet-MIB 4.2.6, rPDU2: AP8xxx, and AP79xxB by its revision history.
		// off(1) and on(2) are the other way round than in rPDU.
		word: "rpdu2", title: "APC rack PDU, second generation",
		ids:   []string{".1.3.6.1.4.1.318.1.3.4.6", ".1.3.6.1.4.1.318.1.3.4.8"},
		model: ".1.3.6.1.4.1.318.1.1.26.2.1.8.1", name: ".1.3.6.1.4.1.318.1.1.26.9.2.3.1.3.N", first: 1,
		state:   switched(".1.3.6.1.4.1.318.1.1.26.9.2.3.1.5.N", 2, 1), // rPDU2OutletSwitchedStatusState
		pending: pending{oid: ".1.3.6.1.4.1.318.1.1.26.9.2.3.1.6.N", idle: 2},
		off:     []setting{{oid: ".1.3.6.1.4.1.318.1.1.26.9.2.4.1.5.N", value: 2}}, // rPDU2OutletSwitchedControlCommand
		on:      []setting{{oid: ".1.3.6.1.4.1.318.1.1.26.9.2.4.1.5.N", value: 1}},
		abort:   []setting{{oid: ".1.3.6.1.4.1.318.1.1.26.9.2.4.1.5.N", value: 7}},
		timed: &timed{
			length: ".1.3.6.1.4.1.318.1.1.26.9.2.1.1.7.N", order: &setting{oid: ".1.3.6.1.4.1.318.1.1.26.9.2.4.1.5.N", value: 3},
			least: 5, most: 60,
		},
		values: []measure{
			{"load_watts", ".1.3.6.1.4.1.318.1.1.26.4.3.1.5.1", 10},
			{"output_watts", ".1.3.6.1.4.1.318.1.1.26.9.4.3.1.7.N", 1},
		},
		faults: []fault{{".1.3.6.1.4.1.318.1.1.26.4.3.1.4.1", []int{3, 4}, overload}},
	},
	{
		// XUPS-MIB (Eaton, Powerware). Writing 0 aborts a countdown, so that the
		// shortest order is 1 s.
		word: "xups", title: "Eaton UPS (XUPS)",
		ids:   []string{".1.3.6.1.4.1.534$", ".1.3.6.1.4.1.534.1", ".1.3.6.1.4.1.534.2.12"},
		model: ".1.3.6.1.4.1.534.1.1.2.0",
		state: state{
			oid: ".1.3.6.1.4.1.534.1.4.5.0", // xupsOutputSource
			on:  []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, off: []int{2}, battery: []int{5},
			words: map[int]string{
				1: "other", 2: "none", 3: "normal", 4: "bypass", 5: "battery", 6: "booster", 7: "reducer", 8: "parallelCapacity",
				9: "parallelRedundant", 10: "highEfficiencyMode", 11: "maintenanceBypass", 12: "essMode",
			},
		},
		pending: pending{oid: ".1.3.6.1.4.1.534.1.9.2.0", countdown: true}, // xupsControlOutputOnDelay
		due:     pending{oid: ".1.3.6.1.4.1.534.1.9.1.0", countdown: true},
		off:     []setting{{oid: ".1.3.6.1.4.1.534.1.9.1.0", value: 1}}, // xupsControlOutputOffDelay
		on:      []setting{{oid: ".1.3.6.1.4.1.534.1.9.1.0", side: true}, {oid: ".1.3.6.1.4.1.534.1.9.2.0", value: 1}},
		abort:   []setting{{oid: ".1.3.6.1.4.1.534.1.9.2.0"}},
		settle:  3 * time.Second,
		values: []measure{
			{"battery_seconds_remaining", ".1.3.6.1.4.1.534.1.2.1.0", 1},
			{"battery_volts", ".1.3.6.1.4.1.534.1.2.2.0", 1},
			{"battery_charge_ratio", ".1.3.6.1.4.1.534.1.2.4.0", 0.01},
			{"input_volts", ".1.3.6.1.4.1.534.1.3.4.1.2.1", 1},
			{"load_ratio", ".1.3.6.1.4.1.534.1.4.1.0", 0.01},
			{"output_volts", ".1.3.6.1.4.1.534.1.4.4.1.2.1", 1},
			{"alarms_present", ".1.3.6.1.4.1.534.1.7.1.0", 1},
		},
		faults: []fault{{".1.3.6.1.4.1.534.1.2.5.0", []int{6, 8}, sdk.Condition{Key: "replace-battery", Message: "the battery is disconnected or must be checked"}}},
		alarms: alarms{
			column: ".1.3.6.1.4.1.534.1.7.2.1.2", prefix: ".1.3.6.1.4.1.534.1.7.", // xupsAlarmDescr
			known: map[int]sdk.Condition{
				4: {Key: batteryLow, Message: "the battery is low"}, 7: overload, 8: generalFault, 9: {Key: batteryLow, Message: "the battery is depleted"},
				11: onBypass, 23: batteryBad, 25: testFailed, 31: temperature, 32: chargerFailed, 33: fanFailed, 34: fuseFailed, 44: onBypass,
			},
		},
	},
	{
		// EATON-EPDU-MIB (G2 and later): orders are delays in seconds. pendingOff(2)
		// and pendingOn(3) are neither on nor off. Unit is the strapping index.
		word: "epdu", title: "Eaton ePDU",
		ids:   []string{".1.3.6.1.4.1.534.6.6.7"},
		model: ".1.3.6.1.4.1.534.6.6.7.1.2.1.2.U", name: ".1.3.6.1.4.1.534.6.6.7.6.1.1.3.U.N", first: 1,
		state: state{
			oid: ".1.3.6.1.4.1.534.6.6.7.6.6.1.2.U.N", // outletControlStatus
			on:  []int{1}, off: []int{0},
			words: map[int]string{0: "off", 1: "on", 2: "pendingOff", 3: "pendingOn"},
		},
		pending: pending{oid: ".1.3.6.1.4.1.534.6.6.7.6.6.1.4.U.N", idle: -1, countdown: true},
		due:     pending{oid: ".1.3.6.1.4.1.534.6.6.7.6.6.1.3.U.N", countdown: true}, // outletControlOffCmd; -1 and 0: nothing
		off:     []setting{{oid: ".1.3.6.1.4.1.534.6.6.7.6.6.1.3.U.N", value: 0}},
		on:      []setting{{oid: ".1.3.6.1.4.1.534.6.6.7.6.6.1.4.U.N", value: 0}},
		abort: []setting{
			{oid: ".1.3.6.1.4.1.534.6.6.7.6.6.1.4.U.N", value: -1},
			{oid: ".1.3.6.1.4.1.534.6.6.7.6.6.1.5.U.N", value: -1, side: true},
		},
		values: []measure{
			{"output_amperes", ".1.3.6.1.4.1.534.6.6.7.6.4.1.3.U.N", 0.001},
			{"output_watts", ".1.3.6.1.4.1.534.6.6.7.6.5.1.3.U.N", 1},
		},
	},
	{
		// EATON-EPDU-MA-MIB (first generation, managed): outlet 1 has index 0, as
		// fence_eaton_snmp counts. cycling(2) and error(-1) are unknown.
		word: "epdu-managed", title: "Eaton managed ePDU",
		ids:   []string{".1.3.6.1.4.1.534.6.6.6"},
		model: ".1.3.6.1.4.1.534.6.6.6.1.1.12.0", name: ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.2.N", first: 0,
		state: switched(".1.3.6.1.4.1.534.6.6.6.1.2.2.1.3.N", 1, 0), // outletOperationalState
		off:   []setting{{oid: ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.3.N", value: 0}},
		on:    []setting{{oid: ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.3.N", value: 1}},
		values: []measure{
			{"output_amperes", ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.4.N", 0.001},
			{"output_watts", ".1.3.6.1.4.1.534.6.6.6.1.2.2.1.7.N", 1},
		},
	},
	{
		// EATON-EPDU-PU-SW-MIB (Pulizzi): it reports 20677.1 and holds its data at
		// 20677.2. Control 1 is for all outlets, so that outlet N has control N+1.
		word: "epdu-switched", title: "Eaton switched ePDU (Pulizzi)",
		ids:   []string{".1.3.6.1.4.1.20677.1", ".1.3.6.1.4.1.20677.2"},
		model: ".1.3.6.1.4.1.20677.2.1.1.0", name: ".1.3.6.1.4.1.20677.2.6.1.N.1.0", first: 1,
		state: switched(".1.3.6.1.4.1.20677.2.6.3.N.0", 1, 2),
		off:   []setting{{oid: ".1.3.6.1.4.1.20677.2.6.2.N+1.0", value: 2}},
		on:    []setting{{oid: ".1.3.6.1.4.1.20677.2.6.2.N+1.0", value: 1}},
	},
	{
		// PDU-MIB (Raritan Dominion PX, firmware 1.x). NUT asks below 13742.1; the
		// MIB, and devices as Checkmk recorded them, have it below 13742.4.
		word: "raritan", title: "Raritan Dominion PX",
		ids:   []string{".1.3.6.1.4.1.13742.4"},
		model: ".1.3.6.1.4.1.13742.4.1.1.12.0", name: ".1.3.6.1.4.1.13742.4.1.2.2.1.2.N", first: 1,
		state: switched(".1.3.6.1.4.1.13742.4.1.2.2.1.3.N", 1, 0), // outletOperationalState
		off:   []setting{{oid: ".1.3.6.1.4.1.13742.4.1.2.2.1.3.N", value: 0}},
		on:    []setting{{oid: ".1.3.6.1.4.1.13742.4.1.2.2.1.3.N", value: 1}},
		values: []measure{
			{"output_amperes", ".1.3.6.1.4.1.13742.4.1.2.2.1.4.N", 0.001},
			{"output_watts", ".1.3.6.1.4.1.13742.4.1.2.2.1.7.N", 1},
		},
	},
	{
		// PDU2-MIB (Raritan PX2, PX3 and later): what is ordered counts from 0, what
		// is read is a SensorStateEnumeration. Unit is pduId.
		word: "raritan-px2", title: "Raritan PX2 or PX3",
		ids:   []string{".1.3.6.1.4.1.13742.6"},
		model: ".1.3.6.1.4.1.13742.6.3.2.1.1.3.U", name: ".1.3.6.1.4.1.13742.6.3.5.3.1.3.U.N", first: 1, unit: 1,
		state:  switched(".1.3.6.1.4.1.13742.6.4.1.2.1.3.U.N", 7, 8), // outletSwitchingState
		off:    []setting{{oid: ".1.3.6.1.4.1.13742.6.4.1.2.1.2.U.N", value: 0}},
		on:     []setting{{oid: ".1.3.6.1.4.1.13742.6.4.1.2.1.2.U.N", value: 1}},
		values: []measure{{"output_watts", ".1.3.6.1.4.1.13742.6.5.4.3.1.4.U.N.5", 1}},
	},
	{
		// CPS-MIB (CyberPower), group ups: modelled after PowerNet.
		word: "cyberpower", title: "CyberPower UPS",
		ids:   []string{".1.3.6.1.4.1.3808.1.1.1"},
		model: ".1.3.6.1.4.1.3808.1.1.1.1.1.1.0",
		state: state{
			oid: ".1.3.6.1.4.1.3808.1.1.1.4.1.1.0", // upsBaseOutputStatus
			on:  []int{2, 3, 4, 8, 9, 10, 11}, off: []int{6}, returning: []int{5}, battery: []int{3},
			words: map[int]string{
				1: "unknown", 2: "onLine", 3: "onBattery", 4: "onBoost", 5: "onSleep", 6: "off", 7: "rebooting", 8: "onECO",
				9: "onBypass", 10: "onBuck", 11: "onOverload",
			},
		},
		off:     []setting{{oid: ".1.3.6.1.4.1.3808.1.1.1.6.2.1.0", value: 2}},
		on:      []setting{{oid: ".1.3.6.1.4.1.3808.1.1.1.6.2.6.0", value: 2}},
		restart: &toggle{oid: ".1.3.6.1.4.1.3808.1.1.1.5.2.13.0", on: 2, off: 1}, // upsAdvanceConfigAutoRestore
		mark:    mark{oid: ".1.3.6.1.4.1.3808.1.1.1.5.1.2.1.2.1", size: 32},
		values: []measure{
			{"on_battery_seconds", ".1.3.6.1.4.1.3808.1.1.1.2.1.2.0", 0.01},
			{"battery_charge_ratio", ".1.3.6.1.4.1.3808.1.1.1.2.2.1.0", 0.01},
			{"battery_volts", ".1.3.6.1.4.1.3808.1.1.1.2.2.2.0", 0.1},
			{"battery_celsius", ".1.3.6.1.4.1.3808.1.1.1.2.2.3.0", 1},
			{"battery_seconds_remaining", ".1.3.6.1.4.1.3808.1.1.1.2.2.4.0", 0.01},
			{"input_volts", ".1.3.6.1.4.1.3808.1.1.1.3.2.1.0", 0.1},
			{"output_volts", ".1.3.6.1.4.1.3808.1.1.1.4.2.1.0", 0.1},
			{"load_ratio", ".1.3.6.1.4.1.3808.1.1.1.4.2.3.0", 0.01},
		},
		faults: []fault{
			{".1.3.6.1.4.1.3808.1.1.1.2.1.1.0", []int{3, 4}, sdk.Condition{Key: batteryLow, Message: "the battery is low or not there"}},
			{".1.3.6.1.4.1.3808.1.1.1.2.2.5.0", []int{2}, batteryBad},
		},
	},
	{
		// Tripp Lite PDU with SNMPWEBCARD; values by fence_apc_snmp. 850.1 itself,
		// nothing below it: that belongs to newer cards of all kinds.
		word: "tripplite", title: "Tripp Lite PDU",
		ids:  []string{".1.3.6.1.4.1.850.1$", ".1.3.6.1.4.1.850.10"},
		name: ".1.3.6.1.4.1.850.10.2.3.5.1.5.1.N", first: 1,
		state: switched(".1.3.6.1.4.1.850.10.2.3.5.1.2.1.N", 2, 1),
		off:   []setting{{oid: ".1.3.6.1.4.1.850.10.2.3.5.1.4.1.N", value: 1}},
		on:    []setting{{oid: ".1.3.6.1.4.1.850.10.2.3.5.1.4.1.N", value: 2}},
	},
	{
		// TRIPPLITE-PRODUCTS (WEBCARDLX and PDUs with it inside): tlpPduOutletState,
		// tlpPduOutletCommand. Unit is the device behind the card.
		word: "tripplite-lx", title: "Tripp Lite PDU (WEBCARDLX)",
		ids:   []string{".1.3.6.1.4.1.850.1.1.1"},
		model: ".1.3.6.1.4.1.850.1.1.1.2.1.5.U", name: ".1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.2.U.N", first: 1, unit: 1,
		state: switched(".1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.4.U.N", 2, 1),
		off:   []setting{{oid: ".1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.6.U.N", value: 1}},
		on:    []setting{{oid: ".1.3.6.1.4.1.850.1.1.3.2.3.3.1.1.6.U.N", value: 2}},
	},
}

// What several makes tell.
var (
	batteryBad    = sdk.Condition{Key: "replace-battery", Message: "the battery needs to be replaced"}
	temperature   = sdk.Condition{Key: "temperature", Message: "the temperature is out of its range"}
	overload      = sdk.Condition{Key: "overload", Message: "the load is near its limit or above"}
	onBypass      = sdk.Condition{Key: "on-bypass", Message: "the output is on bypass and not protected"}
	chargerFailed = sdk.Condition{Key: "charger-failed", Message: "the charger failed"}
	fanFailed     = sdk.Condition{Key: "fan-failed", Message: "a fan failed"}
	fuseFailed    = sdk.Condition{Key: "fuse-failed", Message: "a fuse failed"}
	generalFault  = sdk.Condition{Key: "general-fault", Message: "the device tells of a general fault"}
	testFailed    = sdk.Condition{Key: "test-failed", Message: "the last self-test failed"}
)

// switched is the state of an outlet that is on or off and nothing else.
func switched(oid string, on, off int) state {
	return state{oid: oid, on: []int{on}, off: []int{off}, words: map[int]string{on: "on", off: "off"}}
}
