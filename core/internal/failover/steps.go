package failover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// step carries out one line of a scenario.
func (s *scenario) step(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if s.replay != nil || isReplay(word, rest) {
		return s.replayStep(line)
	}
	if err := wellSaid(word, strings.Fields(rest)); err != nil {
		return err
	}
	switch word {
	case "run":
		d, err := time.ParseDuration(rest)
		if err == nil {
			s.bench.run(d)
		}
		return err
	case "policy":
		f, err := readForm(rest)
		if err != nil {
			return err
		}
		s.bench.policy.fields(f)
		return f.done()
	case "ping-group":
		s.bench.alive = rest == "alive"
		return nil
	case "delay":
		link, takes, _ := strings.Cut(rest, " ")
		d, err := time.ParseDuration(takes)
		if err != nil {
			return fmt.Errorf("want delay LINK TIME: %w", err)
		}
		s.bench.delays[link] = d
		return nil
	case "cut", "mend":
		return s.cable(word == "cut", strings.Fields(rest))
	case "start":
		return s.startNode(strings.Fields(rest))
	}
	name, rest, _ := strings.Cut(rest, " ")
	n := s.bench.node(name)
	if n == nil {
		return fmt.Errorf("no node %q", name)
	}
	return s.nodeStep(n, word, strings.TrimSpace(rest))
}

// closed has the steps whose last word is one of few.
var closed = map[string]string{
	"ping-group":  "dead|alive",
	"power":       "NODE on|off",
	"daemon":      "NODE stop|start|lost",
	"ping":        "NODE yes|no|unknown|auto",
	"fence-path":  "NODE works|broken",
	"outlet":      "NODE DEVICE on|off",
	"link-plugin": "NODE LINK dead|alive",
	"resource":    "NODE NAME up|warm|down|gone|unknown",
}

// wellSaid refuses such a step that is cut short, or whose last word means nothing.
func wellSaid(step string, said []string) error {
	form, ok := closed[step]
	want := strings.Fields(form)
	if last := len(want) - 1; ok && (len(said) != len(want) || !slices.Contains(strings.Split(want[last], "|"), said[last])) {
		return fmt.Errorf("want %s %s", step, form)
	}
	return nil
}

// cable: "cut LINK", "cut LINK alpha>beta", "mend LINK".
func (s *scenario) cable(cut bool, words []string) error {
	if len(words) == 0 {
		return fmt.Errorf("which link?")
	}
	directions := []string{"alpha>beta", "beta>alpha"}
	if len(words) > 1 {
		directions = words[1:]
	}
	for _, d := range directions {
		s.bench.cuts[words[0]+" "+d] = cut
	}
	if len(words) == 1 {
		for _, n := range s.bench.nodes {
			if !cut {
				delete(n.unplug, words[0])
			}
			s.bench.linkStates(n)
		}
	}
	return nil
}

// startNode: "start NODE active|standby|booted|off [STATE...]": a node that has
// run for a while, has just booted, or has no power yet.
func (s *scenario) startNode(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("want start NODE active|standby|booted|off")
	}
	n := &benchNode{
		version: beat.Version,
		name:    words[0], powered: words[1] != "off", kernel: 1, running: map[string]string{}, pids: 100,
		hands: map[string]hand{}, truth: map[string]beat.Tri{}, unplug: map[string]bool{}, fences: true, dark: map[string]bool{},
	}
	n.policy = s.bench.policy
	if n.name != n.policy.Self {
		n.policy = mirrored(n.policy)
	}
	n.state = State{Generation: 5, LastActive: 4}
	if words[1] == "active" {
		n.state = State{Generation: 5, LastActive: 5, Active: true}
	}
	if words[1] != "booted" && words[1] != "off" {
		n.state.KernelBoot = n.name[:1] + "1"
	}
	f, err := readForm(strings.Join(words[2:], " "))
	if err != nil {
		return err
	}
	n.state.fields(f)
	if err := f.done(); err != nil {
		return err
	}
	for _, r := range n.policy.Resources {
		if words[1] == "active" || words[1] == "standby" && r.ActiveActive {
			n.running[r.Name] = "up"
		} else if words[1] == "standby" && r.Warm {
			n.running[r.Name] = "warm"
		}
	}
	s.bench.nodes = append(s.bench.nodes, n)
	for _, o := range s.bench.nodes {
		if o != n && o.machine != nil {
			s.bench.linkStates(o)
		}
	}
	if n.powered {
		s.bench.startDaemon(n, false)
	} else {
		s.bench.setOutlets(n, false)
	}
	return nil
}

