package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Validate returns everything wrong with the configuration as Faults, or nil.
func (c *Config) Validate() error { return c.check().Err() }

// check is Validate's table of contents.
func (c *Config) check() Faults {
	k := checker{cfg: c}
	k.tags("", reflect.ValueOf(c).Elem())
	k.store()
	k.nodes()
	k.timing()
	k.links()
	k.fencing()
	k.pingGroup()
	k.policy()
	k.drills()
	k.watchdog()
	k.resources()
	k.order()
	k.probes()
	k.peer()
	k.report()
	k.directories()
	return k.faults
}

// checker gathers faults; an empty value that a tag already reported is passed over.
type checker struct {
	cfg    *Config
	faults Faults
}

func (k *checker) fault(path, wrong, right string) {
	k.faults = append(k.faults, k.cfg.places.fault(path, wrong, right))
}

func (k *checker) faultf(path, right, wrong string, args ...any) {
	k.fault(path, fmt.Sprintf(wrong, args...), right)
}

// tags checks what the structs' tags say: keys that must be there, and closed sets of words.
func (k *checker) tags(path string, v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f, tag := v.Field(i), t.Field(i).Tag
		name := tag.Get("yaml")
		if name == "" {
			continue
		}
		at := join(path, name)
		switch words := tag.Get("enum"); {
		case tag.Get("need") != "" && empty(f):
			k.fault(at, "this key is missing or empty", "write "+name+": "+tag.Get("example"))
		case words != "" && !slices.Contains(strings.Split(words, ","), f.String()):
			k.faultf(at, Suggest(f.String(), strings.Split(words, ",")), "%q is not a word for this", f.String())
		}
		switch {
		case f.Type() == sectionType || unmarshals(f):
		case f.Kind() == reflect.Struct:
			k.tags(at, f)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for j := range f.Len() {
				k.tags(fmt.Sprintf("%s[%d]", at, j), f.Index(j))
			}
		}
	}
}

func empty(v reflect.Value) bool {
	return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
}

