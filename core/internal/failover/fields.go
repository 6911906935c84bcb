package failover

import (
	"fmt"
	"strconv"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// This file holds the fields of every type with a text form: the one place that
// both writes and reads them.

func (e *BeatHeard) fields(f *form) {
	f.text("on", &e.Link)
	f.span("taken", &e.Taken)
	beatFields(f, &e.Beat)
}

func beatFields(f *form, b *beat.Beat) {
	f.text("cluster", &b.Cluster)
	f.text("from", &b.Node)
	f.id("inc", &b.Incarnation)
	f.text("boot", &b.KernelBoot)
	f.uint("seq", &b.Sequence)
	f.wall("wall", &b.Wall)
	f.span("sent", &b.Sent)
	f.uint("gen", &b.Generation)
	f.uint("last", &b.LastActive)
	oneOf(f, "role", &b.Role, beat.RoleNames)
	f.yes("ready", &b.Ready)
	f.yes("insync", &b.InSync)
	f.yes("alone", &b.Alone)
	f.yes("cutme", &b.CutMe)
	f.yes("ordering", &b.Ordering)
	f.yes("blocked", &b.Blocked)
	f.yes("removed", &b.Removed)
	f.yes("drill", &b.Drill)
	oneOf(f, "ping", &b.PingGroup, beat.TriNames)
	f.span("silent", &b.SilentFor)
	f.span("grace", &b.Grace)
	f.span("giving", &b.GivingFor)
	f.span("counts", &b.CountsFor)
	f.span("interval", &b.Interval)
	f.span("deadtime", &b.Deadtime)
	f.spans("lives", &b.OrderLives)
	f.spans("peer-lives", &b.PeerLives)
	f.uint("digest", &b.Digest)
	f.grant("grant", &b.Grant)
	f.grant("refused", &b.Refused)
	joined(f, "echo", &b.Echoes, writeEcho, readEcho)
	joined(f, "layers", &b.Layers, writeLayer, readLayer)
	f.uint("epoch", &b.Modes.Epoch)
	joined(f, "modes", &b.Modes.Set, writeMode, readMode)
}

func writeEcho(e beat.Echo) string {
	return e.Link + ":" + e.Incarnation.String() + ":" + itoa(e.Sequence) + ":" + e.Sent.String() + ":" + e.Age.String()
}

func readEcho(s string) (e beat.Echo, err error) {
	p, err := parts(s, 5)
	if err != nil {
		return e, err
	}
	e.Link = p[0]
	if e.Incarnation, err = parseID(p[1]); err != nil {
		return e, err
	}
	if e.Sequence, err = strconv.ParseUint(p[2], 10, 64); err != nil {
		return e, err
	}
	if e.Sent, err = time.ParseDuration(p[3]); err != nil {
		return e, err
	}
	e.Age, err = time.ParseDuration(p[4])
	return e, err
}

func writeLayer(l beat.Layer) string { return l.Name + ":" + l.Health.String() }

func readLayer(s string) (l beat.Layer, err error) {
	p, err := parts(s, 2)
	if err != nil {
		return l, err
	}
	l.Name = p[0]
	l.Health, err = parseWord[beat.Health](p[1], beat.HealthNames)
	return l, err
}

func writeMode(o beat.Mode) string { return o.Kind.String() + ":" + o.Name + ":" + o.Left.String() }

func readMode(s string) (o beat.Mode, err error) {
	p, err := parts(s, 3)
	if err != nil {
		return o, err
	}
	if o.Kind, err = parseWord[beat.ModeKind](p[0], beat.ModeNames); err != nil {
		return o, err
	}
	o.Name = p[1]
	o.Left, err = time.ParseDuration(p[2])
	return o, err
}

func (e *SignOfLife) fields(f *form) {
	f.text("on", &e.Link)
	f.span("taken", &e.Taken)
	f.uint("version", &e.Version)
}

func (e *LinkState) fields(f *form) {
	f.text("name", &e.Link)
	oneOf(f, "health", &e.Health, beat.HealthNames)
	oneOf(f, "carrier", &e.Carrier, beat.TriNames)
	f.span("taken", &e.Taken)
}

func (e *PingGroup) fields(f *form) {
	oneOf(f, "reachable", &e.Reachable, beat.TriNames)
	f.span("asked", &e.Asked)
}

func (e *Analysis) fields(f *form) {
	f.text("id", &e.ID)
	f.span("asked", &e.Asked)
	oneOf(f, "ping", &e.PingGroup, beat.TriNames)
	oneOf(f, "icmp", &e.ICMP, beat.TriNames)
	oneOf(f, "arp", &e.ARP, beat.TriNames)
	oneOf(f, "services", &e.Services, beat.TriNames)
	oneOf(f, "service", &e.Service, beat.TriNames)
	f.yes("final", &e.Final)
}

func (e *FenceAnswer) fields(f *form) {
	f.text("id", &e.ID)
	f.text("device", &e.Device)
	field(f, "power", &e.Power, powerWord, readPower)
	f.span("taken", &e.Taken)
	f.text("err", &e.Err)
	oneOf(f, "on-battery", &e.OnBattery, beat.TriNames)
	oneOf(f, "battery-low", &e.BatteryLow, beat.TriNames)
	f.int("charge", &e.Charge)
	f.span("runtime", &e.Runtime)
}

func powerWord(t beat.Tri) string { return map[beat.Tri]string{beat.Yes: "on", beat.No: "off"}[t] }

func readPower(s string) (beat.Tri, error) {
	switch s {
	case "on":
		return beat.Yes, nil
	case "off":
		return beat.No, nil
	case "unknown":
		return beat.Unknown, nil
	}
	return beat.Unknown, fmt.Errorf("want on, off or unknown")
}

func (e *ActionDone) fields(f *form) {
	f.text("id", &e.ID)
	f.int("pid", &e.PID)
	f.text("err", &e.Err)
}

func (e *ResourceState) fields(f *form) {
	f.text("id", &e.ID)
	f.text("name", &e.Resource)
	oneOf(f, "running", &e.Running, beat.TriNames)
	oneOf(f, "promoted", &e.Promoted, beat.TriNames)
	oneOf(f, "health", &e.Health, beat.HealthNames)
	f.int("pid", &e.PID)
	f.text("message", &e.Message)
}

func (e *ServiceProbe) fields(f *form) {
	f.text("id", &e.ID)
	oneOf(f, "health", &e.Health, beat.HealthNames)
	f.span("asked", &e.Asked)
}

func (e *Command) fields(f *form) {
	f.text("id", &e.ID)
	oneOf(f, "verb", &e.Verb, verbNames)
	f.text("name", &e.Name)
	f.uint("gen", &e.Generation)
	f.span("for", &e.For)
	f.text("operator", &e.Operator)
	f.yes("open", &e.Open)
	f.yes("anyway", &e.Anyway)
}

func (e *Persisted) fields(f *form) {
	f.text("id", &e.ID)
	f.text("err", &e.Err)
}

func (e *PolicyChanged) fields(f *form) { e.Policy.fields(f) }

func (e *Late) fields(f *form) { f.span("by", &e.By) }

func (b *Boot) fields(f *form) {
	f.id("inc", &b.Incarnation)
	f.text("kernel", &b.KernelBoot)
	f.yes("lost", &b.JournalLost)
	f.yes("fresh", &b.Fresh)
	f.words("left", &b.Left)
}

func (s *State) fields(f *form) {
	f.uint("gen", &s.Generation)
	f.uint("last", &s.LastActive)
	f.yes("active", &s.Active)
	f.text("kernel", &s.KernelBoot)
	f.yes("lost", &s.Lost)
	f.span("clock", &s.Clock)
	f.uint("epoch", &s.Modes.Epoch)
	joined(f, "modes", &s.Modes.Set, writeMode, readMode)
	f.spans("cuts", &s.Cuts)
	f.words("owed", &s.Owed)
	f.words("presumed", &s.Presumed)
	f.words("switched-on", &s.SwitchedOn)
	f.spans("lives", &s.OrderLives)
	f.spans("peer-lives", &s.PeerLives)
	f.span("on-due", &s.OnDue)
	f.text("reset-in", &s.ResetIn)
	f.words("left", &s.Left)
	f.yes("alone", &s.Alone)
	f.yes("peer-outdated", &s.PeerOutdated)
}

func (p *Policy) fields(f *form) {
	f.text("cluster", &p.Cluster)
	f.text("self", &p.Self)
	f.text("peer", &p.Peer)
	f.yes("primary", &p.Primary)
	f.uint("digest", &p.Digest)
	f.span("interval", &p.Interval)
	f.span("warntime", &p.Warntime)
	f.span("deadtime", &p.Deadtime)
	f.span("initdead", &p.Initdead)
	f.span("holdup", &p.Holdup)
	f.span("analyse", &p.Analyse)
	f.int("carrier-beats", &p.CarrierBeats)
	f.yes("cycle", &p.Cycle)
	f.span("off-time", &p.OffTime)
	f.int("power-ons", &p.PowerOns.Max)
	f.span("power-ons-within", &p.PowerOns.Within)
	f.yes("isolation-stop", &p.IsolationStop)
	f.span("isolation-time", &p.IsolationTime)
	f.yes("failback-auto", &p.FailbackAuto)
	f.span("failback-after", &p.FailbackAfter)
	f.yes("verify", &p.Verify)
	f.yes("watchdog", &p.Watchdog)
	f.span("standby-after", &p.OnBattery.StandbyAfter)
	f.int("low-charge", &p.OnBattery.LowCharge)
	f.span("low-runtime", &p.OnBattery.LowRuntime)
	f.yes("shutdown", &p.OnBattery.Shutdown)
	each(f, "link", &p.Links, linkFields)
	each(f, "device", &p.Devices, deviceFields)
	each(f, "resource", &p.Resources, resourceFields)
}

func linkFields(f *form, l *Link) {
	f.text("name", &l.Name)
	f.yes("direct", &l.Direct)
}

func deviceFields(f *form, d *Device) {
	f.text("name", &d.Name)
	f.words("feeds", &d.Feeds)
	f.int("level", &d.Level)
	f.span("life", &d.Life)
	f.span("measured", &d.Measured)
	f.yes("proven", &d.Proven)
}

func resourceFields(f *form, r *Resource) {
	f.text("name", &r.Name)
	f.text("layer", &r.Layer)
	f.yes("active-active", &r.ActiveActive)
	f.yes("warm", &r.Warm)
	f.words("after", &r.After)
	f.span("start", &r.StartTimeout)
	f.span("stop", &r.StopTimeout)
	f.span("monitor", &r.MonitorTimeout)
	f.int("failures-to-down", &r.FailuresToDown)
	f.int("restarts", &r.Restarts.Max)
	f.span("restarts-within", &r.Restarts.Within)
	f.yes("failover", &r.Failover)
	f.int("failovers", &r.Failovers.Max)
	f.span("failovers-within", &r.Failovers.Within)
	f.yes("fence-on-stop", &r.FenceOnStop)
}
