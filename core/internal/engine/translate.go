package engine

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// meaning is how a note of the policy is told to people. Without a kind it goes
// into an incident's timeline only: an alarm or another node's event tells it.
type meaning struct {
	kind     string
	severity api.Severity
}

const (
	informative = api.Severity_SEVERITY_INDETERMINATE
	warning     = api.Severity_SEVERITY_WARNING
	minor       = api.Severity_SEVERITY_MINOR
	major       = api.Severity_SEVERITY_MAJOR
	critical    = api.Severity_SEVERITY_CRITICAL
	cleared     = api.Severity_SEVERITY_CLEARED
)

// meanings has the policy's notes by their kind; the ones that depend on the
// moment are in meaningOf.
var meanings = map[string]meaning{
	"fence-ordered":      {api.KindFenceOrdered, major},
	"power-on":           {api.KindNodePowered, informative},
	"takeover-voided":    {api.KindFailoverAborted, warning},
	"handover-begun":     {api.KindSwitchoverStarted, informative},
	"drill-begun":        {api.KindDrillBegun, informative},
	"drill-done":         {api.KindDrillCompleted, cleared},
	"drill-failed":       {api.KindDrillFailed, major},
	"owed-no-more":       {api.KindFenceUnhealthy, warning},
	"failback-later":     {api.KindAlarm, informative},
	"removal-overtaken":  {api.KindAlarm, warning},
	"generation-raised":  {api.KindAlarm, informative},
	"handover-aborted":   {api.KindSwitchoverFailed, major},
	"grant-refused":      {api.KindSwitchoverFailed, major},
	"adopted":            {api.KindNodeActive, informative},
	"stalled":            {api.KindNodeLate, warning},
	"reset-self":         {api.KindNodeReset, critical},
	"shutdown":           {api.KindNodeShutdown, major},
	"command":            {api.KindOperatorCommand, informative},
	"resource-failed":    {api.KindResourceFailed, major},
	"resource-failing":   {api.KindResourceDegraded, minor},
	"resource-started":   {api.KindResourceStarted, informative},
	"resource-stopped":   {api.KindResourceStopped, informative},
	"resource-promoted":  {api.KindResourceStarted, informative},
	"resource-demoted":   {api.KindResourceStopped, informative},
	"resource-restarted": {api.KindResourceRestarted, warning},
	"start-failed":       {api.KindResourceFailed, major},
	"stop-failed":        {api.KindResourceFailed, major},
	"promote-failed":     {api.KindResourceFailed, major},
	"demote-failed":      {api.KindResourceFailed, major},
	"restart-failed":     {api.KindResourceFailed, major},
}

func meaningOf(n failover.Note, v *viewed) meaning {
	active, change := v.Role == beat.Active, v.Failover.Kind
	switch n.Kind {
	case "fence-confirmed":
		if active {
			return meaning{api.KindFenceConfirmed, major}
		}
		return meaning{api.KindFailoverFenced, major}
	case "takeover-begun":
		if change == failover.KindFailover {
			return meaning{api.KindFailoverActive, major}
		}
		return meaning{api.KindNodeActive, informative}
	case "takeover-done":
		switch change {
		case failover.KindFailover:
			return meaning{api.KindFailoverCompleted, informative}
		case failover.KindSwitchover, failover.KindDrill:
			return meaning{api.KindSwitchoverCompleted, informative}
		}
	case "role":
		if v.Role == beat.Standby {
			return meaning{api.KindNodeStandby, informative}
		}
	case "mode":
		if strings.HasSuffix(n.Text, "ends") {
			return meaning{api.KindModeEnded, informative}
		}
		return meaning{api.KindModeBegun, warning}
	}
	return meanings[n.Kind]
}

