package ctl

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/sdk/spoken"
)

func (t *tool) statusCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show how the store is, on one screen", Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			state, err := t.client().State(cmd.Context())
			if err != nil {
				return err
			}
			if err := t.show(state, func(w io.Writer) { renderStatus(w, state, t.Now()) }); err != nil {
				return err
			}
			alarms, _ := storeAlarms(state, t.Now())
			if check && (len(alarms) > 0 || !state.Status.GetRedundant()) {
				return errAlarm
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "end with exit code 4 when an alarm stands or the pair is not whole")
	return cmd
}

// renderStatus writes one screen: the verdict first, then who, then what is wrong, then the parts.
func renderStatus(w io.Writer, state control.State, now time.Time) {
	s := state.Status
	line(w, "Store %s, seen from %s at %s", s.GetStore(), s.GetNode(), now.Format("Mon 2006-01-02 15:04:05"))
	line(w, "")
	alarms, complete := storeAlarms(state, now)
	line(w, "%s", verdict(state, alarms, complete, now))
	if s.GetDecision() != "" {
		line(w, "  now: %s", s.GetDecision())
	}
	for _, m := range s.GetModes() {
		line(w, "  mode: %s", modeText(m, now))
	}
	if to, due := failback(state, now); to != "" {
		line(w, "  failback: to %s %s, if both nodes stay well", to, due)
	}
	if state.Incident != "" {
		line(w, "  incident: %s", state.Incident)
	}
	line(w, "")
	renderAlarms(w, s, alarms, complete, now)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	renderNodes(table, state, now)
	renderLinks(table, s)
	renderFences(table, s, now)
	renderResources(table, s)
	renderProbes(table, s)
	renderDrill(table, s.GetDrill(), now)
	renderTail(table, s)
	_ = table.Flush()
}

// verdict is the one sentence that a tired person needs.
func verdict(state control.State, alarms []alarm, complete bool, now time.Time) string {
	s, active, served := state.Status, "", "SERVED"
	switch {
	case s.GetRole() == "active":
		active = s.GetNode()
	case s.GetPeerHeard() && s.GetPeerRole() == "active":
		active = s.GetPeer()
	}
	verb, limps := "serves", true
	lacks := func(conditions ...string) bool {
		return slices.ContainsFunc(alarms, func(a alarm) bool { return (a.peer == (active == s.GetPeer())) && a.of("resource/", conditions) })
	}
	coming := underWay(state, active, now)
	switch {
	case active == "":
		return "NO NODE IS KNOWN TO BE ACTIVE: the store may be without service."
	case lacks(lackWords...):
		served, verb = "PARTLY SERVED", "is active"
	case coming != "":
		return coming
	case lacks(api.ConditionUnknown):
		served, verb = "SERVED AS FAR AS IS KNOWN", "is active"
	default:
		limps = false
	}
	// An active node that lacks something calls no pair whole: whether the standby could take over is its own word.
	asks := limps && active == s.GetNode() && s.GetPeerHeard()
	safe := s.GetRedundant() || asks && peerFresh(state, now) && state.Peer.GetRedundant()
	switch {
	case safe && limps:
		return fmt.Sprintf("%s, %s: %s is active, %s can take over.", served, stand(len(alarms)), active, other(s, active))
	case safe && len(alarms) > 0:
		return fmt.Sprintf("SERVED AND SAFE, %s: %s serves, %s can take over.", stand(len(alarms)), active, other(s, active))
	case safe && !complete:
		return fmt.Sprintf("SERVED AND SAFE: %s serves, %s can take over.", active, other(s, active))
	case safe:
		return fmt.Sprintf("ALL WELL: %s serves, %s can take over.", active, other(s, active))
	case !s.GetPeerHeard():
		return fmt.Sprintf("%s, NOT SAFE: %s %s alone; %s is not heard.", served, active, verb, s.GetPeer())
	case asks && !peerFresh(state, now):
		return fmt.Sprintf("%s: %s is active; it is not known whether %s can take over.", served, active, other(s, active))
	default:
		return fmt.Sprintf("%s, NOT SAFE: %s %s; %s cannot take over now%s.", served, active, verb, other(s, active), byMode(s, other(s, active)))
	}
}

