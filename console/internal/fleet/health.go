package fleet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/console/internal/alarm"
	"github.com/storeward/storeward/core/api"
)

// Health is how a store does, with one sentence that says why.
type Health struct {
	Word      string // api.HealthOK and so on
	Reason    string
	Active    string // the active node; empty: none known
	Redundant bool
}

// Judge says how a store does from what its nodes said last and its raised
// alarms. Only what was heard lately counts; a store nobody hears is unknown.
func Judge(nodes []Node, alarms alarm.Tally, now time.Time) Health {
	h := Health{Word: api.HealthUnknown}
	online := make([]*Node, 0, len(nodes))
	for i := range nodes {
		if nodes[i].Online(now) {
			online = append(online, &nodes[i])
		}
	}
	claimants := slices.DeleteFunc(slices.Clone(online), func(n *Node) bool { return n.Missed })
	if speaker := spokesman(claimants); speaker != nil {
		h.Redundant = speaker.Status.GetRedundant()
		h.Active = speaker.Name
		if speaker.Status.GetRole() != "active" {
			h.Active = speaker.Status.GetPeer()
		}
	}
	served := slices.IndexFunc(online, func(n *Node) bool { return n.Missed && n.Status.GetRole() == "active" })
	if h.Active == "" && served >= 0 {
		h.Reason = fmt.Sprintf("%s served and is not heard by its peer, which has not taken over", online[served].Name)
		return h
	}
	h.Word, h.Reason = word(nodes, len(online), h, alarms, now)
	return h
}

// misses tells whether a node's new status says that its peer's last one may hold no
// longer: it hears nothing of the peer, which said that it hears the node, and alive
// would have told otherwise at once; or it knows the peer to be off, or serves in its
// place. A node that joins has not listened for long enough to miss anybody.
//
// That the node hears its peer again proves a beat, no status: the peer counts as missed
// until it speaks for itself (see Heard), lest a node that comes back be shown as it was
// before it died.
func misses(s, peer *api.Status) bool {
	listens := s.GetRole() == "standby" || s.GetRole() == "active"
	if peer == nil || !listens || s.GetPeer() != peer.GetNode() || s.GetPeerHeard() {
		return false
	}
	tookOver := s.GetRole() == "active" && s.GetGeneration() > peer.GetGeneration()
	return peer.GetPeerHeard() || tookOver || readOff(s.GetFenceDevices(), peer.GetNode())
}

// readOff tells whether every supply of one level that feeds the node reads off.
func readOff(devices []*api.FenceDeviceStatus, node string) bool {
	off := map[int32]bool{}
	for _, d := range devices {
		if !slices.Contains(d.GetFeeds(), node) {
			continue
		}
		before, others := off[d.GetLevel()]
		off[d.GetLevel()] = d.GetPower() == "off" && (before || !others)
	}
	return slices.Contains(slices.Collect(maps.Values(off)), true)
}

// spokesman returns the node whose word counts for the cluster: the active one,
// else one that hears its active peer. A node that just died still counts as
// online and still claims to be active: whoever took over since has the higher
// generation.
func spokesman(online []*Node) *Node {
	var best *Node
	for _, n := range online {
		s := n.Status
		if s.GetRole() != "active" && (!s.GetPeerHeard() || s.GetPeerRole() != "active") {
			continue
		}
		if best == nil || compare(n, best) > 0 {
			best = n
		}
	}
	return best
}

// compare ranks by generation, then the active node before its peer, then by age.
func compare(a, b *Node) int {
	active := func(n *Node) int {
		if n.Status.GetRole() == "active" {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(a.Status.GetGeneration(), b.Status.GetGeneration()), cmp.Compare(active(a), active(b)), a.StatusTaken.Compare(b.StatusTaken))
}

func word(nodes []Node, online int, h Health, alarms alarm.Tally, now time.Time) (health, reason string) {
	lacks := lacking(nodes, h.Active, now)
	switch {
	case online == 0:
		return api.HealthUnknown, silence(nodes)
	case h.Active == "":
		return api.HealthDown, nobody(nodes, now)
	case lacks != "":
		return api.HealthDegraded, h.Active + " is active, " + lacks
	case !h.Redundant:
		return api.HealthDegraded, fmt.Sprintf("%s serves alone: no standby could take over", h.Active)
	case api.Severity(alarms.Worst) >= api.Severity_SEVERITY_MAJOR:
		return api.HealthDegraded, fmt.Sprintf("%s serves, alarms are raised", h.Active)
	default:
		return api.HealthOK, fmt.Sprintf("%s serves and its peer stands by", h.Active)
	}
}

// manners are the ways in which something on the active node does not serve, the worst first.
var manners = []struct {
	of   func(*api.ResourceStatus) bool
	text string
}{
	{stateIn("failed", "blocked", "stopped"), "but %s does not run there"},
	{stateIn("warm"), "but %s is not promoted there"},
	{func(r *api.ResourceStatus) bool { return r.GetState() == "started" && r.GetHealth() == api.HealthDown }, "but %s does not answer there"},
	{stateIn("stopping"), "and stops %s"},
	{stateIn("starting"), "and starts %s"},
	{stateIn("unknown"), "and it is not known whether %s runs there"},
}

func stateIn(states ...string) func(*api.ResourceStatus) bool {
	return func(r *api.ResourceStatus) bool { return slices.Contains(states, r.GetState()) }
}

// lacking names what does not serve on the active node, as that says itself; empty: nothing.
func lacking(nodes []Node, active string, now time.Time) string {
	i := slices.IndexFunc(nodes, func(n Node) bool { return n.Name == active && n.Online(now) })
	if i < 0 {
		return ""
	}
	for _, m := range manners {
		var names []string
		for _, r := range nodes[i].Status.GetResources() {
			if m.of(r) {
				names = append(names, r.GetName())
			}
		}
		if len(names) > 0 {
			return fmt.Sprintf(m.text, strings.Join(names, ", "))
		}
	}
	return ""
}

// nobody says why nobody is known to be active while a node is heard.
func nobody(nodes []Node, now time.Time) string {
	for i := range nodes {
		if n := &nodes[i]; n.Status.GetRole() == "active" && !n.Online(now) {
			return fmt.Sprintf("no node is known to be active: %s served last and is silent", n.Name)
		}
	}
	return "no node is active"
}

func silence(nodes []Node) string {
	var last time.Time
	for _, n := range nodes {
		if n.LastSeen.After(last) {
			last = n.LastSeen
		}
	}
	if last.IsZero() {
		return "enrolled, but never heard"
	}
	return "the console hears nothing of this store since " + last.UTC().Format(time.RFC3339)
}
