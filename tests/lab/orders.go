package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/tests/fakes/serialline"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// Orders is what Do understands, for people.
const Orders = `  kill NODE                cut the node's power (s1/alpha, or alpha with one store)
  power-on NODE            give it power
  cut LINK, mend LINK      cable, serial, wan, lan-alpha, lan-beta, and ups-alpha, ups-beta where
                           a UPS has a serial cable (s1/cable, or cable with one store)
  loss NODE lan|cable PERCENT
  serial ` + serialWords + ` [STORE]
  ups NODE ` + upsWords + `
  ups NODE ` + mainsWords + `
  ups NODE kind=KIND [outlets=1,2]   make it another supply: rfc1628, apcups, rpdu, ... (tests/fakes/upssim)
`

const (
	serialWords = "well|garble|cross|hoard|deliver"
	upsWords    = "well|refuse [STATUS]|silent|lie-on|slow MS|pending MS|reboot SECONDS [lost]|worn"
	mainsWords  = "battery [PERCENT]|mains|on|off"
)

// order is a command that was read to its last word: a wrong one changes nothing.
type order func(ctx context.Context) error

// Do carries out one command in words: one of Orders, or down.
func (l *Lab) Do(ctx context.Context, words ...string) error {
	act, err := l.read(words)
	if err != nil {
		return err
	}
	return act(ctx)
}

func (l *Lab) read(words []string) (order, error) {
	verb, rest := "", words
	if len(words) > 0 {
		verb, rest = words[0], words[1:]
	}
	switch {
	case verb == "kill" && len(rest) == 1:
		return l.readNode(rest[0], (*Node).Kill)
	case verb == "power-on" && len(rest) == 1:
		return l.readNode(rest[0], (*Node).PowerOn)
	case verb == "cut" && len(rest) == 1:
		return func(context.Context) error { return l.Cut(rest[0]) }, nil
	case verb == "mend" && len(rest) == 1:
		return func(context.Context) error { return l.Mend(rest[0]) }, nil
	case verb == "loss" && len(rest) == 3:
		return l.readLoss(rest[0], rest[1], rest[2])
	case verb == "serial" && (len(rest) == 1 || len(rest) == 2):
		return l.readSerial(rest[0], rest[1:])
	case verb == "ups" && len(rest) >= 2:
		return l.readUPS(rest[0], rest[1:])
	case verb == "down" && len(rest) == 0:
		return func(context.Context) error { l.downOnce.Do(func() { close(l.downAsk) }); return nil }, nil
	}
	if question := l.question(verb, rest); question != "" {
		return nil, errors.New(question)
	}
	return nil, fmt.Errorf("cannot %q; there are\n%s", strings.Join(words, " "), strings.TrimRight(Orders, "\n"))
}

// question asks for the word that an order lacks; empty: it is no order, or lacks none.
func (l *Lab) question(verb string, rest []string) string {
	switch {
	case slices.Contains([]string{"kill", "power-on", "loss", "ups"}, verb) && len(rest) == 0:
		return verb + " which node? there are " + l.nodeNames()
	case (verb == "cut" || verb == "mend") && len(rest) == 0:
		return verb + " which link? there are " + linkNames
	case verb == "ups" && len(rest) == 1:
		return "what is the UPS of " + rest[0] + " to do? " + upsWords + "|" + mainsWords
	case verb == "serial" && len(rest) == 0:
		return "what is the serial cable to do? " + serialWords
	}
	return ""
}