// nodeStep is a step about one node.
func (s *scenario) nodeStep(n *benchNode, word, rest string) error {
	b := s.bench
	words := strings.Fields(rest)
	switch word {
	case "view":
		s.view(n)
	case "power":
		b.setOutlets(n, rest == "on")
	case "supply":
		return s.setSupply(n, rest)
	case "crash":
		n.crashed, n.machine = true, nil
		clear(n.running)
	case "daemon":
		n.machine = nil
		if rest == "start" || rest == "lost" {
			if rest == "lost" {
				n.state = State{}
			}
			b.startDaemon(n, rest == "lost")
		}
	case "version":
		version, err := strconv.ParseUint(rest, 10, 8)
		n.version = version
		return err
	case "unplug":
		n.unplug[rest] = true
		for _, o := range b.nodes {
			b.linkStates(o)
		}
	case "link-plugin": // NAME dead|alive
		n.hands["link "+words[0]] = hand{word: words[1]}
		b.linkStates(n)
	case "stall":
		d, err := time.ParseDuration(rest)
		n.late, n.stalls = b.now+d, true
		return err
	case "ping":
		n.ping = strings.TrimPrefix(rest, "auto")
	case "fence-path":
		n.fences = rest == "works"
	case "outlet": // DEVICE on|off: somebody switches one supply of the node
		b.setOutlet(n, words[0], words[1] == "on")
	case "truth": // icmp=yes arp=no ...; "truth NODE" alone: back to the world's own
		return s.truth(n, rest)
	case "hand": // ACTION [NAME] WORD [TIME]
		return n.setHand(words)
	case "resource": // NAME up|down|gone|unknown: what its next monitor finds
		if n.running[words[0]] = words[1]; words[1] == "gone" {
			delete(n.running, words[0])
		}
		b.give(n, b.monitor(n, "", words[0]))
	case "command":
		return s.command(n, rest)
	case "config":
		return s.configure(n, rest)
	case "event":
		e, err := ParseEvent(rest)
		if err == nil {
			b.give(n, e)
		}
		return err
	default:
		return fmt.Errorf("no such step")
	}
	return nil
}

func (s *scenario) truth(n *benchNode, rest string) error {
	clear(n.truth)
	for _, w := range strings.Fields(rest) {
		key, value, _ := strings.Cut(w, "=")
		t, err := parseWord[beat.Tri](value, beat.TriNames)
		if err != nil {
			return err
		}
		n.truth[key] = t
	}
	return nil
}

func (n *benchNode) setHand(words []string) error {
	h := hand{}
	if last := len(words) - 1; last > 0 {
		if d, err := time.ParseDuration(words[last]); err == nil {
			h.took = d
			words = words[:last]
		}
	}
	if len(words) < 2 || !slices.Contains([]string{"ok", "fail", "hang", "lie", "deaf"}, words[len(words)-1]) {
		return fmt.Errorf("want hand NODE ACTION [NAME] ok|fail|hang|lie|deaf [TIME]")
	}
	h.word = words[len(words)-1]
	n.hands[strings.Join(words[:len(words)-1], " ")] = h
	return nil
}

func (s *scenario) command(n *benchNode, rest string) error {
	verb, rest, _ := strings.Cut(rest, " ")
	v, err := ParseVerb(verb)
	if err != nil {
		return err
	}
	c := Command{ID: "c", Verb: v, Operator: "ann"}
	f, err := readForm(rest)
	if err != nil {
		return err
	}
	c.fields(f)
	if err := f.done(); err != nil {
		return err
	}
	s.bench.give(n, c)
	return nil
}

func (s *scenario) configure(n *benchNode, rest string) error {
	f, err := readForm(rest)
	if err != nil {
		return err
	}
	n.policy.fields(f)
	if err := f.done(); err != nil {
		return err
	}
	s.bench.give(n, PolicyChanged{n.policy})
	return nil
}
