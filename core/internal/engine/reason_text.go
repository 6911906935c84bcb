package engine

import (
	"strings"

	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk/spoken"
)

// reasonWords say the policy's reasons by their codes. SUBJECT, SPAN and PEER stand for
// what belongs there; the rule follows.
var reasonWords = map[string]string{
	"silent":          "SUBJECT has not been heard for SPAN",
	"veto":            "PEER is not cut: SUBJECT",
	"doubt":           "PEER is not cut unless an operator says so (storewardctl fence): SUBJECT",
	"wait":            "the order to cut PEER waits for this node's next turn (now: SUBJECT)",
	"turn-1":          "the first turn passes without an order to cut PEER: SUBJECT",
	"turn":            "it is this node's turn to cut PEER: SUBJECT",
	"peer-off":        "SUBJECT is off",
	"grant-waits":     "SUBJECT is granted nothing while an order to cut may still act",
	"peer-goes-first": "nobody is active, and SUBJECT goes first",
	"giving":          "the active role is given up: SUBJECT",
	"promote":         "SUBJECT is promoted",
	"restart":         "SUBJECT is restarted",
	"right-not-firm":  "SUBJECT is not started before the right to serve stands on the disk (a lost journal: an agreement with PEER, or storewardctl adopt)",
}

func reasonTexts(why []failover.Reason, peer string) []string {
	out := make([]string, len(why))
	for i, r := range why {
		out[i] = reasonText(r, peer)
	}
	return out
}

func reasonText(r failover.Reason, peer string) string {
	words, known := reasonWords[r.Code]
	if !known {
		return r.String()
	}
	text := strings.NewReplacer("SUBJECT", r.Subject, "SPAN", spoken.Age(r.Span), "PEER", peer).Replace(words)
	return text + " (rule " + r.Rule + ")"
}