// nodeNames lists the nodes as an order names them.
func (l *Lab) nodeNames() string {
	var names []string
	for _, s := range l.Stores {
		for _, n := range s.Nodes {
			if len(l.Stores) == 1 {
				names = append(names, n.Name)
			} else {
				names = append(names, n.ID())
			}
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (l *Lab) readNode(id string, act func(*Node) error) (order, error) {
	node, err := l.Find(id)
	return func(context.Context) error { return act(node) }, err
}

func (l *Lab) readLoss(id, link, share string) (order, error) {
	percent, err := strconv.Atoi(strings.TrimSuffix(share, "%"))
	name, known := map[string]string{"lan": LAN, "cable": Cable}[link]
	if err != nil || !known {
		return nil, fmt.Errorf("loss of %s on %q: the link is lan or cable, the share a percentage", share, link)
	}
	node, err := l.Find(id)
	return func(ctx context.Context) error { return l.Lose(ctx, node, name, percent) }, err
}

// readSerial makes a store's serial cable ill or well; it is cut as every other link.
func (l *Lab) readSerial(word string, where []string) (order, error) {
	store := l.Stores[0]
	for _, s := range l.Stores {
		if len(where) == 1 && s.Name == where[0] {
			store, where = s, nil
		}
	}
	if len(where) > 0 {
		return nil, fmt.Errorf("no store %q in lab %s", where[0], l.Name)
	}
	var ill serialline.Behaviour
	switch word {
	case "well", "deliver":
	case "garble":
		ill.Garble = 0.05 // no frame survives
	case "cross":
		ill.Crossed = true
	case "hoard":
		ill.Hoard = true
	default:
		return nil, fmt.Errorf("the serial cable cannot %q: %s", word, serialWords)
	}
	if err := store.serialUsed(); err != nil {
		return nil, err
	}
	return func(context.Context) error {
		l.tell("link", store.Name+"/serial", "told: "+word)
		if word == "deliver" {
			store.Serial.Deliver()
		}
		now := store.Serial.Behaviour()
		ill.Baud, ill.Cut = now.Baud, now.Cut
		store.Serial.Set(ill)
		return nil
	}, nil
}

// readUPS makes a UPS ill or well, or another one, or takes its mains.
func (l *Lab) readUPS(id string, words []string) (order, error) {
	node, err := l.Find(id)
	if err != nil {
		return nil, err
	}
	u := node.UPS()
	act, err := u.read(words)
	return func(context.Context) error {
		l.tell("ups", node.ID(), "UPS told: "+strings.Join(words, " "))
		return act()
	}, err
}

func (u *UPS) read(words []string) (act func() error, err error) {
	word, rest := words[0], words[1:]
	kind, another := strings.CutPrefix(word, "kind=")
	switch {
	case another:
		outlets, err := outletsOf(rest)
		if err == nil {
			err = upssim.CheckKind(kind, outlets...)
		}
		return func() error { return u.Become(kind, outlets...) }, err
	case word == "battery" && len(rest) == 1:
		percent, err := strconv.Atoi(rest[0])
		if err != nil || percent < 0 || percent > 100 {
			return nil, fmt.Errorf("a battery has 0 to 100 percent, not %s", rest[0])
		}
		return func() error {
			err := u.SetMains(false)
			u.Drain(percent)
			return err
		}, nil
	case (word == "battery" || word == "mains") && len(rest) == 0:
		return func() error { return u.SetMains(word == "mains") }, nil
	case (word == "on" || word == "off") && len(rest) == 0:
		return func() error { return u.Switch(word == "on") }, nil
	}
	b, err := illness(word, rest)
	return func() error { u.SetBehaviour(b); return nil }, err
}

// illness reads what a UPS suffers from.
func illness(word string, rest []string) (b upssim.Behaviour, err error) {
	switch {
	case word == "well" && len(rest) == 0:
	case word == "silent" && len(rest) == 0:
		b.Silent = true
	case word == "lie-on" && len(rest) == 0:
		b.LieOn = true
	case word == "worn" && len(rest) == 0:
		b.Worn = true
	case word == "refuse" && len(rest) <= 1:
		b.Refuse = "genErr"
		if len(rest) == 1 {
			b.Refuse = rest[0]
		}
		if _, known := upssim.Refusals[b.Refuse]; !known {
			err = fmt.Errorf("a UPS cannot refuse with %q", b.Refuse)
		}
	case word == "slow" && len(rest) == 1:
		b.Slow, err = amount(rest[0], time.Millisecond)
	case word == "pending" && len(rest) == 1:
		b.Pending, err = amount(rest[0], time.Millisecond)
	case word == "reboot" && (len(rest) == 1 || len(rest) == 2 && rest[1] == "lost"):
		b.Reboot, err = amount(rest[0], time.Second)
		b.Lost = len(rest) == 2
	default:
		err = fmt.Errorf("a UPS cannot be %q: %s|%s", strings.Join(slices.Concat([]string{word}, rest), " "), upsWords, mainsWords)
	}
	return b, err
}

// amount reads a time, a number of units and not less than none.
func amount(text string, unit time.Duration) (time.Duration, error) {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of %v", text, unit)
	}
	return time.Duration(n) * unit, nil //nolint:gosec // 31 bits
}

// outletsOf reads outlets=1,2; none are none.
func outletsOf(words []string) (outlets []int, err error) {
	if len(words) == 0 {
		return nil, nil
	}
	list, told := strings.CutPrefix(words[0], "outlets=")
	if !told || len(words) > 1 {
		return nil, fmt.Errorf("a kind has outlets=1,2 and no %q", strings.Join(words, " "))
	}
	for number := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("%q is no outlet", number)
		}
		outlets = append(outlets, n)
	}
	return outlets, nil
}
