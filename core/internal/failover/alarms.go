package failover

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// provePatience is how long after the start a device may be unproven without an alarm.
const provePatience = time.Minute

// weighCondition raises and clears alarms: each is recomputed from the facts,
// the difference to the last plan is what is told.
func (m *Machine) weighCondition() {
	m.touched = m.touched[:0]
	for range m.standing {
		m.touched = append(m.touched, false)
	}
	m.clusterAlarms()
	m.nodeAlarms()
	m.linkAlarms()
	m.deviceAlarms()
	m.resourceAlarms()
	m.modeAlarms()
	for i := len(m.touched) - 1; i >= 0; i-- {
		if !m.touched[i] {
			m.plan.Cleared = append(m.plan.Cleared, m.standing[i])
			m.standing = slices.Delete(m.standing, i, i+1)
		}
	}
}

// alarm says that a condition holds. Its text is made when it begins.
func (m *Machine) alarm(holds bool, object, key string, severity Severity, text ...string) {
	if !holds {
		return
	}
	for i := range m.standing {
		if a := &m.standing[i]; a.Object == object && a.Key == key && a.Severity == severity {
			if i < len(m.touched) {
				m.touched[i] = true
			}
			return
		}
	}
	a := Alarm{Object: object, Key: key, Severity: severity, Text: strings.Join(text, "")}
	m.standing = append(m.standing, a)
	m.plan.Raised = append(m.plan.Raised, a)
}

// toldSilent: the peer is silent, or an alarm that says so stands and nothing was heard since.
// That this node waits anew (S9) is no news of the peer.
func (m *Machine) toldSilent(key string) bool {
	q := &m.quiet
	return q.silent || !q.receiving && !q.strange && slices.ContainsFunc(m.standing, func(a Alarm) bool {
		return a.Object == m.object.peer && a.Key == key
	})
}

// clusterAlarms are about the pair: service and redundancy.
func (m *Machine) clusterAlarms() {
	q, p := &m.quiet, &m.peer
	peer := m.p.Peer
	alone := m.active() && m.state.Alone // it was off, and was not heard since
	planned := m.awaited() && (m.now < p.grace || m.peerRests())
	m.alarm(m.toldSilent("away") && planned, m.object.peer, "away", Minor, peer, " announced its silence")
	unserved := m.toldSilent("unserved") && planned && !q.off && !m.active() && m.mains.rest == awake && !m.serves() // who is awake, and knows no more, serves nothing
	m.alarm(unserved, m.object.peer, "unserved", Critical, "no node is active: ", peer, " announced its silence and is not back, its power was not read off, and it is not cut")
	m.alarm(m.toldSilent("silent") && !q.off && !alone && !planned, m.object.peer, "silent", Critical, "nothing is heard of ", peer, " and its power was not read off")
	doubt := m.toldSilent("turns-in-doubt") && !q.off && !alone && !planned && m.inDoubt() && len(m.topology.orderable) > 0
	m.alarm(doubt, m.object.peer, "turns-in-doubt", Critical, peer, " fell silent before it acknowledged a start, a return, a configuration or an order life: it is not cut unless an operator says so (storewardctl fence)")
	removed := m.removed(peer) // the mode's own alarm says enough
	m.alarm(m.toldSilent("not-back") && !q.off && alone && !removed, m.object.peer, "not-back", Major, peer, " was off and is not heard yet")
	m.alarm(q.silent && q.off && !removed, m.object.peer, "off", Major, peer, " is off")
	m.alarm(!q.heard && m.staysOff(), m.object.peer, "stays-off", Critical, peer, " was cut too often and is left off")
	m.idleAlarm()
	m.alarm(m.active() && m.peerServes(), m.object.self, "dual-active", Critical, "both nodes say that they are active")
	meant := m.modeOf(beat.Maintenance, "") != nil || m.modeOf(beat.ModeStandby, peer) != nil || removed
	if meant || !m.active() || !q.heardBoth(p) || p.b.Ready && !p.b.Blocked || p.b.Ordering || m.now < p.grace || p.b.Role == beat.Joining || p.b.Role == beat.Active {
		m.unready = m.now
	}
	unable := " could not take over"
	if p.b.Ready {
		unable = " takes over only if it must: what is blocked there wants a cleanup"
	}
	m.alarm(m.reached(m.unready+m.dead()), m.object.peer, "not-ready", Major, peer, unable)
	if q.strange {
		severity, then := Critical, ": nobody is cut, and nobody takes over"
		if m.active() || m.serves() {
			severity, then = Major, ": the pair is whole again when both run the same version"
		}
		m.alarm(true, m.object.peer, "other-version", severity, m.strangeness(), then)
	}
	if m.digestsDiffer() {
		m.alarm(q.receiving, m.object.peer, "configuration-differs", Warning, "the nodes run different configurations: ", m.p.Self, " ", digestText(m.p.Digest), ", ", peer, " ", digestText(p.b.Digest))
	}
}