// underWay says that the active node is still on its way up, or down, by its own last word; empty: it is not.
func underWay(state control.State, active string, now time.Time) string {
	s := state.Status
	if active != s.GetNode() {
		s = state.Peer
		if !peerFresh(state, now) {
			return ""
		}
	}
	var up, down []string
	for _, r := range s.GetResources() {
		switch {
		case r.GetState() == "stopping":
			down = append(down, r.GetName())
		case r.GetState() == "starting" || r.GetManaged() && r.GetState() == "stopped":
			up = append(up, r.GetName())
		}
	}
	switch {
	case len(down) > 0:
		return fmt.Sprintf("STOPPING: %s is active and stops %s.", active, strings.Join(down, ", "))
	case len(up) == 1:
		return fmt.Sprintf("STARTING: %s is active; %s does not run yet.", active, up[0])
	case len(up) > 1:
		return fmt.Sprintf("STARTING: %s is active; %s do not run yet.", active, strings.Join(up, ", "))
	}
	return ""
}

func other(s *api.Status, node string) string {
	if s.GetNode() == node {
		return s.GetPeer()
	}
	return s.GetNode()
}

// failback tells to which node the service goes back by itself, and when; "" if it does not,
// as far as is known here. The node that serves knows.
func failback(state control.State, now time.Time) (to, due string) {
	to, at := state.Status.GetPeer(), state.Status.GetFailback()
	if at == nil && peerFresh(state, now) {
		to, at = state.Status.GetNode(), state.Peer.GetFailback()
	}
	switch {
	case at == nil:
		return "", ""
	case at.AsTime().Sub(now) < time.Second:
		return to, "at any moment"
	}
	return to, "in " + spoken.Age(at.AsTime().Sub(now))
}

// alarm is one that a node told.
type alarm struct {
	control.Alarm
	peer bool // the peer alone did
}

// lackWords are the conditions of something that the active node should run and does not, or not as it should.
var lackWords = []string{"left-down", "left-warm", "waits", "stop-failed", api.ConditionDown, api.ConditionFailed, api.ConditionBlocked}

// of tells whether it is one of these conditions of an object of a class, "CLASS/".
func (a *alarm) of(class string, conditions []string) bool {
	return slices.Contains(conditions, a.Condition) && strings.HasPrefix(a.Object, class)
}

// peerFresh tells whether the peer's word is new enough to count; it speaks every second.
func peerFresh(state control.State, now time.Time) bool {
	return !state.PeerTaken.IsZero() && now.Sub(state.PeerTaken) <= 10*time.Second
}

// storeAlarms are those of both nodes, worst first, what both tell once; complete: the peer's are known.
func storeAlarms(state control.State, now time.Time) (all []alarm, complete bool) {
	told := map[string]bool{}
	for _, a := range state.Alarms {
		told[a.Object+" "+a.Condition] = true
		all = append(all, alarm{a, false})
	}
	if !peerFresh(state, now) {
		sortAlarms(all)
		return all, false
	}
	heard, self := state.Status.GetPeerHeard(), "node/"+state.Status.GetNode()
	for _, a := range state.PeerAlarms {
		if !heard && a.Object == self { // who is silent last knew less of this node than it does itself
			continue
		}
		if api.IsLocal(a.Object) || !told[a.Object+" "+a.Condition] {
			all = append(all, alarm{a, true})
		}
	}
	sortAlarms(all)
	return all, true
}

func sortAlarms(all []alarm) {
	slices.SortStableFunc(all, func(a, b alarm) int { return api.SeverityRank(b.Severity) - api.SeverityRank(a.Severity) })
}

func stand(alarms int) string {
	if alarms == 1 {
		return "1 alarm stands"
	}
	return fmt.Sprintf("%d alarms stand", alarms)
}

// remedies has what to do about an alarm that does not end by itself, by its condition.
var remedies = map[string]string{
	"unconfigured":   "put it back into the configuration; or stop it, so that %[1]s may run it, and say so at this node: storewardctl cleanup RESOURCE --yes",
	"presumed":       "see that nobody works on %[1]s, then switch its output on by hand",
	"owed":           "it left the configuration while %[1]s was off: switch its output on by hand, or put it back into the configuration",
	"journal-lost":   "it agrees with %[1]s once they hear each other; if %[1]s is gone and has not served since, say so at this node: storewardctl adopt --yes",
	"turns-in-doubt": "see that no sale runs on %[1]s and that its own status, if it has one, does not wait to cut this node; then, at this node alone: storewardctl fence %[1]s --yes",
	"no-active":      "see what keeps each node, here and in the status at %[1]s: a standby mode, a removal (storewardctl readmit), a disk that does not save",
	"unserved":       "switch %[1]s on, or see that it is off and say so at this node: storewardctl fence-confirm %[1]s --yes",
	"fence-failed":   "make it obey, or see that %[1]s is off and say so: storewardctl fence-confirm %[1]s --yes",
}

