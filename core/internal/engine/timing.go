package engine

import (
	"context"

	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/timing"
)

// Timing answers the control socket: how beats arrive, and what that supports.
func (e *Engine) Timing(context.Context) (control.Timing, error) {
	t := e.cfg.Load().Timing
	now := timing.Setting{Interval: t.Interval.Std(), Warntime: t.Warntime.Std(), Deadtime: t.Deadtime.Std()}
	e.arrivals.mu.Lock()
	all := e.arrivals.Arrivals
	e.arrivals.mu.Unlock()
	advice := timing.Advise(now, &all)
	out := control.Timing{
		Peer: e.peer, Now: settingOf(now), Any: linkTiming("", now, &all),
		Advice: control.TimingAdvice{Given: advice.Setting != timing.Setting{}, TimingSetting: settingOf(advice.Setting), Reasons: advice.Reasons},
	}
	if all.Heard > 0 {
		out.Seconds = (e.Clock.Now() - all.Since).Seconds()
	}
	for _, c := range e.cfg.Load().Links {
		l := e.links[c.Name]
		l.mu.Lock()
		arrivals := l.arrivals
		l.mu.Unlock()
		out.Links = append(out.Links, linkTiming(c.Name, now, &arrivals))
	}
	return out, nil
}

func settingOf(s timing.Setting) control.TimingSetting {
	return control.TimingSetting{Interval: s.Interval.Seconds(), Warntime: s.Warntime.Seconds(), Deadtime: s.Deadtime.Seconds()}
}

func linkTiming(name string, now timing.Setting, a *timing.Arrivals) control.LinkTiming {
	out := control.LinkTiming{
		Link: name, Count: a.Heard, Lost: a.Lost, Loss: a.Loss(), Outages: a.Outages,
		P50: a.Late.Quantile(.5).Seconds(), P99: a.Late.Quantile(.99).Seconds(), P999: a.Late.Quantile(.999).Seconds(), Max: a.Late.Max().Seconds(),
		Silent: a.Silent.Max().Seconds(), Answer: a.Answer.Max().Seconds(),
	}
	if a.Heard >= timing.Least {
		out.Alone = timing.Alone(now.Interval, a).Seconds()
	}
	return out
}
