package fleet

import (
	"cmp"
	"fmt"
	"slices"
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
	missed := func(n *Node) bool { return Missed(n, nodes, now) }
	claimants := slices.DeleteFunc(slices.Clone(online), missed)
	if speaker := spokesman(claimants); speaker != nil {
		h.Redundant = speaker.Status.GetRedundant()
		h.Active = speaker.Name
		if speaker.Status.GetRole() != "active" {
			h.Active = speaker.Status.GetPeer()
		}
	}
	served := slices.IndexFunc(online, func(n *Node) bool { return missed(n) && n.Status.GetRole() == "active" })
	if h.Active == "" && served >= 0 {
		h.Reason = fmt.Sprintf("%s served and is not heard by its peer, which has not taken over", online[served].Name)
		return h
	}
	h.Word, h.Reason = word(nodes, len(online), h, alarms, now)
	return h
}

// Missed tells whether the node's peer hears nothing of it, while its own last word is
// older and says that it hears its peer: alive, it would have told otherwise at once.
// What it said last is then no more than that, though it counts as online for some
// seconds yet. A peer that joins has not listened for long enough to miss anybody.
func Missed(n *Node, nodes []Node, now time.Time) bool {
	if !n.Status.GetPeerHeard() {
		return false
	}
	return slices.ContainsFunc(nodes, func(peer Node) bool {
		s := peer.Status
		listens := s.GetRole() == "standby" || s.GetRole() == "active"
		return peer.Online(now) && listens && s.GetPeer() == n.Name && !s.GetPeerHeard() && peer.StatusTaken.After(n.StatusTaken)
	})
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
	switch {
	case online == 0:
		return api.HealthUnknown, silence(nodes)
	case h.Active == "":
		return api.HealthDown, nobody(nodes, now)
	case !h.Redundant:
		return api.HealthDegraded, fmt.Sprintf("%s serves alone: no standby could take over", h.Active)
	case api.Severity(alarms.Worst) >= api.Severity_SEVERITY_MAJOR:
		return api.HealthDegraded, fmt.Sprintf("%s serves, alarms are raised", h.Active)
	default:
		return api.HealthOK, fmt.Sprintf("%s serves and its peer stands by", h.Active)
	}
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
