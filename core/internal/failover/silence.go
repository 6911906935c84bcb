package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

const (
	// maxGrace bounds the patience with a peer that announced its silence.
	maxGrace = 10 * time.Minute
	// bootWaits bounds how long a node that never heard its peer waits for it, in waits.
	bootWaits = 4
	// longestDeadtime is the longest that a configuration may have.
	longestDeadtime = 10 * time.Minute
)

// link is what is known of one path of beats.
type link struct {
	name      string
	direct    bool
	health    beat.Health
	unknownAt time.Duration // since when health is unknown, if it is
	carrier   beat.Tri
	lostAt    time.Duration // when the carrier was seen to go; 0: it is there, or nobody saw it go
	wellAt    time.Duration // since when it can tell silence; what it missed before says nothing

	incarnation beat.ID // of the newest beat taken here, for the echo
	sequence    uint64
	sent        time.Duration
	takenAt     time.Duration
	heardAt     time.Duration // newest beat here that echoed ours
	heard, old  uint64
}

// healthy: silence on it says something. A direct cable without carrier is
// silent for a reason that may well be the peer's death.
func (l *link) healthy() bool {
	return l.health == beat.OK || l.health == beat.Degraded || l.direct && l.health == beat.Down
}

// peer is what is known of the other node.
type peer struct {
	known      bool
	b          beat.Beat     // newest
	receivedAt time.Duration // newest beat, on whichever link, echoing ours or not
	newestAt   time.Duration // when the newest beat came on the first of its links
	heardAt    time.Duration // newest beat that echoed ours freshly; 0: never since our start
	signAt     time.Duration // newest other sign of life
	strangeAt  time.Duration // newest beat in a wire form that cannot be read
	version    uint64        // of that form
	lifeAt     time.Duration // newest of everything: voids readings of off
	deaf       bool          // it says that it hears nothing of us
	counts     time.Duration // the hearing from which it counts its turns; 0: it did not tell
	patience   time.Duration // a newly started peer is given until then
	boots      time.Duration // so long a peer that was heard, and whose mains are back, is given: the turns stay
	grace      time.Duration // planned silence until then
	echoed     uint64        // newest beat of this daemon start that it told to have heard
	pingYes    time.Duration // since when it reaches its ping group; 0: it does not
	met        time.Duration // when its present start was first heard
	knowsUs    bool          // its present start had a beat of ours; until then what it asks and its modes may be old bytes
	oldBoots   []string      // kernel boots that it left behind
}

// silence is the present judgement, made anew by every Decide.
type silence struct {
	heard     bool          // a beat that echoes ours, younger than deadtime
	receiving bool          // any beat younger than deadtime
	strange   bool          // only beats that cannot be read, younger than deadtime: it lives, and is not cut
	silent    bool          // S5
	protected bool          // its beats say that it is active: it is not cut
	blind     bool          // no link can tell anything
	blindAt   time.Duration // since when, if so
	t0        time.Duration // silence began or will begin
	base      time.Duration // where the turns count from
	off       bool          // S2: every supply read off in this silence, and held up no longer
	since     time.Duration // when silence was last noticed; 0: not silent
	steady    time.Duration // since when beats have been coming in; 0: they are not
}

