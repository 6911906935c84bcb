package upsserial

import (
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// What several questions' answers look like.
var (
	hexByte  = form(`([0-9A-F]{2})`)
	fraction = form(`([0-9]{1,3}\.[0-9]{1,2})`)
)

// dialects are the protocols that the plugin speaks.
//
// Sources: the manual of apcupsd, chapter "APC smart protocol"; "Megatec Protocol
// information", version 2.7, as the Network UPS Tools publish it; what the drivers
// apcsmart and blazer_ser of those tools do.
var dialects = []dialect{
	{
		// UPS-Link: one character is a question. Repeated ones are orders, for which
		// the second must come more than 1.5 s after the first and nothing between.
		// Z Z switches off at once and for good: the output waits for ^N ^N or the
		// button, whatever mains does.
		word: "apcsmart", title: "APC UPS (UPS-Link)", baud: 2400,
		ended: "\r\n", unasked: "!$%+?=*#&|", refused: []string{"NA", "NO"},
		hello: question{text: "Y", form: form(`SM`)},
		mix:   []question{{text: "Y", form: form(`SM`)}},
		model: question{text: "\x01", form: form(`([ -~]{1,40})`)},
		state: []question{
			{"Q", hexByte, []field{{name: "status", base: 16}}},
			{"~", hexByte, []field{{name: "register 1", base: 16}}},
		},
		other: []question{
			{"f", fraction, []field{{"battery_charge_ratio", 0, 0.01}}},
			{"j", form(`([0-9]{2,4}):?`), []field{{"battery_seconds_remaining", 0, 60}}},
			{"B", fraction, []field{{"battery_volts", 0, 1}}},
			{"C", fraction, []field{{"battery_celsius", 0, 1}}},
			{"P", fraction, []field{{"load_ratio", 0, 0.01}}},
			{"L", fraction, []field{{"input_volts", 0, 1}}},
			{"O", fraction, []field{{"output_volts", 0, 1}}},
		},
		// Status: 08 on line, 10 on battery. Register 1: 40 waits for a command before
		// it powers the load, 80 for a command or mains.
		on:        []rule{{"status", 0x18, 1, 0x18}, {"register 1", 0xC0, 0, 0}},
		off:       []rule{{"status", 0x18, 0, 0}, {"register 1", 0xC0, 0x40, 0xC0}},
		returning: &rule{"register 1", 0x80, 0x80, 0x80},
		conditions: []fault{
			{rule{"status", 0x10, 0x10, 0x10}, onBattery},
			{rule{"status", 0x40, 0x40, 0x40}, lowBattery},
			{rule{"status", 0x80, 0x80, 0x80}, sdk.Condition{Key: "replace-battery", Message: "the battery needs to be replaced"}},
			{rule{"status", 0x20, 0x20, 0x20}, sdk.Condition{Key: "overload", Message: "the load is near its limit or above"}},
			{rule{"register 1", 0x2A, 1, 0x2A}, sdk.Condition{Key: "on-bypass", Message: "the output is on bypass and not protected"}},
		},
		switchOff: []step{{0, "Z"}, {repeatAfter, "Z"}},
		switchOn:  []step{{0, "\x0e"}, {repeatAfter, "\x0e"}},
		effect:    time.Second, life: 6 * time.Second,
	},
	{
		// Megatec, Q1: every question and answer ends with a carriage return. What it
		// takes for an order has no answer; what it refuses comes back. There is no
		// question for the relay of the output: its voltage and load are what is read.
		word: "megatec", title: "Megatec (Q1) UPS", baud: 2400,
		ends: "\r", ended: "\r", refused: []string{"NAK", "(NAK"}, echoes: true,
		hello: q1,
		mix:   []question{{text: "F", form: form(`#[-0-9. ]{10,40}`)}, whoAreYou},
		model: whoAreYou,
		state: []question{q1},
		on:    []rule{{"output_volts", 0, 80, 500}},
		off:   []rule{{"output_volts", 0, 0, 10}, {"load_ratio", 0, 0, 0}, {"status", 0x20, 0, 0}},
		// b1, shutdown active: a countdown to off, or to on again.
		returning: &rule{"status", 0x02, 0x02, 0x02}, lingers: true,
		conditions: []fault{
			{rule{"status", 0x80, 0x80, 0x80}, onBattery},
			{rule{"status", 0x40, 0x40, 0x40}, lowBattery},
			{rule{"status", 0x20, 0x20, 0x20}, sdk.Condition{Key: "on-bypass", Message: "the UPS is on bypass, or corrects the voltage of the mains"}},
			{rule{"status", 0x10, 0x10, 0x10}, sdk.Condition{Key: "general-fault", Message: "the UPS tells of a fault"}},
		},
		switchOff: []step{{0, "SDELAYR0000"}},
		switchOn:  []step{{0, "C"}},
		delays:    true, effect: time.Second, life: 4 * time.Second,
	},
}

// repeatAfter is when an order of UPS-Link is repeated: more than 1.5 s.
const repeatAfter = 1600 * time.Millisecond

// whoAreYou is Megatec's information command.
var whoAreYou = question{text: "I", form: form(`#([ -~]{1,60})`)}

// q1 is the status inquiry of Megatec's protocol. Its fields: input, input at the
// last fault, output voltage; load in percent; frequency; battery voltage (of the
// whole battery, or of one cell); temperature; bits b7 to b0.
var q1 = question{
	"Q1",
	form(`\(([0-9]{3}\.[0-9]) [-0-9.]{3,5} ([0-9]{3}\.[0-9]) ([0-9]{3}) [-0-9.]{2,4} ([-0-9.]{3,5}) ([-0-9.]{2,4}) +([01]{8})`),
	[]field{
		{"input_volts", 0, 1},
		{"output_volts", 0, 1},
		{"load_ratio", 0, 0.01},
		{"battery_volts", 0, 1},
		{"battery_celsius", 0, 1},
		{name: "status", base: 2},
	},
}

// What both protocols tell.
var (
	onBattery  = sdk.Condition{Key: "on-battery", Message: "the UPS runs on its battery"}
	lowBattery = sdk.Condition{Key: "battery-low", Message: "the battery is low"}
)