var (
	storeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$`)
	plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
)

// name checks a name and that no earlier entry of the list has it.
func (k *checker) name(list string, i int, name string, seen map[string]int) {
	path := fmt.Sprintf("%s[%d].name", list, i)
	if name == "" {
		return
	}
	if !plainName.MatchString(name) {
		k.faultf(path, "use lower case letters, digits, \"-\" and \"_\", at most 63", "%q is no name", name)
	}
	if first, double := seen[name]; double {
		k.faultf(path, "give each its own name", "%s[%d] has the name %s already", list, first, name)
		return
	}
	seen[name] = i
}

// within checks that a time lies between two bounds.
func (k *checker) within(path string, d Duration, least, most time.Duration) {
	switch v := time.Duration(d); {
	case v < least:
		k.faultf(path, fmt.Sprintf("write %s or more", show(least)), "%s is too short", show(v))
	case v > most:
		k.faultf(path, fmt.Sprintf("write %s or less", show(most)), "%s is too long", show(v))
	}
}

// show prints a time as an operator writes it: 10m rather than 10m0s.
func show(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (k *checker) store() {
	if s := k.cfg.Store; s != "" && !storeName.MatchString(s) {
		k.faultf("store", "use letters, digits, \"-\" and \"_\", at most 32", "%q is no store code", s)
	}
}

func (k *checker) nodes() {
	nodes := k.cfg.Nodes
	if len(nodes) == 0 {
		return
	}
	if len(nodes) != 2 {
		k.faultf("nodes", "list exactly two", "a cluster has two nodes, this lists %d", len(nodes))
	}
	seen, addresses, primaries := map[string]int{}, map[string]int{}, 0
	for i, n := range nodes {
		path := fmt.Sprintf("nodes[%d]", i)
		k.name("nodes", i, n.Name, seen)
		if n.Role == "primary" {
			primaries++
		}
		if n.Address != "" && k.address(path+".address", n.Address) {
			if first, double := addresses[n.Address]; double {
				k.faultf(path+".address", "give each node its own", "nodes[%d] has the address %s already", first, n.Address)
			}
			addresses[n.Address] = i
		}
		for j, service := range n.Services {
			k.hostPort(fmt.Sprintf("%s.services[%d]", path, j), service)
		}
	}
	if len(nodes) == 2 && primaries != 1 {
		k.faultf("nodes", "give one node role: primary and the other role: secondary", "%d of the nodes are primary", primaries)
	}
}

func (k *checker) address(path, text string) bool {
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil && strings.Contains(text, "/"):
		k.faultf(path, "leave the prefix length out, e.g. 10.0.0.1", "%q is a prefix, not an address", text)
	case err != nil:
		k.faultf(path, "write an IP address, e.g. 10.0.0.1", "%q is not an address", text)
	case addr.IsUnspecified() || addr.IsMulticast():
		k.faultf(path, "write the address of one machine", "%s is the address of no machine", text)
	default:
		return true
	}
	return false
}

func (k *checker) timing() {
	t := k.cfg.Timing
	k.within("timing.interval", t.Interval, 10*time.Millisecond, time.Minute)
	if t.Deadtime < 3*t.Interval {
		k.faultf("timing.deadtime", fmt.Sprintf("write %s or more", show(3*t.Interval.Std())),
			"%s is less than 3 intervals of %s: one late beat could kill a healthy node", show(t.Deadtime.Std()), show(t.Interval.Std()))
	} else {
		k.within("timing.deadtime", t.Deadtime, 0, 10*time.Minute)
	}
	if t.Warntime >= t.Deadtime {
		k.faultf("timing.warntime", "write less than "+show(t.Deadtime.Std()), "%s would warn after the node is declared dead (deadtime %s)", show(t.Warntime.Std()), show(t.Deadtime.Std()))
	} else if t.Warntime <= t.Interval {
		k.faultf("timing.warntime", "write more than "+show(t.Interval.Std()), "%s would warn of beats that are on time (interval %s)", show(t.Warntime.Std()), show(t.Interval.Std()))
	}
	if t.Initdead < t.Deadtime {
		k.faultf("timing.initdead", fmt.Sprintf("write %s or more", show(t.Deadtime.Std())), "%s is shorter than deadtime", show(t.Initdead.Std()))
	} else {
		k.within("timing.initdead", t.Initdead, 0, time.Hour)
	}
	k.within("timing.holdup", t.Holdup, 0, 10*time.Second)
	k.within("timing.analyse", t.Analyse, 10*time.Millisecond, 10*time.Second)
}

func (k *checker) pingGroup() {
	seen := map[string]int{}
	for i, a := range k.cfg.PingGroup {
		path := fmt.Sprintf("ping_group[%d]", i)
		if !k.address(path, a) {
			continue
		}
		if _, double := seen[a]; double {
			k.faultf(path, "list it once", "%s is listed twice", a)
		}
		seen[a] = i
		for _, n := range k.cfg.Nodes {
			if n.Address == a {
				k.faultf(path, "name something that both nodes reach: the gateway, the switch", "%s is node %s itself and proves nothing about its network", a, n.Name)
			}
		}
	}
}

func (k *checker) policy() {
	p := k.cfg.Policy
	k.within("policy.off_time", p.OffTime, time.Second, time.Hour)
	k.budget("policy.power_ons", p.PowerOns)
	if p.PowerOns.Max == 0 {
		k.faultf("policy.power_ons.max", "write 1 or more, or after_fence: off to leave fenced nodes off", "0 switches nothing on")
	}
	k.within("policy.isolation_time", p.IsolationTime, time.Second, time.Hour)
	k.within("policy.failback_after", p.FailbackAfter, time.Second, 24*time.Hour)
	if p.CarrierBeats < 0 || p.CarrierBeats > 10 {
		k.faultf("policy.carrier_beats", "write 1 to 10, or 0 to switch this evidence off", "%d is out of range", p.CarrierBeats)
	}
	k.onBattery("policy.on_battery", p.OnBattery)
}

func (k *checker) onBattery(path string, b OnBattery) {
	k.within(path+".standby_after", b.StandbyAfter, 0, 24*time.Hour)
	if b.LowCharge < 1 || b.LowCharge > 95 {
		k.faultf(path+".low_charge", "write 1 to 95", "%d %% is out of range", b.LowCharge)
	}
	k.within(path+".low_runtime", b.LowRuntime, time.Second, 24*time.Hour)
	k.within(path+".off_delay", b.OffDelay, time.Second, time.Hour)
	if b.Shutdown && b.OffDelay >= b.LowRuntime {
		k.faultf(path+".off_delay", "write less than "+show(b.LowRuntime.Std()), "a battery that is low could end before %s are over", show(b.OffDelay.Std()))
	}
	if b.Shutdown && len(b.Command) == 0 {
		k.fault(path+".command", "nothing says how to shut the host down", "write command: [systemctl, poweroff], or shutdown: false")
	}
}

// watchdog checks that a reset helps: it must come later than a silence that the
// peer forgives, and not later than a stop that works.
func (k *checker) watchdog() {
	w := k.cfg.Watchdog
	if w.Timeout == 0 {
		if _, wanted := k.cfg.places.at["watchdog"]; wanted {
			k.fault("watchdog.timeout", "this key is missing: there would be no watchdog", "write timeout: 10s, or leave watchdog out")
		}
		return
	}
	k.absolute("watchdog.device", w.Device)
	longest := Duration(0)
	for _, r := range k.cfg.Resources {
		if r.Mode != "active-active" {
			longest = max(longest, r.StopTimeout)
		}
	}
	switch {
	case w.Timeout.Std()%time.Second != 0:
		k.faultf("watchdog.timeout", "write whole seconds", "a watchdog cannot count %s", show(w.Timeout.Std()))
	case w.Timeout <= k.cfg.Timing.Deadtime:
		k.faultf("watchdog.timeout", "write more than "+show(k.cfg.Timing.Deadtime.Std()), "%s would reset a machine that its peer does not count as silent yet", show(w.Timeout.Std()))
	case longest > 0 && w.Timeout > longest:
		k.faultf("watchdog.timeout", fmt.Sprintf("write %s or less", show(longest.Std())),
			"%s is longer than every stop_timeout: a node that cannot stop would run on for longer than one that can", show(w.Timeout.Std()))
	default:
		k.within("watchdog.timeout", w.Timeout, time.Second, 5*time.Minute)
	}
}

func (k *checker) peer() {
	p := k.cfg.Peer
	if p.Port < 1 || p.Port > 65535 {
		k.faultf("peer.port", "write 1 to 65535", "%d is no port", p.Port)
	}
	k.absolute("peer.ca", p.CA)
	k.absolute("peer.certificate", p.Certificate)
	k.absolute("peer.private_key", p.PrivateKey)
}

func (k *checker) directories() {
	k.absolute("state_dir", k.cfg.StateDir)
	k.absolute("run_dir", k.cfg.RunDir)
	if k.cfg.StateDir == k.cfg.RunDir {
		k.faultf("run_dir", "write another directory, e.g. /run/storeward", "it is the same as state_dir, which must outlive a boot")
	}
}

func (k *checker) absolute(path, file string) {
	if !strings.HasPrefix(file, "/") {
		k.faultf(path, "write the whole path from /", "%q depends on where the daemon is started", file)
	}
}