// hear takes a beat. What is older than the newest says nothing.
func (m *Machine) hear(e BeatHeard) {
	i := slices.IndexFunc(m.links, func(l link) bool { return l.name == e.Link })
	if i < 0 || e.Beat.Node != m.p.Peer {
		return
	}
	l, p, b := &m.links[i], &m.peer, &e.Beat
	fresh := m.echoesUs(b, e.Taken)
	if m.isOld(l, b, fresh) {
		l.old++
		return
	}
	met := !p.known || p.b.Incarnation != b.Incarnation
	if met {
		m.meet(b, e.Taken)
	}
	if met || p.b.Sequence != b.Sequence { // not its copy on a slower link
		p.newestAt = max(p.newestAt, e.Taken)
	}
	p.known, p.b = true, *b
	p.receivedAt = max(p.receivedAt, e.Taken)
	m.lifeAt(e.Taken)
	l.incarnation, l.sequence, l.sent = b.Incarnation, b.Sequence, b.Sent
	l.takenAt = max(l.takenAt, e.Taken)
	l.heard++
	m.noteEchoes(b)
	m.listen(b, e.Taken)
	if fresh {
		if p.heardAt == 0 { // and it does not know yet that it is heard
			m.news.toldBy = m.seq + 1
		}
		l.heardAt = max(l.heardAt, e.Taken)
		p.heardAt = max(p.heardAt, e.Taken)
		p.patience, p.boots = 0, 0
		m.ping.compare(b.PingGroup, e.Taken, m.quiet.steady, m.dead())
	}
}

// isOld finds repeated and overtaken beats and ghosts of an earlier start.
func (m *Machine) isOld(l *link, b *beat.Beat, fresh bool) bool {
	p := &m.peer
	switch {
	case !p.known:
		return false
	case b.Incarnation == p.b.Incarnation:
		return b.Sequence < p.b.Sequence || l.incarnation == b.Incarnation && b.Sequence <= l.sequence
	case b.KernelBoot == p.b.KernelBoot:
		return b.Sent <= p.b.Sent
	case fresh:
		return false
	default:
		return slices.Contains(p.oldBoots, b.KernelBoot) || m.now-p.receivedAt < m.dead()
	}
}

// echoesUs: the peer had a beat of this daemon start that we sent less than
// deadtime ago, by our own clock. Bytes from an earlier life cannot say that.
func (m *Machine) echoesUs(b *beat.Beat, taken time.Duration) bool {
	for i := range b.Echoes {
		e := &b.Echoes[i]
		if e.Incarnation == m.boot.Incarnation && e.Sequence <= m.seq && taken-e.Sent < m.dead() {
			return true
		}
	}
	return false
}

// noteEchoes keeps the newest of our beats that the peer had.
func (m *Machine) noteEchoes(b *beat.Beat) {
	for i := range b.Echoes {
		if e := &b.Echoes[i]; e.Incarnation == m.boot.Incarnation && e.Sequence <= m.seq {
			m.peer.echoed = max(m.peer.echoed, e.Sequence)
			m.peer.knowsUs = true
		}
	}
}

// meet notes a new start of the peer: what was granted to the old one lapses,
// and the new one gets the time that a start takes.
func (m *Machine) meet(b *beat.Beat, taken time.Duration) {
	p := &m.peer
	if p.known {
		p.patience = taken + m.fullTurn()
		if p.b.KernelBoot != b.KernelBoot {
			p.patience = taken + m.p.Initdead
			if len(p.oldBoots) == 8 {
				p.oldBoots = p.oldBoots[1:]
			}
			p.oldBoots = append(p.oldBoots, p.b.KernelBoot)
		}
	} else if p.heardAt == 0 {
		p.patience = taken + m.p.Initdead
	}
	p.met = taken
	p.grace, p.deaf, p.counts, p.pingYes, p.knowsUs = 0, false, 0, 0, false
	m.refused = beat.Grant{}
	if m.given.Generation > 0 && m.given.To != b.Incarnation {
		m.given = beat.Grant{}
		m.note("grant-lapsed", m.object.peer, "the peer started anew; what it was granted lapses")
		m.endDrill(m.p.Peer + " started anew before it took over")
	}
}

// listen takes what a beat says beside its role.
func (m *Machine) listen(b *beat.Beat, taken time.Duration) {
	p := &m.peer
	p.deaf, p.counts, p.grace = b.SilentFor > 0, 0, 0
	if b.CountsFor > 0 {
		p.counts = taken - b.CountsFor
	}
	if b.Grace > 0 {
		p.grace = taken + min(b.Grace, maxGrace)
	}
	if b.PingGroup != beat.Yes {
		p.pingYes = 0
	} else if p.pingYes == 0 {
		p.pingYes = taken
	}
	if p.knowsUs {
		m.adoptModes(b)
	}
}

