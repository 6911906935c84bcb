package findings

import (
	"fmt"
	"time"

	"github.com/storeward/storeward/core/api"
)

const (
	// clockDoubt is how far the two nodes' wall clocks may lie apart before their records are compared.
	clockDoubt = 3 * time.Second
	// aliveSamples are how many seconds of its own record prove that a silent node ran on.
	aliveSamples = 3
)

// death says why a node fell silent, as far as the signs before the fence order show.
func (d *drawer) death() {
	i := d.Incident
	if i.GetFailedNode() == "" || i.GetKind() != api.IncidentFailover && i.GetKind() != api.IncidentDegraded {
		return
	}
	if d.Signs.Power != No && d.ranOn() {
		return
	}
	c := d.cause()
	if evidence := d.silence(); c.kind == NodeUnreachable && len(c.evidence) == 0 {
		if len(evidence) == 0 {
			return // nobody says that it was silent
		}
		c.evidence = evidence
	}
	d.add(c.kind, critical, c.confidence, i.GetFailedNode()+" "+c.text, c.evidence...)
}

type cause struct {
	kind       string
	confidence float64
	text       string
	evidence   []string
}

// cause weighs the signs. Each row claims only what its signs exclude the alternatives of.
func (d *drawer) cause() cause {
	s := d.Signs
	reached := s.ICMP == Yes || s.ARP == Yes
	mute := !reached && s.Services != Yes && (s.ICMP == No || s.ARP == No)
	switch {
	case s.Power == No:
		return cause{NodePowerLost, .95, "lost its power: its supply was read off before any order", d.signs("power")}
	case s.Services == Yes:
		return cause{NodeDaemonSilent, .85, "runs: its services answer; only its Storeward is silent", d.signs("services")}
	case reached && s.Services == No:
		return cause{NodeHung, .8, "hangs: its network answers, its services and its Storeward do not", d.signs("icmp", "arp", "services")}
	case reached:
		return cause{NodeHung, .6, "hangs or its Storeward died: its network answers, and it sends no beats", d.signs("icmp", "arp")}
	case mute && s.Power == Yes && s.Carrier == No:
		return cause{NodePowerLost, .6, "is dark although its supply is on: its own power unit or the cord to it", d.signs("power", "carrier", "icmp", "arp")}
	case mute && s.Power == Yes && s.Carrier == Yes:
		return cause{NodeHung, .75, "hangs: it has power and a carrier, and answers nothing", d.signs("power", "carrier", "icmp", "arp", "services")}
	case mute && s.Power == Yes:
		return cause{NodeHung, .5, "has power and answers nothing: it hangs, or it is dark behind its supply", d.signs("power", "icmp", "arp", "services")}
	case mute && s.Carrier == No:
		return cause{NodePowerLost, .7, "lost its power: it answers nothing and its end of the direct cable is dark", d.signs("carrier", "icmp", "arp")}
	case mute && s.Carrier == Yes:
		return cause{NodeHung, .6, "hangs: its end of the direct cable is lit, and it answers nothing", d.signs("carrier", "icmp", "arp")}
	case mute:
		return cause{NodeUnreachable, .9, "answers nothing; whether it lost its power or hangs is not shown", d.signs("icmp", "arp", "services")}
	}
	return cause{NodeUnreachable, .9, "fell silent on every link; nothing else is known of it", nil}
}

// signs names those of the signs that are known.
func (d *drawer) signs(names ...string) []string {
	var evidence []string
	for _, name := range names {
		answer := map[string]Answer{
			"power": d.Signs.Power, "carrier": d.Signs.Carrier, "icmp": d.Signs.ICMP,
			"arp": d.Signs.ARP, "services": d.Signs.Services,
		}[name]
		switch answer {
		case Yes:
			evidence = append(evidence, "signs/"+name+"=yes")
		case No:
			evidence = append(evidence, "signs/"+name+"=no")
		case Unknown:
		}
	}
	return evidence
}

// silence names what says that the node fell silent.
func (d *drawer) silence() []string {
	var evidence []string
	for _, t := range d.Incident.GetTimeline() {
		if t.GetKind() == api.KindPeerSilent {
			evidence = append(evidence, "timeline/"+t.GetKind())
			break
		}
	}
	for _, p := range d.Incident.GetPhases() {
		if p.GetName() == "detect" {
			evidence = append(evidence, "phases/detect")
		}
	}
	return evidence
}

