package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/schedule"
)

// reservedProbes are the instances that the core makes itself.
var reservedProbes = []string{"ping-group", "peer-icmp", "peer-arp", "peer-services"}

func (k *checker) plugin(path, name string) {
	if name != "" && !plainName.MatchString(name) {
		k.faultf(path+".plugin", "use the plugin's name as storeward-plugins list shows it", "%q is no plugin's name", name)
	}
}

// section checks that each node's own values are keys below its name.
func (k *checker) section(path string, s Section) {
	list, _ := pairs(s.node)
	for _, pair := range list {
		key := keyText(pair)
		if k.cfg.Node(key) == nil || isNull(pair.Value) {
			continue
		}
		if _, ok := pairs(pair.Value); !ok {
			f := k.cfg.places.fault(join(path+".with", key), "this is "+describe(pair.Value),
				"write the keys that differ on node "+key+" below it")
			at := pair.Key.GetToken().Position
			f.Line, f.Column = at.Line, at.Column
			k.faults = append(k.faults, f)
		}
	}
}

func (k *checker) links() {
	seen := map[string]int{}
	for i, l := range k.cfg.Links {
		path := fmt.Sprintf("links[%d]", i)
		k.name("links", i, l.Name, seen)
		k.plugin(path, l.Plugin)
		k.section(path, l.With)
	}
}

func (k *checker) fencing() {
	seen := map[string]int{}
	for i, f := range k.cfg.Fencing {
		path := fmt.Sprintf("fencing[%d]", i)
		k.name("fencing", i, f.Name, seen)
		k.plugin(path, f.Plugin)
		k.section(path, f.With)
		k.feeds(path, f)
		k.within(path+".order_life", f.OrderLife, 10*time.Millisecond, 5*time.Minute)
		k.within(path+".monitor", f.Monitor, time.Second, time.Hour)
	}
	k.levels()
}

// mostLevels bounds a topology.
const mostLevels = 9

// levels checks that each node's levels are counted from 1 without a gap.
func (k *checker) levels() {
	has := map[string]map[int]bool{}
	for _, f := range k.cfg.Fencing {
		for _, node := range f.Feeds {
			if has[node] == nil {
				has[node] = map[int]bool{}
			}
			has[node][f.Level] = true
		}
	}
	for i, f := range k.cfg.Fencing {
		path := fmt.Sprintf("fencing[%d].level", i)
		if f.Level < 1 || f.Level > mostLevels {
			k.faultf(path, fmt.Sprintf("write 1 to %d, 1 for what is tried first", mostLevels), "%d is no level", f.Level)
			continue
		}
		for _, node := range f.Feeds {
			if f.Level > 1 && !has[node][f.Level-1] {
				k.faultf(path, "count the levels without a gap", "nothing that feeds %s has level %d", node, f.Level-1)
			}
		}
	}
}

// feeds checks that a device powers one known node: one that feeds both would cut whoever uses it.
func (k *checker) feeds(path string, f FenceDevice) {
	distinct := map[string]bool{}
	for j, node := range f.Feeds {
		at := fmt.Sprintf("%s.feeds[%d]", path, j)
		if k.cfg.Node(node) == nil {
			k.faultf(at, Suggest(node, k.cfg.nodeNames()), "there is no node %q", node)
			continue
		}
		if distinct[node] {
			k.faultf(at, "name it once", "node %s is named twice", node)
		}
		distinct[node] = true
	}
	if len(distinct) > 1 {
		k.faultf(path+".feeds", "use a device, or a declared outlet of it, for each node", "this device feeds both nodes: whoever used it would cut itself")
	}
}