// lifeAt: any sign of life voids what was read before it, and an operator's word.
func (m *Machine) lifeAt(t time.Duration) {
	if t > m.peer.lifeAt {
		m.peer.lifeAt = t
		m.word = false
	}
}

// sign takes traffic that is no beat, or one that cannot be read.
func (m *Machine) sign(e SignOfLife) {
	p := &m.peer
	p.signAt = max(p.signAt, e.Taken)
	m.lifeAt(e.Taken)
	if e.Version > 0 && e.Taken > p.strangeAt {
		p.strangeAt, p.version = e.Taken, e.Version
	}
}

func (m *Machine) linkState(e LinkState) {
	for i := range m.links {
		l := &m.links[i]
		if l.name != e.Link {
			continue
		}
		was := l.healthy()
		if e.Health == beat.HealthUnknown && l.health != beat.HealthUnknown {
			l.unknownAt = m.now
		}
		l.health = e.Health
		if !was && l.healthy() {
			l.wellAt = max(e.Taken, m.now)
		}
		if l.carrier != e.Carrier {
			l.lostAt = 0
			if l.carrier == beat.Yes && e.Carrier == beat.No {
				l.lostAt = e.Taken
			}
			l.carrier = e.Carrier
		}
		m.changed = true
	}
}

// weighSilence judges who is heard, before anything else is decided.
func (m *Machine) weighSilence() {
	q, p, dead := &m.quiet, &m.peer, m.dead()
	was := q.silent
	q.heard = p.heardAt > 0 && m.now-p.heardAt < dead
	q.receiving = p.receivedAt > 0 && m.now-p.receivedAt < dead
	q.strange = !q.receiving && p.strangeAt > 0 && m.now-p.strangeAt < dead
	usable := m.weighLinks()
	m.countSilence()
	if q.t0 < q.base && usable && m.reached(q.t0) { // the carrier told it early
		q.heard, q.receiving = false, false
	}
	q.protected = q.receiving && p.b.Role == beat.Active && !p.asksCut() && !m.active()
	q.silent = usable && !q.heardBoth(p) && !q.protected && !q.strange && m.reached(q.t0)
	if p.heardAt > 0 {
		m.wakeAt(p.heardAt + dead)
	}
	if q.strange {
		m.wakeAt(p.strangeAt + dead)
	}
	if !q.receiving {
		q.steady = 0
	} else if q.steady == 0 {
		q.steady = m.now
	}
	switch {
	case q.silent && !was:
		q.since = m.now
		m.urgent = true
		m.note("peer-silent", m.object.peer, "nothing is heard of "+m.p.Peer)
		m.beginFailover()
	case !q.silent && was:
		q.since = 0
		m.urgent = true
		if q.receiving {
			m.note("peer-heard", m.object.peer, "beats of "+m.p.Peer+" again")
		} else {
			m.note("wait-anew", m.object.self, "the wait for "+m.p.Peer+" starts anew")
		}
		m.forgetSilence()
	}
	if q.silent {
		m.why("S5", "silent", m.p.Peer, m.now-q.t0)
	}
	q.off = q.silent && m.confirmedOff()
}

// asksCut: the peer asks to be cut, and it is not its former life that does.
func (p *peer) asksCut() bool { return p.b.CutMe && p.knowsUs }

// heardBoth: heard, and the peer does not say that it hears nothing of us.
func (q *silence) heardBoth(p *peer) bool { return q.heard && !p.deaf }

// weighLinks tells whether any link can tell silence; blind when none works at all.
func (m *Machine) weighLinks() (usable bool) {
	known := false
	m.quiet.blindAt = m.began
	for i := range m.links {
		l := &m.links[i]
		known = known || l.health != beat.HealthUnknown && !m.deadBefore(l)
		m.quiet.blindAt = max(m.quiet.blindAt, l.unknownAt)
		usable = m.tells(l) && m.reached(l.wellAt+m.dead()) || usable
	}
	m.quiet.blind = !known
	return usable
}