// translate turns what was seen into events, in its order.
func translate(e *Engine, o observation) []*api.Event {
	var out []*api.Event
	if o.event != nil {
		out = append(out, o.event)
	}
	for _, n := range o.notes {
		out = append(out, noteEvent(e, n, o.view))
	}
	for _, a := range o.raised {
		out = append(out, raisedEvent(a))
	}
	for _, a := range o.over {
		event := clearedEvent(a.alarm, a.raised)
		if overtaken(a.alarm, o.view) {
			event.Kind, event.Message = alarmKind(a.alarm), "Told by another alarm now: "+sentence(a.alarm.Text)
		}
		out = append(out, event)
	}
	for _, a := range o.answers {
		if event := answerEvent(e, a); event != nil {
			out = append(out, event)
		}
	}
	if o.probe != nil {
		if event := probeEvent(e, o.probe); event != nil {
			out = append(out, event)
		}
	}
	if o.device != nil {
		out = append(out, deviceEvent(o.device))
	}
	if o.plugin != nil {
		if event := pluginEvent(e, o.plugin); event != nil {
			out = append(out, event)
		}
	}
	return out
}

func noteEvent(e *Engine, n failover.Note, v *viewed) *api.Event {
	m := meaningOf(n, v)
	event := &api.Event{
		Kind: m.kind, Severity: m.severity, Object: objectOr(n.Object, "node/"+e.Node), Message: sentence(n.Text),
		Attributes: map[string]string{"note": n.Kind},
	}
	if pids := pidsOf.FindStringSubmatch(n.Text); pids != nil {
		event.Attributes["old_pid"], event.Attributes["new_pid"] = pids[1], pids[2]
	}
	if n.Kind == "drill-done" || n.Kind == "drill-failed" {
		event.Condition = api.ConditionDrill
	}
	if (n.Kind == "takeover-done" || n.Kind == "drill-done") && v.Failover.Done > 0 {
		event.Attributes["recovery_seconds"] = strconv.FormatFloat((v.Failover.Done - v.Failover.Began).Seconds(), 'f', 3, 64)
	}
	if event.Severity == api.Severity_SEVERITY_UNSPECIFIED {
		event.Severity = informative
	}
	return event
}

// pidsOf finds the two processes of a restart in the policy's own words.
var pidsOf = regexp.MustCompile(`old.*?(\d+).*new.*?(\d+)`)

// alarmKinds has the kinds of alarms by the object's class and the key; "*" is any of them.
// A mode is an operator's order, whatever it is for: it fails nothing.
var alarmKinds = map[string]string{
	"* standby mode": api.KindAlarm, "* maintenance": api.KindAlarm, "* unmanaged mode": api.KindAlarm, "* removal": api.KindAlarm,
	"link late": api.KindLinkLate, "link down": api.KindLinkSilent, "link *": api.KindLinkUnknown,
	"fence fence-failed": api.KindFenceFailed, "fence power-on-failed": api.KindFenceFailed, "fence *": api.KindFenceUnhealthy,
	"resource unconfigured": api.KindAlarm, "resource blocked": api.KindResourceBlocked, "resource degraded": api.KindResourceDegraded, "resource *": api.KindResourceFailed,
	"node silent": api.KindPeerSilent, "node off": api.KindPeerSilent, "node daemon-silent": api.KindPeerSilent, "node turns-in-doubt": api.KindPeerSilent, "node unserved": api.KindPeerSilent,
	"node blind": api.KindPeerBlind, "node isolated": api.KindPingGroupLost, "node ping-group-dead": api.KindPingGroupLost,
	"node dual-active": api.KindPeerRefused, "node configuration-differs": api.KindPeerRefused,
	"node unverified": api.KindFailoverBlocked, "node journal-lost": api.KindJournalCorrupt, "node state-not-saved": api.KindJournalFailed,
}

func alarmKind(a failover.Alarm) string {
	if strings.HasSuffix(a.Key, " ends") || strings.HasSuffix(a.Key, " overdue") {
		return api.KindModeEnding
	}
	class, _, _ := strings.Cut(a.Object, "/")
	for _, key := range []string{"* " + a.Key, class + " " + a.Key, class + " *"} {
		if kind, ok := alarmKinds[key]; ok {
			return kind
		}
	}
	return api.KindAlarm
}