func renderAlarms(w io.Writer, s *api.Status, alarms []alarm, complete bool, now time.Time) {
	if len(alarms) > 0 {
		line(w, "ALARMS")
	}
	for _, a := range alarms {
		by := ""
		if a.peer {
			by = ", told by " + s.GetPeer()
			if !s.GetPeerHeard() {
				by += " before it fell silent"
			}
		}
		line(w, "  %-8s %s (%s, since %s%s)", strings.ToUpper(a.Severity), a.Message, a.Object, spoken.Age(now.Sub(a.Since)), by)
		if remedy := remedies[a.Condition]; remedy != "" && !a.peer {
			line(w, "           "+remedy, s.GetPeer())
		}
	}
	switch {
	case !complete && s.GetPeerHeard():
		line(w, "What alarms stand at %s is not known.", s.GetPeer())
	case len(alarms) == 0:
		line(w, "No alarm stands.")
	}
	line(w, "")
}

func renderNodes(w io.Writer, state control.State, now time.Time) {
	s := state.Status
	line(w, "NODE\tROLE\tGENERATION\tSEEN\t")
	line(w, "%s\t%s\t%d\tthis node, daemon up %s\t", s.GetNode(), s.GetRole(), s.GetGeneration(), spoken.Age(now.Sub(s.GetStarted().AsTime())))
	seen, role := "not heard", "?"
	if s.GetPeerHeard() {
		seen, role = fmt.Sprintf("heard on %d of %d links", heardOn(s), len(s.GetLinks())), s.GetPeerRole()
	}
	generation := "-"
	if state.Peer != nil {
		generation = fmt.Sprint(state.Peer.GetGeneration())
	}
	line(w, "%s\t%s\t%s\t%s\t\n", s.GetPeer(), role, generation, seen)
}

func heardOn(s *api.Status) int {
	n := 0
	for _, l := range s.GetLinks() {
		if l.GetHealth() == api.HealthOK || l.GetHealth() == api.HealthDegraded {
			n++
		}
	}
	return n
}

func renderLinks(w io.Writer, s *api.Status) {
	line(w, "LINK\tHEALTH\tLAST BEAT\tLATE (P99)\tNOTE\t")
	for _, l := range s.GetLinks() {
		heard := "never"
		if l.GetLastHeardSeconds() >= 0 {
			heard = seconds(l.GetLastHeardSeconds()) + " ago"
		}
		note := l.GetMessage()
		if l.GetCarrier() == "down" {
			note = join(note, "cable has no carrier")
		}
		if l.GetLossRatio() >= .01 {
			note = join(note, share(l.GetLossRatio())+" of the beats lost")
		}
		if dropped := l.GetDroppedForged() + l.GetDroppedReplayed() + l.GetDroppedForeign(); dropped > 0 {
			note = join(note, fmt.Sprintf("%d packets dropped", dropped))
		}
		line(w, "%s\t%s\t%s\t%s\t%s\t", l.GetName(), l.GetHealth(), heard, seconds(l.GetLatenessP99Seconds()), note)
	}
	line(w, "ping group\t%s\t\t\t\t\n", s.GetPingGroup())
}

func renderFences(w io.Writer, s *api.Status, now time.Time) {
	if len(s.GetFenceDevices()) == 0 {
		return
	}
	line(w, "FENCE DEVICE\tHEALTH\tFEEDS\tOUTPUT\tNOTE\t")
	for _, f := range s.GetFenceDevices() {
		note := f.GetMessage()
		if f.GetRead() != nil {
			note = join(note, "read "+spoken.Age(now.Sub(f.GetRead().AsTime()))+" ago")
		}
		feeds := strings.Join(f.GetFeeds(), ",")
		if f.GetLevel() > 1 {
			feeds += fmt.Sprintf(" (level %d)", f.GetLevel())
		}
		line(w, "%s\t%s\t%s\t%s\t%s\t", f.GetName(), f.GetHealth(), feeds, f.GetPower(), join(note, lifeNote(f)))
	}
	line(w, "")
}

