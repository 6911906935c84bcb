package ups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// batteryLow is a condition that several objects tell.
const batteryLow = "battery-low"

// maxAlarms bounds how many rows of an alarm table are looked at.
const maxAlarms = 24

// alarms reads the numbers of the known alarms that are present, with one packet
// and only where there are any. They are an addition: what cannot be read is left out,
// and SNMPv1, which would need a packet for each, goes without.
func (c *client) alarms(found finding) []int {
	table := found.d.alarms
	if table.column == "" || c.snmp.Version == gosnmp.Version1 || found.measured["alarms_present"] == 0 || found.outputs.power() != sdk.PowerOn {
		return nil
	}
	answer, err := c.snmp.GetBulk([]string{table.column}, 0, maxAlarms)
	rows, err := c.check("read alarms", answer, err)
	if err != nil {
		return nil
	}
	var present []int
	for name, row := range rows {
		alarm, isOID := row.Value.(string)
		last, known := strings.CutPrefix(alarm, table.prefix)
		if !strings.HasPrefix(name, table.column+".") || row.Type != gosnmp.ObjectIdentifier || !isOID || !known {
			continue
		}
		if n, err := strconv.Atoi(last); err == nil {
			present = append(present, n)
		}
	}
	slices.Sort(present)
	return present
}

// judge adds what is not as it should be.
func (u *instance) judge(found finding, reading *sdk.Reading) {
	if found.onBattery() {
		reading.AddCondition(sdk.Condition{Key: "on-battery", Message: "the UPS runs on its battery"})
	}
	for _, f := range found.d.faults {
		for _, oid := range found.d.objects(f.oid, found.d.outlets) {
			if n, ok := found.values.integer(oid); ok && slices.Contains(f.values, n) {
				reading.AddCondition(f.condition)
			}
		}
	}
	if charge, known := reading.Values["battery_charge_ratio"]; known && charge < u.cfg.LowCharge {
		reading.AddCondition(sdk.Condition{Key: batteryLow, Message: fmt.Sprintf("the battery is charged to %.0f %% only", charge*100)})
	}
	switch {
	case reading.Power == sdk.PowerUnknown:
		reading.AddCondition(sdk.Condition{Key: "output-unknown", Message: reading.Message})
	case reading.Power == sdk.PowerOn && !found.outputs.are(sdk.PowerOn):
		reading.AddCondition(sdk.Condition{Key: "supply-lost", Message: "a power supply of the node has no power: " + reading.Message})
	}
	if reading.Power == sdk.PowerOn && found.d.isDue(found.values) {
		reading.AddCondition(sdk.Condition{Key: "shutdown-pending", Message: "the device is about to switch its output off"})
	}
	if fault := u.restartFault(found); fault != "" {
		reading.AddCondition(sdk.Condition{Key: "auto-restart", Message: fault})
	}
	if err := u.mayOrder(); err != nil {
		reading.AddCondition(sdk.Condition{Key: "orders-refused", Message: err.Error()})
	}
	for _, n := range found.alarms {
		if c, known := found.d.alarms.known[n]; known {
			reading.AddCondition(c)
		}
	}
}

// restartFault warns of a setting that would leave the node dark after the next power
// cut of the whole store.
func (u *instance) restartFault(found finding) string {
	if _, pending := u.restart.pending(); pending {
		return "auto-restart is not restored yet after the last order"
	}
	n, ok := found.d.restartIn(found.values)
	if !ok || n != found.d.restart.off || u.busy() {
		return ""
	}
	return "auto-restart is off: after a power cut of the whole store the node would stay dark"
}
