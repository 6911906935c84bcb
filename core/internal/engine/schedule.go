package engine

import (
	"context"
	"sync"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
	"github.com/storeward/storeward/core/internal/schedule"
)

// run opens the probes' instances and runs them when they are due, each in a
// goroutine that lives as long as its run.
func (p *probes) run(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	for _, name := range p.names {
		wait.Go(func() { p.all[name].in.open(ctx) })
	}
	plan := schedule.New(p.e.Config.Store, p.e.Node)
	if err := plan.Set(p.now(), p.entries()); err != nil {
		p.e.Log.WithError(err).Error("probes not scheduled")
		return
	}
	done := make(chan string, len(p.names))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-done:
			plan.Done(name)
			continue // nothing becomes due by it
		case <-timer.C:
		}
		for _, name := range plan.Due(p.now()) {
			wait.Go(func() {
				p.scheduled(ctx, p.all[name])
				done <- name
			})
		}
		p.note(plan)
		if next, ok := plan.Next(); ok {
			timer.Reset(max(0, next-p.e.Clock.Now()))
		}
	}
}

func (p *probes) now() schedule.Moment {
	return schedule.Moment{Mono: p.e.Clock.Now(), Wall: p.e.Clock.Wall()}
}

func (p *probes) entries() []schedule.Entry {
	out := make([]schedule.Entry, 0, len(p.names))
	for _, name := range p.names {
		c := p.all[name].cfg
		out = append(out, schedule.Entry{Name: name, Every: c.Every.Std(), Cron: c.Cron})
	}
	return out
}

// note keeps each probe's next time for people.
func (p *probes) note(plan *schedule.Schedule) {
	for _, name := range p.names {
		info, _ := plan.Entry(name)
		one := p.all[name]
		one.mu.Lock()
		one.next = info.Next
		one.mu.Unlock()
	}
}

// scheduled is one regular run, where the node's role wants it.
func (p *probes) scheduled(ctx context.Context, one *probe) {
	if !p.due(one) {
		p.rest(one)
		return
	}
	asked := p.e.Clock.Now()
	p.check(ctx, one)
	if one.cfg.Verify && ctx.Err() == nil {
		p.e.post(ctx, failover.ServiceProbe{Asked: asked, Health: p.lastService()})
	}
}

// lastService is the worst of what the probes through the virtual IP found last.
func (p *probes) lastService() beat.Health {
	found := []beat.Health{}
	for _, name := range p.names {
		one := p.all[name]
		if !one.cfg.Verify {
			continue
		}
		one.mu.Lock()
		found = append(found, healthOf(one.result.Status))
		one.mu.Unlock()
	}
	return worst(found)
}
