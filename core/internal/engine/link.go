package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/timing"
	"github.com/storeward/storeward/core/sdk"
)

// lifeEvery bounds how often traffic that is no beat is told to the policy.
const lifeEvery = 20 * time.Millisecond

// link is one path of beats.
type link struct {
	e       *Engine
	cfg     config.Link
	in      *instance
	failing bool // the last beat was not taken; the loop's own

	mu       sync.Mutex
	counts   linkCounts
	replay   replay
	arrivals timing.Arrivals
	late     time.Duration // the greatest since it was last read, for points
	lastBeat time.Duration
	lastLife [2]time.Duration // of forged packets, of beats of another version: neither hides the other
	foreign  uint64           // as the plugin counted them
	message  string
	reported sdk.LinkState // the plugin's own word
	mute     bool          // the plugin takes no beats: whatever it said, the link tells nothing
}

// linkCounts are what one link carried and what was dropped on it.
type linkCounts struct {
	Heard, Lost, Forged, Replayed, Foreign uint64
}

func (e *Engine) newLinks() map[string]*link {
	out := map[string]*link{}
	for _, c := range e.Config.Links {
		out[c.Name] = &link{
			e: e, cfg: c, in: e.newInstance(c.Plugin, "link-"+c.Name, c.With.For(e.Node)),
		}
	}
	return out
}

// send gives the plugin a beat. It never waits; one that the plugin does not take
// at once is stale. Only the loop calls it.
func (l *link) send(wire []byte) {
	in, err := l.in.get()
	if err != nil {
		return // it says itself why it cannot be opened
	}
	err = in.Send(wire)
	if (err != nil) != l.failing {
		l.failing = err != nil
		l.e.Log.WithField("link", l.cfg.Name).WithField("error", errText(err)).Warn("sending of beats changed")
	}
}

// receive opens the link and listens until ctx ends. While the plugin is away
// the link's health is unknown: it says nothing about the peer.
func (l *link) receive(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { l.in.open(ctx) })
	in, ok := l.in.wait(ctx)
	if !ok {
		return
	}
	for ctx.Err() == nil {
		err := in.Run(ctx, func(p sdk.Packet) { l.packet(p) }, func(s sdk.LinkState) { l.state(ctx, s) })
		if ctx.Err() != nil {
			return
		}
		l.state(ctx, sdk.LinkState{Status: sdk.Unknown, Message: "plugin away: " + errText(err), Taken: l.e.Clock.Now()})
		sdk.Pause(ctx, 20*time.Millisecond)
	}
}

func (l *link) state(ctx context.Context, s sdk.LinkState) {
	l.mu.Lock()
	l.message, l.foreign, l.reported = s.Message, max(l.foreign, s.Foreign), s
	fact := l.fact(s.Taken)
	l.mu.Unlock()
	l.e.post(ctx, fact)
}

// fact is what the policy is to believe of the link.
func (l *link) fact(taken time.Duration) failover.LinkState {
	health := healthOf(l.reported.Status)
	if l.mute {
		health = beat.HealthUnknown
	}
	return failover.LinkState{Link: l.cfg.Name, Health: health, Carrier: carrierOf(l.reported.Carrier), Taken: taken}
}

