package model

import (
	"strconv"
	"strings"
)

// row is one search. Of a bug, scenario is the file in core/internal/failover/testdata
// that shows the machine keep the rule; of an open hole, the file that shows it break.
type row struct {
	name     string
	model    string
	search   search
	set      []setting
	broken   string // the property that must not hold; empty: all hold
	scenario string
}

const (
	oneActive  = "S1: never both active"
	durable    = "S3: a generation is durable before it is used"
	notTwo     = "S3: two active nodes do not last"
	noNeedless = "S5, S6: no needless cut"
	registers  = "S5: the registers are reached"
	notBothOff = "S6: never both switched off by orders"
	noOverlap  = "S6: orders never overlap"
	calm       = "S7: few fences once the world is quiet"
	powerBack  = "S7: a fenced node gets its power back"
	everySale  = "S8: who becomes active has every sale"
	runAway    = "S3: generations do not run away"
	served     = "a healthy node serves"
	endless    = "every run ends"
)

func with(pairs ...string) (set []setting) {
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		set = append(set, setting{name, value})
	}
	return set
}

// holds is what the policy promises, whatever the world does.
func holds() []row {
	whole := every
	if *events > 5 {
		whole = packed
	}
	all, fewer := "EVENTS="+strconv.Itoa(*events), "EVENTS="+strconv.Itoa(*events-1)
	return []row{
		{name: "the policy", model: "failover", search: whole, set: with(all)},
		{name: "the policy with replicated data", model: "failover", search: whole, set: with(fewer, "DATA=1")},
		{name: "the policy with operators who lie", model: "failover", search: whole, set: with(fewer, "LIES=1")},
		{name: "every run ends", model: "failover", search: cycles, set: with(fewer)},
		{name: "every run with replicated data ends", model: "failover", search: cycles, set: with(fewer, "DATA=1")},
	}
}

var few = "EVENTS=" + strconv.Itoa(bugEvents)

// dropped are the rules, each left out.
func dropped() []row {
	eager := row{name: "EagerHandover", model: "failover", search: cycles, set: with(few, "BUG=EagerHandover"), broken: endless, scenario: "sim-standby-mode-waits"}
	bug := func(name, broken, scenario string, more ...string) row {
		return row{name: name, model: "failover", search: shortest, set: with(append(more, few, "BUG="+name)...), broken: broken, scenario: scenario}
	}
	return []row{
		bug("UnconfirmedFence", oneActive, "hole-c5-on-after-ack"),
		bug("StaleConfirmation", oneActive, "hole-c5-confirmation-voided"),
		bug("ForgottenGeneration", durable, "disk-fails"),
		bug("EarlyStart", durable, "disk-fails"),
		bug("NoYield", notTwo, "two-active-lower-stops", "LIES=1"),
		bug("NoBootRule", oneActive, "boot-alone-fences"),
		bug("NoAgreement", served, "boot-primary-goes-first"),
		bug("NoPrecedence", everySale, "boot-last-active-goes-first", "DATA=1"),
		bug("OneWayHeard", served, "hole-c6-one-way"),
		bug("ToldSilence", served, "links-back-nobody-active"),
		bug("HearingProtects", served, "hole-h10-back-before-cut"),
		bug("NoProtection", noNeedless, "hole-c6-one-way-other"),
		bug("NoCutMe", served, "hole-h9-stop-fails-fence"),
		bug("CutOffCuts", noNeedless, "both-cut-off"),
		bug("DeadPingGroup", served, "hole-h1-ping-group-dead"),
		bug("NoIsolation", registers, "hole-h6-active-loses-lan"),
		bug("BlindIsolation", runAway, "both-cut-off"),
		bug("OverlappingTurns", notBothOff, "hole-c2-fence-race-slow-order"),
		bug("UnfitCuts", noNeedless, "standby-mode-does-not-cut"),
		bug("NoPowerOn", powerBack, "hole-c8-power-on-again"),
		bug("NoBudget", calm, "hole-c8-twice-within-an-hour"),
		bug("NoAdoption", oneActive, "restart-adopts"),
		bug("NoFreeze", everySale, "", "DATA=1"),
		bug("StaleData", everySale, "", "DATA=1"),
		bug("LateOrder", notBothOff, "stall-in-turn-one"),
		bug("NoEligibleNode", served, "s10-no-eligible-node"),
		bug("LapsingGrant", oneActive, "hole-c3-grant-lost"),
		bug("NoBinding", oneActive, "hole-c3-grant-to-former-start"),
		bug("EarlyGrant", oneActive, "hole-c3-switchover"),
		bug("UnannouncedFence", notBothOff, "operator-fence-told-first"),
		bug("DiscountAlone", noNeedless, "ping-group-dead-for-one"),
		eager,
		{name: "turns, a tick too short", model: "turns", search: shortest, set: with("FLIPS=4", "SPARE=-1"), broken: noOverlap, scenario: "turns-one-direction-first"},
		{name: "turns that nobody follows", model: "turns", search: shortest, set: with("FLIPS=3", "FOLLOW=0"), broken: noOverlap, scenario: "turns-standby-follows"},
	}
}

// turns asks for what failover.pml takes for granted.
func turns() []row {
	more := "FLIPS=4"
	if *events > smallEvents {
		more = "FLIPS=6"
	}
	return []row{
		{name: "turns, all links fail at once", model: "turns", search: shortest, set: with("TOGETHER=1")},
		{name: "turns, all links fail at once, none active", model: "turns", search: shortest, set: with("TOGETHER=1", "STANDBYS=1")},
		{name: "turns, one direction first", model: "turns", search: shortest, set: with("FLIPS=2")},
		{name: "turns, one direction first, none active", model: "turns", search: shortest, set: with("FLIPS=2", "STANDBYS=1")},
		{name: "turns, flapping directions", model: "turns", search: every, set: with(more)},
		{name: "turns, flapping directions, none active", model: "turns", search: every, set: with(more, "STANDBYS=1")},
		{name: "turns, flapping links", model: "turns", search: every, set: with("FLIPS=12", "TOGETHER=1")},
		{name: "turns, flapping links, none active", model: "turns", search: every, set: with("FLIPS=12", "TOGETHER=1", "STANDBYS=1")},
	}
}

// open are the holes that the policy or the code still has.
func open() []row {
	return []row{
		{name: "turns, boots apart", model: "turns", search: shortest, set: with("APART=1", "STANDBYS=1"), broken: noOverlap, scenario: "open-boots-apart"},
	}
}
