package sdk

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// errText is an error's text as it can travel: protobuf refuses text that is no
// UTF-8, and a device's answer quoted in an error may hold anything.
func errText(err error) string {
	if err == nil {
		return ""
	}
	if text := clean(err.Error()); text != "" {
		return text
	}
	return "error without a text"
}

func clean(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// finite drops values that are no numbers: no chart and no rule can use them.
func finite(values map[string]float64) map[string]float64 {
	usable := func(name string, v float64) bool {
		return !math.IsNaN(v) && !math.IsInf(v, 0) && utf8.ValidString(name)
	}
	good := 0
	for name, v := range values {
		if usable(name, v) {
			good++
		}
	}
	if good == len(values) {
		return values
	}
	out := make(map[string]float64, good)
	for name, v := range values {
		if usable(name, v) {
			out[name] = v
		}
	}
	return out
}

func statusOut(s Status) (sdkpb.Status, error) {
	if s < Unknown || s > Down {
		return sdkpb.Status_STATUS_UNKNOWN, fmt.Errorf("the plugin answered with status %d, which does not exist", int(s))
	}
	return sdkpb.Status(s), nil //nolint:gosec // checked above
}

func powerOut(p Power) (sdkpb.Power, error) {
	if p < PowerUnknown || p > PowerOff {
		return sdkpb.Power_POWER_UNKNOWN, fmt.Errorf("the plugin answered with power %d, which does not exist", int(p))
	}
	return sdkpb.Power(p), nil //nolint:gosec // checked above
}

func probeOut(call uint64, result Result, err error) *sdkpb.ProbeReply {
	status, statusErr := statusOut(result.Status)
	if err = errors.Join(err, statusErr); err != nil {
		return &sdkpb.ProbeReply{Call: call, Error: errText(err)}
	}
	return &sdkpb.ProbeReply{
		Call: call, Status: status, Message: clean(result.Message), Values: finite(result.Values),
	}
}

func stateOut(state State, err error) *sdkpb.State {
	status, statusErr := statusOut(state.Status)
	if err = errors.Join(err, statusErr); err != nil {
		return &sdkpb.State{Error: errText(err)}
	}
	return &sdkpb.State{
		Running: state.Running, Promoted: state.Promoted, Status: status,
		Message: clean(state.Message), Pid: int64(state.PID), Values: finite(state.Values),
	}
}

func readingOut(reading Reading, err error) *sdkpb.Reading {
	power, powerErr := powerOut(reading.Power)
	out := &sdkpb.Reading{
		Error: errText(errors.Join(err, powerErr)), Power: power, Taken: int64(reading.Taken),
		Message: clean(reading.Message), Values: finite(reading.Values),
	}
	for _, c := range reading.Conditions {
		out.Conditions = append(out.Conditions, &sdkpb.Condition{Key: clean(c.Key), Message: clean(c.Message)})
	}
	return out
}

func deviceOut(device Device, err error) *sdkpb.Device {
	return &sdkpb.Device{
		Error: errText(err), Kind: clean(device.Kind),
		OrderLife: int64(device.OrderLife), TimedOff: device.TimedOff,
	}
}

func linkStateOut(state LinkState) *sdkpb.LinkState {
	status, _ := statusOut(state.Status)
	carrier, _ := powerOut(state.Carrier)
	return &sdkpb.LinkState{
		Status: status, Carrier: carrier, Message: clean(state.Message),
		Taken: int64(state.Taken), Foreign: state.Foreign,
	}
}

func parameterOut(p Parameter, err error) *sdkpb.Parameter {
	return &sdkpb.Parameter{
		Error: errText(err), Name: clean(p.Name), Description: clean(p.Description), Unit: clean(p.Unit),
		Value: clean(p.Value), Min: clean(p.Min), Max: clean(p.Max), Restart: p.Restart,
	}
}

func evidenceOut(items []Item, err error) *sdkpb.EvidenceReply {
	reply := &sdkpb.EvidenceReply{Error: errText(err)}
	for _, item := range items {
		reply.Items = append(reply.Items, &sdkpb.Item{
			Name: clean(item.Name), Text: clean(item.Text), Values: finite(item.Values),
		})
	}
	return reply
}

func rolesOut(r Roles) *sdkpb.Roles {
	return &sdkpb.Roles{
		Prober: r.Prober, Resource: r.Resource, Promoter: r.Promoter, Fencer: r.Fencer, Sleeper: r.Sleeper,
		Link: r.Link, Tuner: r.Tuner, Evidence: r.Evidence,
	}
}

// faultsOut lists the ConfigErrors in err; any other error becomes a fault without a place.
func faultsOut(err error) []*sdkpb.Fault {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the tree is walked here
		var faults []*sdkpb.Fault
		for _, one := range joined.Unwrap() {
			faults = append(faults, faultsOut(one)...)
		}
		return faults
	}
	var fault *ConfigError
	if !errors.As(err, &fault) {
		return []*sdkpb.Fault{{Message: errText(err)}}
	}
	return []*sdkpb.Fault{{
		Line: int32(fault.Line), Column: int32(fault.Column), //nolint:gosec // lines of a small text
		Path: clean(fault.Path), Message: clean(fault.Message),
	}}
}
