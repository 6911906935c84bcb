package failover

import (
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/sdk/spoken"
)

const (
	// verifyAgain is the pause between two probes through the virtual IP, and
	// verifyPatience when the phase counts as failed (probing goes on).
	verifyAgain    = 100 * time.Millisecond
	verifyRarely   = time.Second // after ten tries
	verifyPatience = 30 * time.Second
)

// The phases that layers count to.
const (
	phaseDetect  = "detect"
	phaseAnalyse = "analyse"
	phaseAddress = "address"
	phaseStorage = "storage"
	phaseStart   = "start"
	phaseVerify  = "verify"
	phaseStop    = "stop"
	phaseDevices = "devices"
)

// The kinds of changes of the active role.
const (
	KindFailover   = "failover"
	KindSwitchover = "switchover"
	KindDrill      = "drill"
	KindStart      = "start"
)

// verify is the probe through the virtual IP after a change of the active role.
type verify struct {
	id    string
	until time.Duration // of the probe under way
	next  time.Duration
	tries int
	late  bool
}

// beginFailover opens the record of a failover that a silence may lead to.
func (m *Machine) beginFailover() {
	if m.active() || m.taking.kind != notTaking {
		return
	}
	began := max(m.peer.heardAt, m.peer.strangeAt)
	if began == 0 {
		began = m.quiet.t0
	}
	m.failover = Failover{Kind: KindFailover, Began: began}
	m.failover.Phases = append(m.failover.Phases, Phase{Name: phaseDetect, Start: began, End: m.now, OK: true})
	if m.order.until > m.now { // it asked to be cut
		m.failover.Phases = append(m.failover.Phases, Phase{Name: "fence", Start: m.order.sent})
	}
}

// forgetSilence drops what belonged to a silence that ended.
func (m *Machine) forgetSilence() {
	m.order.tries = 0
	m.word, m.ask = false, ask{}
	if m.failover.Generation == 0 && m.taking.kind == notTaking {
		m.failover = Failover{}
	}
}

// beginGranted opens the record of a granted change: a planned one, for which the
// service is away since the giver began to stop it, or a start, as nobody was active.
func (m *Machine) beginGranted() {
	b := &m.peer.b
	f := &m.failover
	*f = Failover{Kind: KindStart, Began: m.now}
	if b.GivingFor > 0 { // it stopped something for it
		f.Kind, f.Began = KindSwitchover, m.now-b.GivingFor
		f.Phases = append(f.Phases, Phase{Name: phaseStop, Start: f.Began, End: m.now, OK: true})
	}
	if b.Drill {
		f.Kind = KindDrill
		m.drill = drill{stage: serving}
	}
}

// beginStarting gives the record its generation: from here on it is kept.
func (m *Machine) beginStarting(kind takingKind) {
	f := &m.failover
	if f.Began == 0 || f.Done > 0 {
		*f = Failover{Kind: KindStart, Began: m.now}
	}
	f.Generation = m.state.Generation
	m.verify = verify{}
	if kind != byFence || m.evidence.began == 0 {
		return
	}
	end := m.evidence.final
	if end == 0 || end > m.now {
		end = m.now
	}
	at, start := min(1, len(f.Phases)), max(m.evidence.began, f.Began) // what was asked before counts to no phase
	f.Phases = slices.Insert(f.Phases, at, Phase{Name: phaseAnalyse, Start: start, End: max(end, start), OK: m.evidence.final > 0})
}

func (m *Machine) phase(name string) *Phase {
	for i := range m.failover.Phases {
		if p := &m.failover.Phases[i]; p.Name == name {
			return p
		}
	}
	return nil
}

// phaseBegin opens a phase of the running change, once.
func (m *Machine) phaseBegin(name string) {
	f := &m.failover
	if f.Began == 0 || f.Done > 0 || m.phase(name) != nil {
		return
	}
	f.Phases = append(f.Phases, Phase{Name: name, Start: m.now})
}

func (m *Machine) phaseEnd(name string, ok bool, detail string) {
	if p := m.phase(name); p != nil && p.End == 0 {
		p.End, p.OK, p.Detail = m.now, ok, detail
	}
}

// layerPhase is the phase that a resource's start counts to.
func layerPhase(r *resource) string {
	switch r.cfg.Layer {
	case phaseAddress, phaseStorage:
		return r.cfg.Layer
	}
	return phaseStart
}

// phaseLayers ends the phases whose layers are all up.
func (m *Machine) phaseLayers() {
	f := &m.failover
	if f.Generation == 0 || f.Done > 0 {
		return
	}
	for i := range f.Phases {
		p := &f.Phases[i]
		if p.End > 0 || p.Name != phaseAddress && p.Name != phaseStorage && p.Name != phaseStart {
			continue
		}
		up := true
		for k := range m.resources {
			r := &m.resources[k]
			if layerPhase(r) == p.Name && r.stage() < m.wanted(k) {
				up = false
			}
		}
		if up {
			p.End, p.OK = m.now, true
		}
	}
}

// serviceUp: all that this node can bring up is up. What runs on both nodes and cannot be
// mended here is not waited for: the probe tells whether the service is there without it.
func (m *Machine) serviceUp() bool {
	for i := range m.resources {
		r := &m.resources[i]
		without := r.cfg.ActiveActive && (r.failed || r.blocked)
		if !m.isUp(i) && !without {
			return false
		}
	}
	return true
}

// verifyService proves through the virtual IP that the service is back.
func (m *Machine) verifyService() {
	f, v := &m.failover, &m.verify
	if f.Generation == 0 || f.Done > 0 {
		return
	}
	if !m.active() || m.giving.kind != notGiving {
		f.Done, f.OK = m.now, false
		return
	}
	if !m.serviceUp() {
		return
	}
	m.phaseBegin(phaseVerify)
	if !m.p.Verify {
		m.announce("no probe through the virtual IP is configured")
		return
	}
	began := m.phase(phaseVerify).Start
	if !v.late && m.reached(began+verifyPatience) {
		v.late = true
	}
	if v.id != "" && !m.reached(v.until+m.p.Interval) {
		return
	}
	v.id = ""
	if m.reached(v.next) {
		v.until = m.now + ServiceTime
		v.next = m.now + verifyAgain
		if v.tries++; v.tries > 10 {
			v.next = m.now + verifyRarely
		}
		v.id = m.act(Action{Kind: Verify, Deadline: v.until})
		m.wakeAt(v.until + m.p.Interval)
	}
}

// serviceProbe takes the probe's answer. A regular one is as good, if it was
// asked after everything was up.
func (m *Machine) serviceProbe(e ServiceProbe) {
	v := &m.verify
	p := m.phase(phaseVerify)
	if p == nil || p.End > 0 {
		return
	}
	if e.ID != "" && e.ID == v.id {
		v.id = ""
	}
	if (e.Health == beat.OK || e.Health == beat.Degraded) && e.Asked >= p.Start {
		m.announce("")
	}
}

// announce ends the change: the service answers.
func (m *Machine) announce(detail string) {
	f := &m.failover
	m.phaseEnd(phaseVerify, true, detail)
	f.Phases = append(f.Phases, Phase{Name: "announce", Start: m.now, End: m.now, OK: true})
	f.Done, f.OK = m.now, true
	m.verify.id = ""
	m.changed = true
	m.note("takeover-done", m.object.self, f.Kind+" done after "+spoken.Duration(f.Done-f.Began))
}