// clearKinds pairs a kind that raises with the one that tells its end.
var clearKinds = map[string]string{
	api.KindLinkLate:         api.KindLinkRestored,
	api.KindLinkSilent:       api.KindLinkRestored,
	api.KindLinkUnknown:      api.KindLinkRestored,
	api.KindFenceFailed:      api.KindFenceHealthy,
	api.KindFenceUnhealthy:   api.KindFenceHealthy,
	api.KindResourceBlocked:  api.KindResourceRecovered,
	api.KindResourceDegraded: api.KindResourceRecovered,
	api.KindResourceFailed:   api.KindResourceRecovered,
	api.KindPeerSilent:       api.KindPeerHeard,
	api.KindPeerBlind:        api.KindPeerHeard,
	api.KindPingGroupLost:    api.KindPingGroupRestored,
}

// becameOff tells whether a silence ended because the power was read off.
func becameOff(a failover.Alarm, raised []failover.Alarm) bool {
	return a.Key == "silent" && slices.ContainsFunc(raised, func(r failover.Alarm) bool { return r.Object == a.Object && r.Key == "off" })
}

// overtaken tells whether a link's alarm went because another one stands in its place, or is about
// to, for that link or for the whole peer, from which nothing is heard: nothing came back.
func overtaken(a failover.Alarm, v *viewed) bool {
	link, ofLink := strings.CutPrefix(a.Object, "link/")
	if !ofLink || a.Key != "late" && a.Key != "down" || v == nil {
		return false
	}
	silences := []string{"silent", "away", "off", "not-back"}
	worse := slices.ContainsFunc(v.Alarms, func(s failover.Alarm) bool {
		return s.Object == a.Object && s.Key == "down" || strings.HasPrefix(s.Object, "node/") && slices.Contains(silences, s.Key)
	})
	return worse || slices.ContainsFunc(v.Links, func(l failover.LinkView) bool { return l.Name == link && l.Health == beat.HealthUnknown })
}

func raisedEvent(a failover.Alarm) *api.Event {
	return &api.Event{
		Kind: alarmKind(a), Severity: severityOf(a.Severity), Object: a.Object, Condition: a.Key, Message: sentence(a.Text),
	}
}

// clearedEvent tells an alarm's end. A silence that ends because the power was
// read off is not the peer's return.
func clearedEvent(a failover.Alarm, raised []failover.Alarm) *api.Event {
	kind := alarmKind(a)
	if end, ok := clearKinds[kind]; ok && !becameOff(a, raised) {
		kind = end
	}
	return &api.Event{
		Kind: kind, Severity: cleared, Object: a.Object, Condition: a.Key,
		Message: "No longer: " + sentence(a.Text),
	}
}

// answerEvent tells a refusal; a command that was taken is a note of the policy.
func answerEvent(e *Engine, a failover.Answer) *api.Event {
	if a.ID == leaveID || a.Err == "" {
		return nil
	}
	if a.ID == scheduledDrill {
		return &api.Event{
			Kind: api.KindDrillSkipped, Severity: warning, Object: "store/" + e.Config.Store,
			Message: sentence("The drill that was due was not begun: " + a.Err),
		}
	}
	return &api.Event{
		Kind: api.KindOperatorCommand, Severity: warning, Object: "node/" + e.Node,
		Message: fmt.Sprintf("An operator's command was refused: %s: %s.", verbWord(a.Verb), strings.TrimSuffix(a.Err, ".")),
	}
}

func probeEvent(e *Engine, p *probeChange) *api.Event {
	event := &api.Event{
		Object: "probe/" + p.name, Condition: api.ConditionUnwell,
		Message: sentence(fmt.Sprintf("%s on %s: %s", p.name, e.Node, p.result.Message)),
	}
	switch p.result.Status {
	case sdk.Down:
		event.Kind, event.Severity = api.KindProbeDown, major
	case sdk.Degraded:
		event.Kind, event.Severity = api.KindProbeDegraded, minor
	case sdk.OK:
		if p.before == sdk.Unknown {
			return nil // the first answer, or the return of a plugin: nothing was wrong
		}
		event.Kind, event.Severity = api.KindProbeRecovered, cleared
	default:
		return nil // could not be found out: the plugin's own trouble is told elsewhere
	}
	return event
}