// doubt finds a plugin that hangs before anybody takes its silence for the
// peer's: nothing arrives, and it leaves the beats lying that it is given. It
// must notice within an interval, since deadtime may be as short as three.
func (l *link) doubt(now, interval time.Duration) (failover.LinkState, bool) {
	in, err := l.in.get()
	if err != nil {
		return failover.LinkState{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	mute := (l.mute || now-l.lastBeat > 3*interval/2) && in.Unanswered() > interval*3/4
	if mute == l.mute {
		return failover.LinkState{}, false
	}
	l.mute = mute
	if mute {
		l.message = "the plugin does not deal with beats"
	} else {
		l.message = l.reported.Message
	}
	return l.fact(now), true
}

// packet judges what arrived: a beat, a replayed one, noise of strangers, or a
// sign of life with a wrong key or of another version.
func (l *link) packet(p sdk.Packet) {
	b, err := l.e.codec.Decode(p.Data)
	var other beat.OtherVersion
	switch {
	case errors.Is(err, beat.ErrForeign):
		l.count(func(c *linkCounts) { c.Foreign++ })
	case errors.As(err, &other):
		l.count(func(c *linkCounts) { c.Foreign++ })
		l.alive(failover.SignOfLife{Link: l.cfg.Name, Taken: p.Taken, Version: uint64(other.Version)})
	case err != nil:
		l.count(func(c *linkCounts) { c.Forged++ })
		l.alive(failover.SignOfLife{Link: l.cfg.Name, Taken: p.Taken})
	case !l.fresh(b, p.Taken):
		l.count(func(c *linkCounts) { c.Replayed++ })
	default:
		l.e.offer(failover.BeatHeard{Link: l.cfg.Name, Beat: b, Taken: p.Taken})
	}
}

func (l *link) count(add func(*linkCounts)) {
	l.mu.Lock()
	add(&l.counts)
	l.mu.Unlock()
}

// alive tells the policy of traffic that is no beat, not too often.
func (l *link) alive(sign failover.SignOfLife) {
	l.mu.Lock()
	last := &l.lastLife[min(sign.Version, 1)]
	often := sign.Taken-*last < lifeEvery
	if !often {
		*last = sign.Taken
	}
	l.mu.Unlock()
	if !often {
		l.e.offer(sign)
	}
}

// fresh refuses a beat that this link has carried before, and counts a new one.
func (l *link) fresh(b beat.Beat, taken time.Duration) bool {
	l.mu.Lock()
	ok := l.replay.accept(b, l.e.Boot.Incarnation)
	if ok {
		l.counts.Heard++
		l.lastBeat = taken
		l.measure(&b, taken)
	}
	l.mu.Unlock()
	if ok {
		l.e.arrivals.measure(l.e, &b, taken)
	}
	return ok
}

// measure notes how a beat of the peer's present daemon start came. l.mu is held.
func (l *link) measure(b *beat.Beat, taken time.Duration) {
	if b.Incarnation != l.e.view.Load().Peer.Incarnation {
		return
	}
	silent, lost := l.arrivals.Add(b, taken)
	l.counts.Lost += lost
	l.late = max(l.late, silent-b.Interval)
	if age, ok := timing.AnswerAge(b, l.e.Boot.Incarnation, l.cfg.Name, taken); ok {
		l.arrivals.Answer.Add(age)
	}
}

// firstArrivals is how beats come in by whichever link brings each of them first.
type firstArrivals struct {
	mu sync.Mutex
	timing.Arrivals
}

func (f *firstArrivals) measure(e *Engine, b *beat.Beat, taken time.Duration) {
	if b.Incarnation != e.view.Load().Peer.Incarnation {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	heard := f.Heard
	f.Add(b, taken)
	if age, ok := timing.AnswerAge(b, e.Boot.Incarnation, "", taken); ok && f.Heard > heard {
		f.Answer.Add(age)
	}
}

// replay remembers the newest sequence of each of the peer's daemon starts.
type replay struct {
	current beat.ID
	newest  map[beat.ID]uint64
	retired map[beat.ID]bool
}

// accept takes a beat that is newer than all of its daemon start. A start that
// a later one has replaced says nothing any more; one is replaced only by a beat
// that answers our own daemon start, which nobody could have recorded before.
func (r *replay) accept(b beat.Beat, own beat.ID) bool {
	if r.newest == nil {
		r.newest, r.retired = map[beat.ID]uint64{}, map[beat.ID]bool{}
	}
	if r.retired[b.Incarnation] || b.Sequence <= r.newest[b.Incarnation] {
		return false
	}
	if r.current != b.Incarnation && (r.current == 0 || echoes(b, own)) {
		if r.current != 0 {
			r.retired[r.current] = true
		}
		delete(r.newest, r.current)
		r.current = b.Incarnation
	}
	if len(r.newest) > maxIncarnations { // a flood of recorded starts must not fill the memory
		clear(r.newest)
	}
	r.newest[b.Incarnation] = b.Sequence
	return true
}

const maxIncarnations = 1024

func echoes(b beat.Beat, own beat.ID) bool {
	for _, e := range b.Echoes {
		if e.Incarnation == own {
			return true
		}
	}
	return false
}

func healthOf(s sdk.Status) beat.Health {
	switch s {
	case sdk.OK:
		return beat.OK
	case sdk.Degraded:
		return beat.Degraded
	case sdk.Down:
		return beat.Down
	default:
		return beat.HealthUnknown
	}
}

func carrierOf(p sdk.Power) beat.Tri { return powerOf(p) }

func powerOf(p sdk.Power) beat.Tri {
	switch p {
	case sdk.PowerOn:
		return beat.Yes
	case sdk.PowerOff:
		return beat.No
	default:
		return beat.Unknown
	}
}
