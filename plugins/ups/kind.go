package ups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// kind is one row of the table of devices: everything that tells one make from
// another. In the name of an object N stands for the outlet's index, N+1 for one
// more, and U for the unit that the outlet is part of; an object without N is
// there once for the whole device.
type kind struct {
	word  string   // what the option kind calls it
	title string   // what people call it
	ids   []string // sysObjectID: each stands for all below it, with $ at its end for itself alone
	model string   // the object with the model's name

	// name is the object with an outlet's name; first is the index of outlet 1;
	// unit is the unit of an outlet that names none.
	name        string
	first, unit int

	state   state
	pending pending   // a command that waits: what is off may not stay so
	due     pending   // a command that will switch it off
	off, on []setting // orders, sent in one packet
	abort   []setting // ends what is pending, before an order
	timed   *timed    // off, and on again by the device itself
	sleep   *sleep    // off later, and on again with mains
	restart *toggle   // whether the output comes back with mains
	mark    mark      // where a text can be left
	// settle is how long the device itself may take from the order to its effect.
	settle time.Duration

	values []measure
	faults []fault
	alarms alarms
}

// state is the object that tells whether an output has power. What is in none of
// the lists is unknown.
type state struct {
	oid       string
	on, off   []int
	returning []int // off, but it comes back by itself
	battery   []int // on, from the battery
	words     map[int]string
}

// pending is an object that tells whether a command waits to be carried out: a
// countdown waits while it is above idle, any other object while it is not idle.
type pending struct {
	oid       string
	idle      int
	countdown bool
}

// setting is a value to write.
type setting struct {
	oid   string
	value int
	// side says that the order is good without it: a refusal is only noted.
	side bool
}

// timed is an off with an end: the object that takes its length in seconds, and
// the order that starts it (none where writing the length does).
type timed struct {
	length string
	order  *setting
	least  int
	most   int
	steps  []int // what lengths it takes, if not any between least and most
}

// sleep is an off after a delay, ended by mains: the objects that take the seconds
// until the off, and until the start that follows where mains are back by then, and
// what must be set with them. It needs auto-restart (restart).
type sleep struct {
	off, on string
	with    []setting
}

// toggle is a setting with two values.
type toggle struct {
	oid     string
	on, off int
}

// mark is an object that holds a text of at most size bytes.
type mark struct {
	oid  string
	size int
}

// measure is an object with a number; times factor it is in the base unit that
// its name says. Of objects by outlet the sum counts.
type measure struct {
	name   string
	oid    string
	factor float64
}

// fault is an object some of whose values say that something is not as it should be.
type fault struct {
	oid       string
	values    []int
	condition sdk.Condition
}

// alarms is a table of what is wrong now: each row of a column holds the name of
// an alarm, one of those known by the number after a prefix.
type alarms struct {
	column, prefix string
	known          map[int]sdk.Condition
}

// kindNamed finds a kind by its word.
func kindNamed(word string) (*kind, bool) {
	for i := range kinds {
		if kinds[i].word == word {
			return &kinds[i], true
		}
	}
	return nil, false
}

// kindOf finds a kind by a device's sysObjectID: the row that names most of it.
func kindOf(objectID string) (*kind, bool) {
	var found *kind
	longest := 0
	for i := range kinds {
		for _, id := range kinds[i].ids {
			bare, alone := strings.CutSuffix(id, "$")
			if len(bare) > longest && (objectID == bare || !alone && strings.HasPrefix(objectID, bare+".")) {
				found, longest = &kinds[i], len(bare)
			}
		}
	}
	return found, found != nil
}

// kindWords lists what the option kind takes.
func kindWords() string {
	words := make([]string, 0, len(kinds))
	for _, k := range kinds {
		words = append(words, k.word)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// hasOutlets tells whether outputs are switched one by one.
func (k *kind) hasOutlets() bool { return byOutlet(k.state.oid) }

func byOutlet(oid string) bool { return strings.Contains(oid, "N") }

// power reads a value of the state object; ours says that an off with an end is
// what was ordered.
func (s *state) power(value int, ours bool) sdk.Power {
	switch {
	case slices.Contains(s.on, value):
		return sdk.PowerOn
	case slices.Contains(s.off, value), ours && slices.Contains(s.returning, value):
		return sdk.PowerOff
	}
	return sdk.PowerUnknown
}

// word shows a value as its MIB does, e.g. none(2).
func (s *state) word(value int) string {
	if word, ok := s.words[value]; ok {
		return fmt.Sprintf("%s(%d)", word, value)
	}
	return strconv.Itoa(value)
}

func (p *pending) waits(value int) bool {
	if p.countdown {
		return value > p.idle
	}
	return value != p.idle
}

// seconds is the shortest length that the device takes and that is as long as asked for.
func (t *timed) seconds(asked time.Duration) int {
	n := int((asked + time.Second - 1) / time.Second)
	for _, step := range t.steps {
		if step >= n {
			return step
		}
	}
	return min(max(n, t.least), t.most)
}

// outlet is one output of a device; the zero value is the only output of a
// device that has no outlets.
type outlet struct {
	unit, number int
	said         string // how the configuration calls it
	named        bool   // which is its name on the device
}

func (o outlet) String() string {
	switch {
	case o.named:
		return fmt.Sprintf("outlet %q", o.said)
	case o.said != "":
		return "outlet " + o.said
	}
	return "the output"
}

// object fills in an object's name for one outlet.
func (k *kind) object(oid string, o outlet) string {
	index := o.number - 1 + k.first
	return strings.NewReplacer("N+1", strconv.Itoa(index+1), "N", strconv.Itoa(index), "U", strconv.Itoa(o.unit)).Replace(oid)
}

// objects are the objects of a name: one, or one for each outlet. No name, no object.
func (k *kind) objects(oid string, outlets []outlet) []string {
	switch {
	case oid == "":
		return nil
	case !byOutlet(oid):
		return []string{k.object(oid, outlets[0])}
	}
	list := make([]string, len(outlets))
	for i, o := range outlets {
		list[i] = k.object(oid, o)
	}
	return list
}

// write is one value on its way to the device.
type write struct {
	pdu  gosnmp.SnmpPDU
	side bool
}

// writes makes packets' content of settings.
func (k *kind) writes(settings []setting, outlets []outlet) []write {
	var list []write
	for _, s := range settings {
		for _, oid := range k.objects(s.oid, outlets) {
			list = append(list, write{number(oid, s.value), s.side})
		}
	}
	return list
}