// idleAlarm: both nodes are heard, and neither is active. A change of the active role
// takes a moment; changes that follow each other without end bring no service.
func (m *Machine) idleAlarm() {
	served := m.active() || m.quiet.receiving && m.peer.b.Role == beat.Active
	changing := m.taking.kind != notTaking || m.given.Generation > 0 || m.giving.kind != notGiving
	if served || !m.quiet.heard || !m.adopted {
		m.idle = m.now
	}
	if changing {
		m.calm = m.now
	}
	patience := 5 * m.dead()
	idle, endless := m.reached(max(m.idle, m.calm)+patience), m.reached(m.idle+patience+keepPatience)
	why := "a change of the active role does not come to its end"
	if idle {
		why = cmp.Or(m.lacks(), m.peerUnfit(), "neither is ready")
	}
	m.alarm(idle || endless, m.object.self, "no-active", Critical, "no node is active: ", why)
}

func (m *Machine) nodeAlarms() {
	self := m.object.self
	m.alarm(m.quiet.blind && m.reached(m.quiet.blindAt+m.dead()), self, "blind", Major, "no link works: nothing can be said about ", m.p.Peer)
	isolated := m.ping.dead && (!m.ping.said || m.quiet.heard && m.peer.pingYes > 0)
	m.alarm(isolated, self, "isolated", Major, "the ping group does not answer")
	m.alarm(m.ping.dead && !isolated, self, "ping-group-dead", Warning, "the ping group does not answer although links are well")
	m.alarm(m.store.failed, self, "state-not-saved", Critical, "the state could not be saved")
	m.alarm(m.state.Lost, self, "journal-lost", Critical, "the journal is lost: nothing new is started before this node agreed with its peer")
	m.alarm(m.cutMe, self, "cut-me", Critical, "a resource did not stop: this node asks to be cut")
	m.alarm(m.cannotKeep() || m.lacksRight(), self, "cannot-keep", Critical, "it cannot be saved who is to be active: this node asks to be cut")
	m.alarm(m.role == beat.Stopped, self, "removed", Major, "this node is removed and takes no part")
	m.alarm(m.quiet.silent && m.serves() && !m.active(), m.object.peer, "daemon-silent", Critical, m.p.Peer, " is silent but the service answers: it is not cut")
	w := &m.mains
	m.alarm(w.lost > 0, self, "on-battery", Major, "both nodes run on battery")
	m.alarm(w.rest != awake, self, "rests", Major, "this node rests: ", w.rest.String())
	m.alarm(w.failed != "", self, "not-shut-down", Minor, "the host is not shut down: ", w.failed)
	m.alarm(m.active() && m.batteryLow() && m.mayGive() != "", self, "battery-low", Critical, "the battery is low and this node serves on: ", m.mayGive())
	m.alarm(m.resetting, self, "resets", Critical, "this node resets itself")
	v := &m.verify
	m.alarm(v.late && m.failover.Done == 0, self, "unverified", Critical, "the service does not answer through the virtual IP after a takeover")
}

func (m *Machine) linkAlarms() {
	dead := m.dead()
	for i := range m.links {
		l := &m.links[i]
		age := m.now - l.takenAt
		m.alarm(l.health == beat.HealthUnknown && m.reached(max(m.began, l.unknownAt)+dead), m.object.links[i], "unknown", Minor, "link ", l.name, " tells nothing: its plugin does not answer")
		down := l.health != beat.HealthUnknown && m.quiet.receiving && (l.takenAt == 0 || age >= dead) && m.reached(m.quiet.steady+2*dead)
		m.alarm(down, m.object.links[i], "down", Major, "no beats on link ", l.name)
		late := m.p.Warntime > 0 && l.heard > 0 && age >= m.p.Warntime && age < dead
		m.alarm(late, m.object.links[i], "late", Warning, "beats on link ", l.name, " are late")
		if l.heard > 0 {
			m.wakeAt(l.takenAt + m.p.Warntime)
		}
	}
}