func (k *checker) resources() {
	names := make([]string, len(k.cfg.Resources))
	for i, r := range k.cfg.Resources {
		names[i] = r.Name
	}
	seen := map[string]int{}
	for i, r := range k.cfg.Resources {
		path := fmt.Sprintf("resources[%d]", i)
		k.name("resources", i, r.Name, seen)
		k.plugin(path, r.Plugin)
		k.section(path, r.With)
		k.within(path+".start_timeout", r.StartTimeout, 10*time.Millisecond, time.Hour)
		k.within(path+".stop_timeout", r.StopTimeout, 10*time.Millisecond, time.Hour)
		k.within(path+".monitor_every", r.MonitorEvery, 100*time.Millisecond, time.Hour)
		k.within(path+".monitor_timeout", r.MonitorTimeout, 10*time.Millisecond, time.Hour)
		k.warm(path, r)
		if r.FailuresToDown < 1 {
			k.faultf(path+".failures_to_down", "write 1 or more", "%d would find a healthy resource dead", r.FailuresToDown)
		}
		k.budget(path+".restarts", r.Restarts)
		k.budget(path+".failovers", r.Failovers)
		for j, after := range r.After {
			at := fmt.Sprintf("%s.after[%d]", path, j)
			switch {
			case after == r.Name:
				k.faultf(at, "take it out", "resource %s cannot start after itself", after)
			case !slices.Contains(names, after):
				k.faultf(at, Suggest(after, names), "there is no resource %q", after)
			}
		}
	}
}

// cold are the layers that are the data, or the way to them: what starts them on the standby touches them.
var cold = []string{"address", "storage", "queue"}

// warm refuses a warm start that could break the rule of one active node. Whether
// the plugin can promote is asked of the plugin.
func (k *checker) warm(path string, r Resource) {
	switch {
	case !r.Warm:
	case r.Mode == "active-active":
		k.fault(path+".warm", "an active-active resource runs on both nodes anyway", "take it out, or write mode: active-standby")
	case slices.Contains(cold, r.Layer):
		k.faultf(path+".warm", "take it out", "a resource of layer %s touches what only the active node may have", r.Layer)
	}
}

func (k *checker) budget(path string, b Budget) {
	if b.Max < 0 {
		k.faultf(path+".max", "write 0 or more", "%d is no number of times", b.Max)
	}
	if b.Max > 0 {
		k.within(path+".within", b.Within, time.Second, 30*24*time.Hour)
	}
}

// order refuses resources that wait for each other in a circle, each circle once.
func (k *checker) order() {
	const (
		unseen = iota
		open
		done
	)
	index := map[string]int{}
	for i, r := range k.cfg.Resources {
		index[r.Name] = i
	}
	state := make([]int, len(k.cfg.Resources))
	var trail []string
	var visit func(i int)
	visit = func(i int) {
		r := k.cfg.Resources[i]
		state[i] = open
		trail = append(trail, r.Name)
		for _, after := range r.After {
			next, known := index[after]
			switch {
			case !known || after == r.Name:
			case state[next] == open:
				circle := append(slices.Clone(trail[slices.Index(trail, after):]), after)
				k.faultf(fmt.Sprintf("resources[%d].after", i), "take one of them out", "resources wait for each other: %s", strings.Join(circle, " after "))
			case state[next] == unseen:
				visit(next)
			}
		}
		trail = trail[:len(trail)-1]
		state[i] = done
	}
	for i := range k.cfg.Resources {
		if state[i] == unseen {
			visit(i)
		}
	}
}

func (k *checker) probes() {
	seen := map[string]int{}
	for i, p := range k.cfg.Probes {
		path := fmt.Sprintf("probes[%d]", i)
		k.name("probes", i, p.Name, seen)
		k.plugin(path, p.Plugin)
		k.section(path, p.With)
		if slices.Contains(reservedProbes, p.Name) {
			k.faultf(path+".name", "choose another", "%s is a probe that every node has by itself", p.Name)
		}
		k.when(path, p)
		k.within(path+".timeout", p.Timeout, 10*time.Millisecond, 10*time.Minute)
		if p.Verify && p.On == "standby" {
			k.faultf(path+".on", "write active or both", "a probe that verifies the service must run where the service may be")
		}
	}
}

