package ups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// Keys of conditions that more than one object tells.
const (
	onBattery  = "on-battery"
	batteryLow = "battery-low"
)

// wellKnown are the alarms of RFC 1628, section 4 (upsWellKnownAlarms), that a person
// should hear of and that no other object tells better, by their last number.
var wellKnown = map[int]sdk.Condition{
	1:  {Key: "replace-battery", Message: "the battery needs to be replaced"},
	3:  {Key: batteryLow, Message: "the battery is low"},
	4:  {Key: batteryLow, Message: "the battery is depleted"},
	5:  {Key: "temperature", Message: "the temperature is out of its range"},
	8:  {Key: "overload", Message: "the output is overloaded"},
	9:  {Key: "on-bypass", Message: "the output is on bypass and not protected"},
	13: {Key: "charger-failed", Message: "the charger failed"},
	16: {Key: "fan-failed", Message: "a fan failed"},
	17: {Key: "fuse-failed", Message: "a fuse failed"},
	18: {Key: "general-fault", Message: "the UPS tells of a general fault"},
	19: {Key: "test-failed", Message: "the last self-test failed"},
}

// maxAlarms bounds how many rows of the alarm table are looked at.
const maxAlarms = 24

// alarms reads the numbers of the well-known alarms that are present, with one packet
// and only where there are any. They are an addition: what cannot be read is left out,
// and SNMPv1, which would need a packet for each, goes without.
func (c *client) alarms(reading sdk.Reading) []int {
	if c.snmp.Version == gosnmp.Version1 || reading.Values["alarms_present"] == 0 || reading.Power != sdk.PowerOn {
		return nil
	}
	answer, err := c.snmp.GetBulk([]string{oidAlarmDescr}, 0, maxAlarms)
	table, err := c.check("read alarms", answer, err)
	if err != nil {
		return nil
	}
	var present []int
	for name, row := range table {
		alarm, isOID := row.Value.(string)
		last, known := strings.CutPrefix(alarm, oidWellKnown+".")
		if !strings.HasPrefix(name, oidAlarmDescr+".") || row.Type != gosnmp.ObjectIdentifier || !isOID || !known {
			continue
		}
		if n, err := strconv.Atoi(last); err == nil {
			present = append(present, n)
		}
	}
	slices.Sort(present)
	return present
}

// conditions are what is not as it should be, each once.
func (u *instance) conditions(reading sdk.Reading, v values, alarms []int) []sdk.Condition {
	var out []sdk.Condition
	add := func(c sdk.Condition) {
		if !slices.ContainsFunc(out, func(o sdk.Condition) bool { return o.Key == c.Key }) {
			out = append(out, c)
		}
	}
	if reading.Values["on_battery"] == 1 {
		add(sdk.Condition{Key: onBattery, Message: "the UPS runs on its battery"})
	}
	battery, _ := v.integer(oidBatteryStatus)
	charge, known := reading.Values["battery_charge_ratio"]
	switch {
	case battery == batteryStatusLow, battery == batteryStatusDepleted:
		add(sdk.Condition{Key: batteryLow, Message: "the battery is low or depleted"})
	case known && charge < u.cfg.LowCharge:
		add(sdk.Condition{Key: batteryLow, Message: fmt.Sprintf("the battery is charged to %.0f %% only", charge*100)})
	}
	if reading.Power == sdk.PowerUnknown {
		add(sdk.Condition{Key: "output-unknown", Message: reading.Message})
	}
	if fault := u.restartFault(v); fault != "" {
		add(sdk.Condition{Key: "auto-restart", Message: fault})
	}
	for _, n := range alarms {
		if c, ok := wellKnown[n]; ok {
			add(c)
		}
	}
	return out
}

// restartFault warns of a setting that would leave the node dark after the next power
// cut of the whole store.
func (u *instance) restartFault(v values) string {
	if _, pending := u.restart.pending(); pending {
		return "auto-restart is not restored yet after the last order"
	}
	n, ok := v.integer(oidAutoRestart)
	if !ok || n != autoRestartOff || u.busy() {
		return ""
	}
	return "auto-restart is off: after a power cut of the whole store the node would stay dark"
}
