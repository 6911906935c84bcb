package engine

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

// The instances of the reach plugin that the engine opens for itself.
const (
	reachPlugin  = "reach"
	reachPing    = "ping-group"
	reachICMP    = "peer-icmp"
	reachARP     = "peer-arp"
	reachService = "peer-services"
)

// pingMost is the slowest pace of the regular question to the ping group; an analysis asks on its own.
const pingMost = 2 * time.Second

// newReach prepares the questions that tell a dead peer from a cut cable.
func (e *Engine) newReach() map[string]*instance {
	own, peer := e.Config.Node(e.Node), e.Config.PeerOf(e.Node)
	out := map[string]*instance{}
	add := func(name, method, device string, targets ...string) {
		if len(targets) == 0 || targets[0] == "" {
			return
		}
		out[name] = e.newInstance(reachPlugin, name, reachSection(method, device, e.askTime(), targets))
	}
	add(reachPing, "icmp", "", e.Config.PingGroup...)
	add(reachICMP, "icmp", "", peer.Address)
	if own.Interface != "" {
		add(reachARP, neighbourMethod(peer.Address), own.Interface, peer.Address)
	}
	add(reachService, "tcp", "", peer.Services...)
	return out
}

// neighbourMethod asks the peer's machine below everything that a service could block.
func neighbourMethod(address string) string {
	if a, err := netip.ParseAddr(address); err == nil && a.Unmap().Is6() {
		return "ndp"
	}
	return "arp"
}

// askTime leaves the way back room within the bound of an analysis.
func (e *Engine) askTime() time.Duration {
	return max(e.Config.Timing.Analyse.Std()*4/5, 5*time.Millisecond)
}

func reachSection(method, device string, timeout time.Duration, targets []string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "method: %s\ntimeout: %s\ntargets:\n", method, timeout)
	for _, t := range targets {
		fmt.Fprintf(&b, "  - %q\n", t)
	}
	if device != "" {
		fmt.Fprintf(&b, "interface: %q\n", device)
	}
	return []byte(b.String())
}

// ask puts one question: Yes somebody answered, No nobody did, Unknown it could not be asked.
func (e *Engine) ask(ctx context.Context, name string) beat.Tri {
	in, ok := e.reach[name]
	if !ok {
		return beat.Unknown
	}
	opened, err := in.get()
	if err != nil {
		return beat.Unknown
	}
	result, err := opened.Probe(ctx)
	if err != nil {
		return beat.Unknown
	}
	switch result.Status {
	case sdk.OK, sdk.Degraded:
		return beat.Yes
	case sdk.Down:
		return beat.No
	default:
		return beat.Unknown
	}
}

// analyse asks everything at once and tells each answer as it comes; the last
// one, or the deadline, ends it.
func (e *Engine) analyse(ctx context.Context, a failover.Action) failover.Event {
	found := failover.Analysis{ID: a.ID, Asked: e.Clock.Now()}
	type answer func(*failover.Analysis)
	answers := make(chan answer, 5)
	var wait sync.WaitGroup
	put := func(question func() beat.Tri, field func(*failover.Analysis) *beat.Tri) {
		wait.Go(func() {
			tri := question()
			answers <- func(f *failover.Analysis) { *field(f) = tri }
		})
	}
	put(func() beat.Tri { return e.ask(ctx, reachPing) }, func(f *failover.Analysis) *beat.Tri { return &f.PingGroup })
	put(func() beat.Tri { return e.ask(ctx, reachICMP) }, func(f *failover.Analysis) *beat.Tri { return &f.ICMP })
	put(func() beat.Tri { return e.ask(ctx, reachARP) }, func(f *failover.Analysis) *beat.Tri { return &f.ARP })
	put(func() beat.Tri { return e.ask(ctx, reachService) }, func(f *failover.Analysis) *beat.Tri { return &f.Services })
	put(func() beat.Tri { return e.askService(ctx, found.ID, found.Asked) }, func(f *failover.Analysis) *beat.Tri { return &f.Service })
	go func() { wait.Wait(); close(answers) }()
	for {
		select {
		case set, more := <-answers:
			if !more {
				return e.analysed(found)
			}
			set(&found)
			so := found
			e.found.Store(&so)
			e.post(ctx, found)
		case <-ctx.Done():
			return e.analysed(found)
		}
	}
}

// askService asks for the service through the virtual IP, one question at a time. Its probe may
// be slower than an analysis, or end in the same instant: its answer is always told alone, too.
func (e *Engine) askService(ctx context.Context, id string, asked time.Duration) beat.Tri {
	if !e.asking.CompareAndSwap(false, true) {
		return beat.Unknown // an earlier question is still open
	}
	answer := make(chan beat.Tri, 1)
	e.background(e.life, func(life context.Context) {
		defer e.asking.Store(false)
		bounded, cancel := context.WithTimeout(life, failover.ServiceTime)
		defer cancel()
		found := triOf(e.probes.service(bounded))
		if found != beat.Unknown {
			e.post(life, failover.Analysis{ID: id, Asked: asked, Service: found})
		}
		answer <- found
	})
	select {
	case found := <-answer:
		return found
	case <-ctx.Done():
		return beat.Unknown
	}
}

// analysed keeps the answers for the findings.
func (e *Engine) analysed(found failover.Analysis) failover.Event {
	found.Final = true
	e.found.Store(&found)
	return found
}

func triOf(h beat.Health) beat.Tri {
	switch h {
	case beat.OK, beat.Degraded:
		return beat.Yes
	case beat.Down:
		return beat.No
	default:
		return beat.Unknown
	}
}

// watchPingGroup asks the ping group at a steady pace.
func (e *Engine) watchPingGroup(ctx context.Context) {
	in, ok := e.reach[reachPing]
	if !ok {
		return
	}
	if _, ok := in.wait(ctx); !ok {
		return
	}
	for {
		pace := min(e.cfg.Load().Policy.IsolationTime.Std()/2, pingMost) // two answers within the time that counts
		asked := e.Clock.Now()
		bounded, cancel := context.WithTimeout(ctx, pace)
		answer := e.ask(bounded, reachPing)
		cancel()
		e.post(ctx, failover.PingGroup{Reachable: answer, Asked: asked})
		if !e.rest(ctx, pace) {
			return
		}
	}
}