func (m *Machine) deviceAlarms() {
	for i := range m.devices {
		d := &m.devices[i]
		object := m.object.devices[i]
		m.alarm(d.feedsPeer && d.feedsSelf, object, "feeds-itself", Critical, d.name, " feeds both nodes: it is never given an order")
		if !m.toldSilent("silent") || m.quiet.off || d.isOff(m.void()) || m.active() && m.state.Alone {
			d.failed = false
		}
		m.alarm(d.failed, object, "fence-failed", Critical, d.name, " did not confirm that ", m.p.Peer, " is off: ", d.err)
		half := d.feedsPeer && d.power == beat.No && m.quiet.heard && d.readAt > m.quiet.steady && m.peer.receivedAt > max(d.noSince, m.quiet.steady)+m.dead()
		unproven := d.ours() && !d.cfg.Proven && m.reached(m.began+provePatience)
		m.alarm(unproven, object, "unproven", Warning, "how long orders to ", d.name, " take is not proven: the fastest turn is not for it")
		m.alarm(half, object, "supply-off", Major, d.name, " is off although ", m.p.Peer, " runs: it has one supply less")
		m.alarm(d.onTry > 1, object, "power-on-failed", Major, d.name, " did not switch ", m.p.Peer, " on: ", d.err)
	}
	for _, name := range m.state.Presumed {
		if d := m.orderable(name); d != nil && d.power == beat.No && !m.quiet.heard && !m.removed(m.p.Peer) {
			m.alarm(true, "fence/"+name, "presumed", Critical, name, " is off, and the journal that knew whether this node ordered it is lost: nobody but an operator switches ", m.p.Peer, " on")
		}
	}
	for _, name := range m.state.Owed {
		if m.orderable(name) == nil && !m.quiet.heard {
			m.alarm(true, "fence/"+name, "owed", Critical, name, " was ordered off and is no fence device of ", m.p.Peer, " any more: nobody but an operator switches it on")
		}
	}
	m.alarm(len(m.topology.orderable) == 0, m.object.self, "no-fence-device", Critical, "no fence device feeds ", m.p.Peer, ": there is no failover")
}

func (m *Machine) resourceAlarms() {
	for _, name := range m.state.Left {
		m.alarm(true, "resource/"+name, "unconfigured", Critical, name, " left the configuration and may still run here: this node hands nothing over and does not take over")
	}
	for i := range m.resources {
		r := &m.resources[i]
		object := m.object.resources[i]
		m.alarm(r.stopFailed, object, "stop-failed", Critical, r.name, " did not stop: ", r.message)
		m.alarm(r.blocked, object, "blocked", Critical, r.name, " is not started any more: ", r.message)
		m.alarm(r.failed && !r.blocked, object, "failed", Critical, r.name, " failed and its restarts are spent")
		want := m.wanted(i)
		m.alarm(r.stage() == gone && want > gone && !m.managed(i), object, "left-down", Major, r.name, " does not run, and nobody starts it: ", m.leftAlone())
		m.alarm(r.stage() == warm && want == full && !m.managed(i), object, "left-warm", Major, r.name, " is not promoted, and nobody promotes it: ", m.leftAlone())
		if k := m.waitsFor(i, want); k >= 0 {
			m.alarm(true, object, "waits", Critical, r.name, " does not run: it comes after ", m.resources[k].name, ", which nobody starts: ", m.leftAlone())
		}
		m.alarm(r.running == beat.Yes && want > gone && r.health == beat.Down && !r.failed, object, "down", Major, r.name, " does not answer: ", r.message)
		m.alarm(r.unknown > 0 && want > gone && m.reached(r.unknown+unknownPatience), object, "unknown", Major, "nothing can be found out about ", r.name, ": ", orElse(r.message, "its plugin does not answer"))
		m.alarm(r.running == beat.Yes && want > gone && r.health == beat.Degraded, object, "degraded", Minor, r.name, " is degraded: ", r.message)
	}
}

// modeAlarms show every mode until it ends, and the end 15 minutes before.
func (m *Machine) modeAlarms() {
	clock := m.clock()
	for i := range m.modes {
		o := &m.modes[i]
		object := m.modeObject(o.kind, o.name)
		key := modeWord(o.kind)
		m.alarm(true, object, key, Minor, modeEffect(o.kind, o.name))
		m.alarm(o.end != 0 && clock >= o.end-modeWarning && clock < o.end, object, key+" ends", Warning, key, " ends within 15 minutes")
		m.alarm(m.decides() && o.end != 0 && clock >= o.end, object, key+" overdue", Major,
			key, " is over its time and stays: its end would start, stop or fence something at once")
	}
}
