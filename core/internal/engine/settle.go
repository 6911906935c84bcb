package engine

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/control"
)

const (
	// settleAfter is how long a daemon has at least to tell again what still holds of its
	// predecessor's alarms, and its peer to be heard with its own.
	settleAfter = 30 * time.Second
	// peerPatience is how long a peer that is heard may leave its alarms untold.
	peerPatience = 2 * settleAfter
	// freshNews is how old the peer's word may be to count: it comes every second.
	freshNews = 5 * time.Second
	// policyPatience is the longest patience of the policy that nobody configures: that
	// for a device which is not proven yet.
	policyPatience = time.Minute
)

// settling is how far this daemon is with what it must know before it ends an alarm of
// the daemon before it: that nothing is told means something only once whoever would
// tell it has looked. Moments are monotonic. It is the clerk's own; the tellers see what
// is judged.
type settling struct {
	judged  sync.Map      // the objects that their own teller has judged
	decided time.Duration // since when the policy knows its role and whether the peer lives; 0: it does not
	mute    time.Duration // since when the peer, although it is heard, tells no alarms; 0: it does
}

// judged takes a teller's word that it has told all that is wrong with an object, or
// that nothing is. It returns at once, and comes after what was told before it. The
// tellers say it each time that they look; once it is known, or nothing waits for it, it
// takes no place among the news.
func (c *clerk) judged(object string) {
	if !c.alarms.settled() && !c.settling.has(object) {
		c.news.put(observation{judged: object})
	}
}

func (s *settling) judge(object string) { s.judged.Store(object, nil) }

func (s *settling) has(object string) bool {
	_, judged := s.judged.Load(object)
	return judged
}

// follow keeps since when the policy is decided.
func (s *settling) follow(at time.Duration, v *viewed) {
	switch {
	case v.Role == beat.Joining || !v.Peer.Heard && !v.Peer.Silent:
		s.decided = 0
	case s.decided == 0:
		s.decided = at
	}
}

// settle ends the alarms of the daemon before this one that hold no longer.
func (c *clerk) settle(at time.Duration) {
	if at-c.e.begun < settleAfter || c.alarms.settled() {
		return
	}
	peers, complete := c.peerAlarms(at)
	if !complete {
		return
	}
	for _, event := range c.alarms.settle(peers, func(a control.Alarm) bool { return c.knows(at, a) }) {
		c.emit(at, event)
	}
}

// peerAlarms are those that the peer tells; false: they are still waited for. A peer
// that is not heard, or whose channel stays away, is waited for no longer.
func (c *clerk) peerAlarms(at time.Duration) (all []control.Alarm, complete bool) {
	s := &c.settling
	if c.e.Peer == nil || !c.e.view.Load().Peer.Heard {
		s.mute = 0
		return nil, true
	}
	if news, taken := c.e.Peer.Latest(); news != nil && c.e.Clock.Wall().Sub(taken) <= freshNews {
		s.mute = 0
		return alarmsOf(news), true
	}
	if s.mute == 0 {
		s.mute = at
	}
	return nil, at-s.mute >= peerPatience
}

// knows tells whether this daemon would have told an alarm by now if it held.
func (c *clerk) knows(at time.Duration, a control.Alarm) bool {
	class, name, _ := strings.Cut(a.Object, "/")
	s := &c.settling
	policy := s.decided > 0 && at-s.decided >= policyWait(c.e.cfg.Load())
	switch {
	case !c.e.configured(class, name):
		return true
	case a.Condition == api.ConditionNotRedundant:
		return false // redundancy ends it, whoever told it, as soon as the pair is whole
	case class == "probe" || class == "plugin":
		return s.has(a.Object)
	case class == "fence": // the policy tells of it, too; and what holds may be the peer's to tell
		return c.e.devices[name].lacks(a.Condition) && policy
	case class == "resource" || class == "store": // the policy tells of them, too
		return s.has(a.Object) && policy
	default:
		return policy
	}
}

// policyWait is how long after it is decided the policy has raised whatever holds: its
// patience is a minute, some deadtimes (five for a pair without an active node), or the
// ping group's time.
func policyWait(cfg *config.Config) time.Duration {
	return settleAfter + max(policyPatience, 5*cfg.Timing.Deadtime.Std(), cfg.Policy.IsolationTime.Std())
}

// configured tells whether there is such an object at all. What this daemon has is
// what it was started with.
func (e *Engine) configured(class, name string) (yes bool) {
	switch class {
	case "probe":
		_, yes = e.probes.all[name]
	case "fence":
		_, yes = e.devices[name]
	case "resource":
		_, yes = e.resources[name]
	case "link":
		_, yes = e.links[name]
	case "plugin":
		yes = name == reachPlugin || slices.ContainsFunc(e.Config.Uses(), func(u config.Use) bool { return u.Plugin == name })
	case "node":
		yes = e.Config.Node(name) != nil
	case "store":
		yes = name == e.Config.Store
	default:
		yes = true
	}
	return yes
}