// deadBefore: the link carried nothing while the peer was heard on another. When
// that one fails, the silence on this one is no news.
func (m *Machine) deadBefore(l *link) bool {
	heard := m.peer.heardAt
	return heard > 0 && (l.heardAt == 0 || l.heardAt+2*m.dead() < heard)
}

// tells: silence on the link says something about the peer.
func (m *Machine) tells(l *link) bool { return l.healthy() && !m.deadBefore(l) }

// countSilence sets when silence begins, and where the turns count from. What
// makes this node wait anew (a stall, the ping group's return, mains) moves its own
// silence only: the turns stay where the peer counts them, too.
func (m *Machine) countSilence() {
	q, p, dead := &m.quiet, &m.peer, m.dead()
	if p.heardAt == 0 {
		wait := m.p.Initdead
		if m.resumed || m.state.Lost {
			wait = m.fullRound()
		}
		began := max(m.began, m.ping.first)
		most := max(began, p.receivedAt, p.strangeAt) + bootWaits*wait // whatever else makes it wait anew
		q.base = min(max(began+wait, p.patience, p.strangeUntil(dead)), most)
		q.t0 = max(min(max(q.base, m.anew+wait), most), m.anew+dead)
		return
	}
	q.base = max(m.counts()+dead, p.patience, p.strangeUntil(dead))
	q.t0 = max(q.base, m.anew+dead, p.boots)
	if at, ok := m.carrierSilence(); ok {
		q.t0 = min(q.t0, at)
	}
}

// strangeUntil: the turns count from the end of beats that cannot be read, as both nodes know it; 0: there were none.
func (p *peer) strangeUntil(dead time.Duration) time.Duration {
	if p.strangeAt == 0 {
		return 0
	}
	return p.strangeAt + dead
}

// carrierSilence: the direct cable lost its carrier and carrier_beats were
// missed on every other link. It shortens the wait, never the proof.
func (m *Machine) carrierSilence() (at time.Duration, ok bool) {
	if m.p.CarrierBeats == 0 || max(m.peer.patience, m.peer.boots) > m.now || m.anew > m.peer.heardAt {
		return 0, false
	}
	direct, others := false, false
	missed := time.Duration(m.p.CarrierBeats)*m.interval() + m.interval()/2
	for i := range m.links {
		l := &m.links[i]
		switch {
		case m.wentWith(l, max(m.peer.receivedAt, m.peer.signAt)):
			direct = true
			at = max(at, l.lostAt)
		case l.direct || l.health == beat.HealthUnknown:
		case m.tells(l):
			others = true
			at = max(at, l.takenAt+missed)
		}
	}
	return at, direct && others
}

// wentWith: the direct cable's carrier went with the peer's last sign of life, not
// while it was well without: then it is the cable's fault, and tells nothing.
func (m *Machine) wentWith(l *link, life time.Duration) bool {
	return l.direct && l.lostAt > 0 && l.lostAt+m.interval() >= life
}

// carrierGone: when the direct cable's carrier went as the peer's death takes it along; 0: it did not.
func (m *Machine) carrierGone() time.Duration {
	for i := range m.links {
		if l := &m.links[i]; m.wentWith(l, m.peer.lifeAt) {
			return l.lostAt
		}
	}
	return 0
}

// digestsDiffer: the nodes run different configurations; every time is the longer of the two.
func (m *Machine) digestsDiffer() bool { return m.peer.known && m.peer.b.Digest != m.p.Digest }

// dead is the deadtime in force.
func (m *Machine) dead() time.Duration {
	if m.digestsDiffer() {
		return max(m.p.Deadtime, min(m.peer.b.Deadtime, longestDeadtime))
	}
	return m.p.Deadtime
}

// interval is the time between beats in force.
func (m *Machine) interval() time.Duration {
	return max(m.p.Interval, min(m.peer.b.Interval, time.Minute))
}