// when checks that exactly one of every and cron says when the probe runs.
func (k *checker) when(path string, p Probe) {
	switch {
	case p.Every == 0 && p.Cron == "":
		k.fault(path, "nothing says when this probe runs", `add every: 10s, or cron: "*/5 8-20 * * 1-6"`)
	case p.Every != 0 && p.Cron != "":
		k.fault(path+".cron", "every is set too", "keep one of every and cron")
	case p.Cron != "":
		if _, err := schedule.ParseCron(p.Cron); err != nil {
			k.faultf(path+".cron", `write minute, hour, day of month, month, day of week, e.g. "*/5 8-20 * * 1-6"`, "%v", err)
		}
	default:
		k.within(path+".every", p.Every, 100*time.Millisecond, 24*time.Hour)
	}
}

// aYearOfHours is how many drills are looked at: each of an hourly schedule's in a year.
const aYearOfHours = 366 * 24

// drills checks the schedule, and that the policy would not refuse what is due.
func (k *checker) drills() {
	d := k.cfg.Drills
	hours, err := schedule.ParseHours(d.OpeningHours)
	if err != nil {
		k.faultf("drills.opening_hours", `write days and times, e.g. "mon-sat 08:00-20:00"`, "%v", err)
	}
	if d.Cron == "" {
		return
	}
	cron, err := schedule.ParseCron(d.Cron)
	if err != nil {
		k.faultf("drills.cron", `write minute, hour, day of month, month, day of week, e.g. "30 4 * * 2"`, "%v", err)
		return
	}
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) // any year: the next one has the same weeks
	for range aYearOfHours {
		if at = cron.Next(at); at.IsZero() {
			return
		}
		if hours.Open(at) {
			k.faultf("drills.cron", "name a time at which it is closed", "on a %s the store is open: that drill would be refused", at.Format("Monday at 15:04"))
			return
		}
	}
}

func (k *checker) report() {
	r := k.cfg.Report
	seen := map[string]int{}
	for i, c := range r.Consoles {
		path := fmt.Sprintf("report.consoles[%d]", i)
		k.name("report.consoles", i, c.Name, seen)
		k.url(path+".url", c.URL, "tls://console.example:4222", "tls")
		for _, file := range [][2]string{{"ca", c.CA}, {"certificate", c.Certificate}, {"private_key", c.PrivateKey}} {
			if file[1] != "" {
				k.absolute(join(path, file[0]), file[1])
			}
		}
	}
	seen = map[string]int{}
	for i, s := range r.Influx {
		k.name("report.influx", i, s.Name, seen)
		k.url(fmt.Sprintf("report.influx[%d].url", i), s.URL, "http://10.0.0.20:8428", "http", "https")
	}
	for i, t := range r.Traps {
		if t.Address != "" {
			k.hostPort(fmt.Sprintf("report.traps[%d].address", i), t.Address)
		}
	}
	k.within("report.points_every", r.PointsEvery, time.Second, time.Hour)
	if r.OutboxBytes < 1<<20 {
		k.faultf("report.outbox_bytes", "write 1048576 or more", "%d bytes hold no report", r.OutboxBytes)
	}
}

func (k *checker) url(path string, text URL, example string, schemes ...string) {
	if text == "" {
		return
	}
	u, err := url.Parse(string(text))
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		k.faultf(path, "write "+strings.Join(schemes, ":// or ")+"://HOST:PORT, e.g. "+example, "%q is no address for this", text)
	}
}

func (k *checker) hostPort(path, text string) {
	host, port, err := net.SplitHostPort(text)
	number, bad := strconv.Atoi(port)
	if err != nil || host == "" || bad != nil || number < 1 || number > 65535 {
		k.faultf(path, "write HOST:PORT, e.g. 10.0.0.1:22", "%q is no host and port", text)
	}
}
