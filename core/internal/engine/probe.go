package engine

import (
	"context"
	"sync"
	"time"

	"github.com/storeward/storeward/core/config"
	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/sdk"
)

// probe is one scheduled check and what it found last.
type probe struct {
	cfg config.Probe
	in  *instance

	mu     sync.Mutex
	result sdk.Result
	err    string
	taken  time.Duration // 0: never ran
	took   time.Duration
	next   time.Duration
	told   sdk.Status // what the world was told last; Unknown: nothing yet, or all is well again
	bad    int        // findings in a row that were not well
}

// probes are all scheduled checks of the node.
type probes struct {
	e     *Engine
	names []string // in configured order
	all   map[string]*probe
}

func newProbes(e *Engine) *probes {
	p := &probes{e: e, all: map[string]*probe{}}
	for _, c := range e.Config.Probes {
		p.names = append(p.names, c.Name)
		p.all[c.Name] = &probe{cfg: c, in: e.newInstance(c.Plugin, "probe-"+c.Name, c.With.For(e.Node))}
	}
	return p
}

// noResult is the finding of a probe that does not run here.
var noResult sdk.Result

// due tells whether a probe runs on this node in its present role.
func (p *probes) due(one *probe) bool {
	active := p.e.view.Load().Role == beat.Active
	switch one.cfg.On {
	case "active":
		return active
	case "standby":
		return !active
	default:
		return true
	}
}

// check runs one probe within its timeout and keeps what it found.
func (p *probes) check(ctx context.Context, one *probe) {
	began := p.e.Clock.Now()
	result, err := one.ask(ctx)
	if ctx.Err() != nil {
		return
	}
	one.mu.Lock()
	one.result, one.err, one.taken, one.took = result, errText(err), p.e.Clock.Now(), p.e.Clock.Now()-began
	before, news := one.news(result.Status)
	judged := one.told != sdk.Unknown
	one.mu.Unlock()
	if news {
		p.e.clerk.tell(observation{at: p.e.Clock.Now(), probe: &probeChange{name: one.cfg.Name, before: before, result: result}})
	}
	if judged {
		p.e.clerk.judged("probe/" + one.cfg.Name)
	}
}

// news tells whether a finding is one for the world. What could not be found
// out neither raises nor clears anything. The first finding of all is told only
// when a second one agrees: while a store opens, much does not answer yet.
func (one *probe) news(found sdk.Status) (before sdk.Status, news bool) {
	switch found {
	case sdk.Unknown:
		return one.told, false
	case sdk.OK:
		one.bad = 0
	default:
		one.bad++
		if one.told == sdk.Unknown && one.bad < 2 {
			return one.told, false
		}
	}
	before, one.told = one.told, found
	return before, before != found
}

// rest forgets what a probe found that does not run on this node any more; what
// it raised is cleared.
func (p *probes) rest(one *probe) {
	one.mu.Lock()
	before := one.told
	one.result, one.err, one.taken, one.told, one.bad = noResult, "", 0, sdk.Unknown, 0
	one.mu.Unlock()
	if before == sdk.Down || before == sdk.Degraded {
		result := sdk.Result{Status: sdk.OK, Message: "is not asked on this node any more"}
		p.e.clerk.tell(observation{at: p.e.Clock.Now(), probe: &probeChange{name: one.cfg.Name, before: before, result: result}})
	}
	if p.e.view.Load().Role != beat.Joining { // a node that joins may be the one to ask it in a moment
		p.e.clerk.judged("probe/" + one.cfg.Name)
	}
}

// ask puts a probe's question.
func (one *probe) ask(ctx context.Context) (sdk.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, one.cfg.Timeout.Std())
	defer cancel()
	in, err := one.in.get()
	if err != nil {
		return sdk.Result{Message: err.Error()}, err
	}
	result, err := in.Probe(ctx)
	if err != nil {
		return sdk.Result{Message: err.Error()}, err
	}
	return result, nil
}

// service asks the store's service through the virtual IP: all probes marked
// verify at once. The worst finding counts; what could not be found out beats
// what is well, so that a takeover is never called done on half the answers. The
// probes' own records stay as they are: that nobody answers in the middle of a
// takeover is no news.
func (p *probes) service(ctx context.Context) beat.Health {
	var wait sync.WaitGroup
	var mu sync.Mutex
	found := []beat.Health{}
	for _, name := range p.names {
		if one := p.all[name]; one.cfg.Verify {
			wait.Go(func() {
				result, _ := one.ask(ctx) // could not find out is Unknown, in the result too
				mu.Lock()
				defer mu.Unlock()
				found = append(found, healthOf(result.Status))
			})
		}
	}
	wait.Wait()
	return worst(found)
}

func worst(found []beat.Health) beat.Health {
	if len(found) == 0 {
		return beat.HealthUnknown
	}
	out := beat.OK
	rank := map[beat.Health]int{beat.OK: 0, beat.Degraded: 1, beat.HealthUnknown: 2, beat.Down: 3}
	for _, h := range found {
		if rank[h] > rank[out] {
			out = h
		}
	}
	return out
}

// verify answers the policy's question for the service.
func (e *Engine) verify(ctx context.Context, id string) failover.Event {
	asked := e.Clock.Now()
	return failover.ServiceProbe{ID: id, Asked: asked, Health: e.probes.service(ctx)}
}
