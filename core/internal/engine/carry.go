package engine

import (
	"context"
	"slices"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// carry begins everything that a plan wants; nothing here may wait.
func (e *Engine) carry(ctx context.Context, now time.Duration, plan failover.Plan) {
	if plan.Beat != nil {
		e.sendBeat(*plan.Beat)
	}
	for _, action := range plan.Actions {
		e.begin(ctx, action)
	}
	for _, answer := range plan.Answers {
		e.answer(answer)
	}
	e.publish(now, plan)
}

// publish keeps what people want to see, and hands the news to the clerk.
func (e *Engine) publish(now time.Duration, plan failover.Plan) {
	told := plan.Changed || len(plan.Raised)+len(plan.Cleared)+len(plan.Notes)+len(plan.Answers) > 0
	if told || now-e.view.Load().at >= viewEvery {
		e.view.Store(&viewed{View: e.machine.View(now), at: now})
		e.plan.Store(e.describe(plan, e.plan.Load(), now))
	}
	if told || len(plan.Actions) > 0 {
		e.clerk.tell(observation{
			at: now, raised: slices.Clone(plan.Raised), cleared: slices.Clone(plan.Cleared),
			notes: slices.Clone(plan.Notes), actions: slices.Clone(plan.Actions), answers: slices.Clone(plan.Answers),
			view: e.view.Load(),
		})
	}
}

// describe tells a plan to whoever asks; the last orders stay until there are others.
func (e *Engine) describe(plan failover.Plan, last *planned, now time.Duration) *planned {
	out := &planned{why: slices.Clone(plan.Why), wake: plan.Wake - now, actions: last.actions}
	var actions []string
	for _, a := range plan.Actions {
		if text := actionText(a, e.peer); text != "" {
			actions = append(actions, text)
		}
	}
	if len(actions) > 0 {
		out.actions = actions
	}
	return out
}

// sendBeat seals a beat once and sends it on every link.
func (e *Engine) sendBeat(b beat.Beat) {
	b.Wall = e.Clock.Wall().UnixNano()
	wire, err := e.codec.Encode(b)
	if err != nil {
		e.Log.WithError(err).Error("beat cannot be encoded")
		return
	}
	for _, l := range e.links {
		l.send(wire)
	}
}

// begin starts an action in a goroutine of its own; its answer is a fact.
func (e *Engine) begin(ctx context.Context, a failover.Action) {
	e.Log.WithField("action", a.String()).Debug("action begins")
	switch a.Kind {
	case failover.Persist:
		e.save(ctx, a)
		return
	case failover.ResetSelf:
		e.resetSelf()
		return
	default:
	}
	e.background(ctx, func(ctx context.Context) {
		if a.Deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, a.Deadline-e.Clock.Now())
			defer cancel()
		}
		began := e.Clock.Now()
		event := e.perform(ctx, a)
		e.Log.WithField("action", a.ID).WithField("took", e.Clock.Now()-began).WithField("answer", event.String()).Debug("action ends")
		e.deliver(event)
	})
}

// resetSelf has the watchdog reset this machine; there is no answer.
func (e *Engine) resetSelf() {
	if e.Watchdog == nil {
		return // the policy asks only where there is one
	}
	e.Log.Error("this machine is reset by its watchdog: it must yield and cannot stop")
	e.Watchdog.Reset()
}

// deliver posts an answer even while the daemon is stopping; the loop may be gone by then.
func (e *Engine) deliver(event failover.Event) {
	select {
	case e.inbox <- fact{event: event}:
	default:
		e.drop(event)
	}
}

// perform carries out one action and makes its answer.
func (e *Engine) perform(ctx context.Context, a failover.Action) failover.Event {
	switch a.Kind {
	case failover.Analyse:
		return e.analyse(ctx, a)
	case failover.FenceOff, failover.FenceOn, failover.FenceRead, failover.FenceTest:
		return e.fence(ctx, a)
	case failover.StartResource, failover.StopResource, failover.RestartResource, failover.PromoteResource, failover.DemoteResource, failover.MonitorResource:
		return e.steer(ctx, a)
	case failover.Shutdown:
		return e.shutDown(ctx, a)
	case failover.Verify:
		return e.verify(ctx, a.ID)
	default:
		return failover.ActionDone{ID: a.ID, Err: "this daemon does not know the action " + a.String()}
	}
}

// answer brings a command's outcome to whoever waits for it.
func (e *Engine) answer(a failover.Answer) {
	if reply, ok := e.waiting[a.ID]; ok {
		delete(e.waiting, a.ID)
		reply <- a
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