// ranOn finds in the failed node's own record that it ran on while its peer heard
// nothing of it: then the network failed, not the node.
func (d *drawer) ranOn() bool {
	opened := d.Incident.GetOpened().AsTime()
	for _, s := range d.Incident.GetSnapshots() {
		if s.GetNode() != d.Incident.GetFailedNode() || s.GetSource() != "self" {
			continue
		}
		if last := lastWithoutGap(s.GetFlight(), opened); last.Sub(opened) >= clockDoubt+aliveSamples*time.Second {
			d.add(NodeIsolated, critical, .8,
				fmt.Sprintf("%s ran on for at least %s while nothing of it was heard: its network failed, not the node", s.GetNode(), seconds((last.Sub(opened)-clockDoubt).Seconds())),
				path(s, "flight"))
			return true
		}
	}
	return false
}

// lastWithoutGap follows a record across a moment, as long as no sample is more than
// clockDoubt after the one before, and returns its last time; the zero time if the
// record does not cover the moment.
func lastWithoutGap(samples []*api.Sample, moment time.Time) time.Time {
	var last time.Time
	for _, s := range samples {
		at := s.GetTime().AsTime()
		if at.After(moment) && (last.IsZero() || at.Sub(last) > clockDoubt) {
			break
		}
		last = at
	}
	if last.Before(moment) {
		return time.Time{}
	}
	return last
}

// redundancy says that the store runs on one node.
func (d *drawer) redundancy() {
	i := d.Incident
	if i.GetFailedNode() == "" || i.GetSurvivor() == "" || i.GetRedundant() != nil || i.GetClosed() != nil {
		return
	}
	tookOver := i.GetKind() == api.IncidentFailover && i.GetRecoverySeconds() > 0
	if tookOver || i.GetKind() == api.IncidentDegraded {
		d.add(SingleNode, minor, 1, fmt.Sprintf("the store runs on %s alone until %s is back", i.GetSurvivor(), i.GetFailedNode()), "incident/failed_node")
	}
}

// lateFor is how long before a failure late beats may tell of what led to it.
const lateFor = 15 * time.Second

// lateness finds late beats in the record just before the failure.
func (d *drawer) lateness() {
	if d.Warntime <= 0 || d.Incident.GetFailedNode() == "" {
		return
	}
	opened := d.Incident.GetOpened().AsTime()
	worst, peak := map[string]float64{}, d.Warntime.Seconds()
	for _, s := range d.Incident.GetSnapshots() {
		if s.GetNode() == d.Incident.GetFailedNode() {
			continue
		}
		for _, sample := range s.GetFlight() {
			if at := sample.GetTime().AsTime(); !at.Before(opened) || at.Before(opened.Add(-lateFor)) {
				continue
			}
			for name, value := range sample.GetValues() {
				link, ok := between(name, "link/", "/lateness_seconds")
				if !ok {
					link, ok = between(name, "link.", ".lateness_seconds")
				}
				if ok && value > peak {
					worst[link] = max(worst[link], value)
				}
			}
		}
		for _, link := range sortedKeys(worst) {
			d.add(BeatsLate, warning, .9,
				fmt.Sprintf("before the failure beats on link %s came up to %s late: load on a node, or a bad line", link, seconds(worst[link])),
				"flight/"+s.GetNode()+"/link/"+link+"/lateness_seconds")
		}
		clear(worst)
	}
}

// configuration finds two nodes that do not run the same configuration.
func (d *drawer) configuration() {
	digests := map[string]string{}
	for _, s := range d.Incident.GetSnapshots() {
		if digest := s.GetStatus().GetConfigurationDigest(); digest != "" {
			digests[s.GetNode()] = digest
		}
	}
	nodes := sortedKeys(digests)
	if len(nodes) == 2 && digests[nodes[0]] != digests[nodes[1]] {
		d.add(ConfigDiffers, minor, 1, "the nodes run different configurations: every time is the longer of the two",
			"snapshot/"+nodes[0]+"/status/configuration_digest", "snapshot/"+nodes[1]+"/status/configuration_digest")
	}
}