// lifeNote says how long an order may take, and whether that was measured.
func lifeNote(f *api.FenceDeviceStatus) string {
	switch {
	case f.GetOrderLifeSeconds() == 0:
		return ""
	case !f.GetProven():
		return "orders within " + seconds(f.GetOrderLifeSeconds()) + ", NOT PROVEN"
	default:
		return "orders within " + seconds(f.GetOrderLifeSeconds()) + ", measured " + seconds(f.GetMeasuredSeconds())
	}
}

func renderResources(w io.Writer, s *api.Status) {
	if len(s.GetResources()) == 0 {
		return
	}
	line(w, "RESOURCE\tSTATE\tHEALTH\tPID\tNOTE\t")
	for _, r := range s.GetResources() {
		pid := ""
		if r.GetPid() > 0 {
			pid = fmt.Sprint(r.GetPid())
		}
		note := r.GetMessage()
		if r.GetRestarts() > 0 {
			note = join(note, fmt.Sprintf("restarted %d×", r.GetRestarts()))
		}
		if !r.GetManaged() {
			note = join(note, "NOT MANAGED")
		}
		line(w, "%s\t%s\t%s\t%s\t%s\t", r.GetName(), r.GetState(), r.GetHealth(), pid, note)
	}
	line(w, "")
}

// renderProbes shows what is not well, and counts the rest.
func renderProbes(w io.Writer, s *api.Status) {
	well := 0
	for _, p := range s.GetProbes() {
		if p.GetHealth() == api.HealthOK {
			well++
		}
	}
	if len(s.GetProbes()) == 0 {
		return
	}
	if well == len(s.GetProbes()) {
		line(w, "All %d probes are well.", well)
		return
	}
	line(w, "PROBE\tHEALTH\tNOTE\t\t\t")
	for _, p := range s.GetProbes() {
		if p.GetHealth() != api.HealthOK {
			line(w, "%s\t%s\t%s\t\t\t", p.GetName(), p.GetHealth(), p.GetMessage())
		}
	}
	switch well {
	case 0:
	case 1:
		line(w, "1 other probe is well.")
	default:
		line(w, "%d other probes are well.", well)
	}
}

// renderDrill tells when a failover was rehearsed last, and when it is next.
func renderDrill(w io.Writer, d *api.DrillStatus, now time.Time) {
	last, next := "none was ever held", "none is scheduled"
	ago := spoken.Age(now.Sub(d.GetBegan().AsTime())) + " ago"
	switch {
	case d.GetBegan() == nil:
	case d.GetEnded() == nil:
		last = "under way, begun " + ago
	case !d.GetOk():
		last = "FAILED " + ago + ": " + d.GetMessage()
	default:
		last = fmt.Sprintf("passed %s, %s took over in %s", ago, d.GetTaker(), seconds(d.GetTookSeconds()))
	}
	if d.GetNext() != nil {
		next = "next " + d.GetNext().AsTime().Local().Format("Mon 2006-01-02 15:04")
	}
	if d.GetOverdue() {
		next = "OVERDUE, " + next
	}
	line(w, "Last drill: %s; %s.", last, next)
}

func renderTail(w io.Writer, s *api.Status) {
	for _, p := range s.GetPlugins() {
		if p.GetHealth() != api.HealthOK {
			line(w, "Plugin %s is %s. %s", p.GetName(), p.GetHealth(), p.GetMessage())
		}
	}
	if s.GetOutboxPending() > 0 {
		line(w, "Reports that wait for a console: %d.", s.GetOutboxPending())
	}
	if s.GetOutboxDroppedPoints() > 0 {
		line(w, "Points dropped because no console took them in time: %d.", s.GetOutboxDroppedPoints())
	}
}

func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, "; ")
}

// seconds says a time that came in seconds; one that is none is "-".
func seconds(s float64) string {
	if s < 0 || math.IsNaN(s) {
		return "-"
	}
	return spoken.Duration(time.Duration(s * float64(time.Second)))
}
