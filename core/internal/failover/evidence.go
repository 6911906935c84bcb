package failover

import (
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// ServiceTime bounds one question for the service through the virtual IP. An answer may
// come after its analysis; at fast timings turn 3 may come before one that takes over a second.
const ServiceTime = 2 * time.Second

// ping is what is known of the ping group.
type ping struct {
	reach beat.Tri
	asked time.Duration // of reach
	first time.Duration // when it first answered
	// dead since No was read, until it answers again; said: it was dead while
	// links were well, for the peer too, and so says nothing about a silence.
	dead  bool
	since time.Duration
	said  bool
}

// pingAnswer takes an answer of the ping group, regular or asked for.
func (m *Machine) pingAnswer(r beat.Tri, asked time.Duration) {
	p := &m.ping
	if asked < p.asked {
		return
	}
	switch r {
	case beat.Yes:
		if p.dead && !p.said {
			m.anew = m.now // it was us who were cut off
			m.evidence.forget()
		}
		if p.first == 0 {
			p.first = m.now
		}
		p.dead, p.said = false, false
	case beat.No:
		if !p.dead {
			p.dead, p.since = true, m.now
		}
	case beat.Unknown:
	}
	p.reach, p.asked = r, asked
}

// compare takes what the peer's beat says of its ping group. One that has been dead for both nodes
// for a while, although beats were heard since steady, is dead itself and tells nothing about the
// links. One that the peer reaches tells that this node is cut off.
func (p *ping) compare(peer beat.Tri, now, steady, dead time.Duration) {
	switch {
	case peer == beat.Yes:
		p.said = false
	case peer == beat.No && p.dead && steady > 0 && now-max(p.since, steady) >= dead:
		p.said = true
	}
}

// cutOff tells that this node, not the peer, seems to be cut off.
func (p *ping) cutOff() bool { return p.dead && !p.said }

// evidence is what was asked since beats went missing.
type evidence struct {
	id       string
	deadline time.Duration
	again    time.Duration // not before
	rounds   int
	asked    time.Duration // of the answers below
	ping     beat.Tri
	icmp     beat.Tri
	arp      beat.Tri
	services beat.Tri
	service  beat.Tri      // through the virtual IP, by the newest answer that was one
	served   time.Duration // when that was asked for
	began    time.Duration
	final    time.Duration // when the first full answer came
}

// beatMissing: the newest beat of a peer that was heard is older than it should be.
func (m *Machine) beatMissing() bool {
	return m.peer.heardAt > 0 && m.reached(m.peer.heardAt+m.interval()+m.interval()/2)
}

// analyse asks for evidence from the first missed beat on, so that the answers
// are there when the silence is.
func (m *Machine) analyse() {
	e, p := &m.evidence, &m.peer
	if p.heardAt > 0 && !m.beatMissing() || p.heardAt == 0 && !m.quiet.silent && !m.quiet.strange {
		*e = evidence{asked: e.asked, service: e.service, served: e.served}
		return
	}
	if e.id != "" && m.now >= e.deadline+m.interval() {
		e.id = "" // the executor owes an answer; do without
	}
	if e.id != "" {
		m.wakeAt(e.deadline + m.interval())
		return
	}
	if !m.reached(e.again) {
		return
	}
	if e.rounds == 0 {
		e.began = m.now
	}
	e.rounds++
	e.deadline = m.now + max(m.p.Analyse, time.Millisecond)
	e.again = m.now + max(m.p.Analyse, m.interval())
	if e.rounds > 10 {
		e.again = m.now + max(time.Second, m.p.Analyse)
	}
	e.id = m.act(Action{Kind: Analyse, Deadline: e.deadline})
}

// analysed takes answers. They may come bit by bit, the service's even after its round.
func (m *Machine) analysed(a Analysis) {
	e := &m.evidence
	if a.ID == "" {
		return
	}
	e.serviceTold(a.Service, a.Asked)
	if a.ID != e.id {
		return
	}
	if a.Final {
		e.id = ""
		if e.final == 0 {
			e.final = m.now
		}
	}
	if !a.Final {
		e.adds(a)
	} else {
		e.asked, e.ping, e.icmp, e.arp, e.services = a.Asked, a.PingGroup, a.ICMP, a.ARP, a.Services
	}
	if a.Final || a.PingGroup != beat.Unknown {
		m.pingAnswer(a.PingGroup, a.Asked)
	}
	if a.ICMP == beat.Yes || a.ARP == beat.Yes || a.Services == beat.Yes { // in this round
		m.lifeAt(a.Asked)
	}
}

// adds takes what some of the questions of a round found. What is not answered yet says
// nothing: it takes no earlier answer back, and nothing counts as asked before the round ends.
func (e *evidence) adds(a Analysis) {
	for _, field := range []struct {
		held *beat.Tri
		told beat.Tri
	}{{&e.icmp, a.ICMP}, {&e.arp, a.ARP}, {&e.services, a.Services}} {
		if field.told == beat.Yes {
			*field.held = beat.Yes
		}
	}
}

// answers tells whether the peer's machine answered anything.
func (e *evidence) answers() bool {
	return e.icmp == beat.Yes || e.arp == beat.Yes || e.services == beat.Yes
}

// current tells whether the answers were asked for since the last beat.
func (m *Machine) current() bool {
	return m.evidence.asked > m.peer.receivedAt && m.evidence.asked > m.anew
}

// oneSided: we are connected and the peer answers nothing anywhere. The second
// result names what is missing.
func (m *Machine) oneSided() (missing string) {
	e, p, dead := &m.evidence, &m.peer, m.dead()
	last := max(p.receivedAt, p.signAt)
	switch {
	case !m.current() || e.asked <= p.strangeAt:
		return "no evidence since the last beat"
	case e.ping != beat.Yes:
		return "ping group not reached"
	case e.answers():
		return "peer answers"
	case m.serves():
		return "service answers"
	case last > p.heardAt && m.now-last < dead:
		return "signs of life"
	case m.carrierUp():
		return "carrier on the direct cable"
	case e.icmp != beat.No && e.arp != beat.No && e.services != beat.No && m.carrierGone() == 0:
		return "nothing could be asked"
	}
	return ""
}

func (m *Machine) carrierUp() bool {
	for i := range m.links {
		if l := &m.links[i]; l.direct && l.health != beat.HealthUnknown && l.carrier == beat.Yes {
			return true
		}
	}
	return false
}

// serviceTold takes an answer of the service. That it could not be found out takes no earlier one back.
func (e *evidence) serviceTold(answer beat.Tri, asked time.Duration) {
	if answer != beat.Unknown && asked >= e.served {
		e.service, e.served = answer, asked
	}
}

// forget drops what was found, but for what forbids an order: that the service answered.
func (e *evidence) forget() { *e = evidence{service: e.service, served: e.served} }

// serves: the service passes its probe through the virtual IP, asked since the newest beat first came. It
// counts until the next question must have had its answer: a probe that hangs forbids nothing for ever.
func (m *Machine) serves() bool {
	e := &m.evidence
	lasts := 2*ServiceTime + max(time.Second, m.p.Analyse) + m.interval()
	return e.service == beat.Yes && e.served > m.peer.newestAt && !m.reached(e.served+lasts)
}
