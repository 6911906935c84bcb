package fleet

import (
	"fmt"
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
	online := 0
	for i := range nodes {
		n := &nodes[i]
		if !n.Online(now) {
			continue
		}
		online++
		s := n.Status
		h.Redundant = h.Redundant || s.GetRedundant()
		switch {
		case s.GetRole() == "active":
			h.Active = n.Name
		case h.Active == "" && s.GetPeerHeard() && s.GetPeerRole() == "active":
			h.Active = s.GetPeer()
		}
	}
	h.Word, h.Reason = word(nodes, online, h, alarms)
	return h
}

func word(nodes []Node, online int, h Health, alarms alarm.Tally) (health, reason string) {
	switch {
	case online == 0:
		return api.HealthUnknown, silence(nodes)
	case h.Active == "":
		return api.HealthDown, "no node is active"
	case !h.Redundant:
		return api.HealthDegraded, fmt.Sprintf("%s serves alone: no standby could take over", h.Active)
	case api.Severity(alarms.Worst) >= api.Severity_SEVERITY_MAJOR:
		return api.HealthDegraded, fmt.Sprintf("%s serves, alarms are raised", h.Active)
	default:
		return api.HealthOK, fmt.Sprintf("%s serves and its peer stands by", h.Active)
	}
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