// deviceMeanings tell how conditions of fence devices are told; any other is a minor
// one of a device that works.
var deviceMeanings = map[string]struct {
	begun, ended string
	severity     api.Severity
}{
	api.ConditionUnhealthy:  {api.KindFenceUnhealthy, api.KindFenceHealthy, major},
	api.ConditionOnBattery:  {api.KindUPSOnBattery, api.KindUPSOnMains, major},
	api.ConditionBatteryLow: {api.KindFenceDegraded, api.KindFenceHealthy, major},
	"":                      {api.KindFenceDegraded, api.KindFenceHealthy, minor},
}

func deviceEvent(d *deviceChange) *api.Event {
	means, known := deviceMeanings[d.key]
	if !known {
		means = deviceMeanings[""]
	}
	event := &api.Event{
		Kind: means.begun, Severity: means.severity, Object: "fence/" + d.device, Condition: d.key,
		Message: sentence(d.device + ": " + d.message),
	}
	if !d.holds {
		event.Kind, event.Severity, event.Message = means.ended, cleared, "No longer: "+event.Message
	}
	return event
}

func pluginEvent(e *Engine, p *PluginEvent) *api.Event {
	event := &api.Event{
		Object: "plugin/" + p.Plugin, Condition: api.ConditionDown,
		Attributes: map[string]string{"pid": strconv.Itoa(p.PID)},
	}
	why := ""
	if p.Err != nil {
		why = ": " + p.Err.Error()
	}
	if p.OldPID != 0 {
		event.Attributes["old_pid"] = strconv.Itoa(p.OldPID)
	}
	if len(p.Log) > 0 {
		event.Attributes["log"] = strings.Join(p.Log, "\n")
	}
	switch p.Kind {
	case "died", "failed":
		event.Kind, event.Severity = api.KindPluginDied, minor
		event.Message = fmt.Sprintf("Plugin %s on %s died%s. It is being restarted; the peer is not judged by it.", p.Plugin, e.Node, why)
	case "refused":
		event.Kind, event.Severity = api.KindPluginDied, major
		event.Message = sentence(p.Err.Error())
	case "silent":
		event.Kind, event.Severity = api.KindPluginSilent, minor
		event.Message = fmt.Sprintf("Plugin %s on %s does not answer. It is killed and restarted.", p.Plugin, e.Node)
	case "garbage":
		event.Kind, event.Severity = api.KindPluginGarbage, minor
		event.Message = fmt.Sprintf("Plugin %s on %s answers garbage%s. It is killed and restarted.", p.Plugin, e.Node, why)
	case "restarted":
		event.Kind, event.Severity = api.KindPluginRestarted, cleared
		event.Message = fmt.Sprintf("Plugin %s on %s runs again: process %d instead of %d.", p.Plugin, e.Node, p.PID, p.OldPID)
		if p.OldPID == 0 {
			event.Message = fmt.Sprintf("Plugin %s on %s runs: process %d.", p.Plugin, e.Node, p.PID)
		}
	default:
		return nil
	}
	return event
}

func severityOf(s failover.Severity) api.Severity {
	switch s {
	case failover.Critical:
		return critical
	case failover.Major:
		return major
	case failover.Minor:
		return minor
	default:
		return warning
	}
}

func severityWord(s api.Severity) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "SEVERITY_"))
}

func objectOr(object, fallback string) string {
	if object == "" {
		return fallback
	}
	return object
}

// sentence ends a text with its full stop. Names keep their letters.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// shorten bounds what an event says: plugins and configurations may say anything.
func shorten(event *api.Event) {
	event.Message = spoken.Brief(event.GetMessage(), wordsTold)
	for key, text := range event.GetAttributes() {
		event.Attributes[key] = spoken.Brief(text, wordsTold)
	}
}
