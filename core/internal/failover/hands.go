package failover

import (
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/internal/beat"
)

// handOf finds how an action fares on a node: "start db" before "start".
func (n *benchNode) handOf(kind, name string, took time.Duration) hand {
	h, ok := n.hands[kind+" "+name]
	if !ok {
		h, ok = n.hands[kind]
	}
	if !ok {
		h = hand{word: "ok"}
	}
	if h.took == 0 {
		h.took = took
	}
	return h
}

// carryOut does an action in the dry world and answers it in time.
func (b *bench) carryOut(n *benchNode, a Action) {
	m := n.machine
	answer := func(d time.Duration, do func() Event) {
		b.after(d, func() {
			if n.powered && !n.crashed {
				e := do()
				if n.machine == m && e != nil {
					b.give(n, e)
				}
			}
		})
	}
	switch a.Kind {
	case Persist:
		h := n.handOf("persist", "", 2*time.Millisecond)
		answer(h.took, func() Event {
			if h.word == "fail" {
				return Persisted{ID: a.ID, Err: "disk full"}
			}
			n.state = a.State
			n.had, n.hadIn = n.policy.Exclusive(), n.kernel // as the engine keeps them
			return Persisted{ID: a.ID}
		})
	case Analyse:
		asked := b.now
		h := n.handOf("analyse", "", n.policy.Analyse-5*time.Millisecond)
		// As the engine does: what is known is told at once, and the rest as not known.
		answer(time.Millisecond, func() Event { return Analysis{ID: a.ID, Asked: asked, PingGroup: b.reach(n)} })
		service := n.handOf("service", "", h.took)
		answer(h.took, func() Event {
			e := b.evidenceFor(n, a.ID, asked)
			if service.word == "hang" || service.took > h.took {
				e.Service = beat.Unknown
			}
			return e
		})
		if service.word != "hang" && service.took > h.took {
			answer(service.took, func() Event {
				return Analysis{ID: a.ID, Asked: asked, Service: b.evidenceFor(n, a.ID, asked).Service}
			})
		}
	case FenceOff, FenceOn, FenceRead, FenceTest:
		b.carryFence(n, a, answer)
	case StartResource, StopResource, RestartResource, PromoteResource, DemoteResource:
		b.carryResource(n, a, answer)
	case MonitorResource:
		answer(time.Millisecond, func() Event { return b.monitor(n, a.ID, a.Resource) })
	case Verify:
		asked := b.now
		h := n.handOf("verify", "", 5*time.Millisecond)
		answer(h.took, func() Event {
			if h.word != "ok" {
				return ServiceProbe{ID: a.ID, Health: beat.Down, Asked: asked}
			}
			return ServiceProbe{ID: a.ID, Health: beat.OK, Asked: asked}
		})
	case ResetSelf, Shutdown:
		b.endMachine(n, a)
	case NoAction:
	}
}

// endMachine resets a machine, or shuts it down, unless its daemon ended before.
func (b *bench) endMachine(n *benchNode, a Action) {
	m := n.machine
	h := n.handOf(a.Kind.String(), "", 10*time.Millisecond)
	b.after(h.took, func() {
		switch {
		case n.machine != m:
		case h.word == "fail":
			b.give(n, ActionDone{ID: a.ID, Err: "ups-" + n.name + " refused"})
		case h.word != "ok":
		case a.Kind == ResetSelf:
			b.reset(n)
		default:
			b.halt(n)
		}
	})
}

// evidenceFor answers an analysis from the truth of this world.
func (b *bench) evidenceFor(n *benchNode, id string, asked time.Duration) Analysis {
	peer := b.other(n)
	tri := func(key string, yes bool) beat.Tri {
		if t, ok := n.truth[key]; ok {
			return t
		}
		if yes {
			return beat.Yes
		}
		return beat.No
	}
	lan := peer != nil && b.path("lan", n, peer) && b.path("lan", peer, n)
	serves := lan && len(peer.running) > 0
	for _, r := range n.policy.Resources {
		serves = serves && (r.ActiveActive || peer.running[r.Name] == "up")
	}
	return Analysis{
		ID: id, Asked: asked, PingGroup: b.reach(n), Final: true,
		ICMP: tri("icmp", lan), ARP: tri("arp", lan), Services: tri("services", lan), Service: tri("service", serves),
	}
}

// isWarm: the resource is a warm layer.
func (n *benchNode) isWarm(name string) bool {
	return slices.ContainsFunc(n.policy.Resources, func(r Resource) bool { return r.Name == name && r.Warm })
}

func (b *bench) monitor(n *benchNode, id, name string) ResourceState {
	e := ResourceState{ID: id, Resource: name, Running: beat.No}
	if n.isWarm(name) && n.running[name] != "" {
		e.Promoted = beat.Yes
	}
	switch n.running[name] {
	case "up":
		e.Running, e.Health, e.PID = beat.Yes, beat.OK, n.pids
	case "warm":
		e.Running, e.Promoted, e.Health, e.PID = beat.Yes, beat.No, beat.OK, n.pids
	case "down":
		e.Running, e.Health, e.PID, e.Message = beat.Yes, beat.Down, n.pids, "no answer within 2s"
	case "unknown":
		e.Running = beat.Unknown
	}
	return e
}

// carryFence lets a device act. The order reaches it only if its path works.
func (b *bench) carryFence(n *benchNode, a Action, answer func(time.Duration, func() Event)) {
	h := n.handOf(a.Kind.String(), a.Device, 20*time.Millisecond)
	fed := b.fedBy(n, a.Device)
	reading := func(on bool, err string) Event {
		e := FenceAnswer{ID: a.ID, Device: a.Device, Power: beat.No, Taken: b.now, Err: err}
		if on {
			e.Power = beat.Yes
		}
		return e
	}
	if !n.fences || h.word == "fail" || fed != nil && b.supplies[fed.name].dead {
		answer(min(h.took, a.Deadline-b.now), func() Event {
			return FenceAnswer{ID: a.ID, Device: a.Device, Taken: b.now, Err: "no answer from the device"}
		})
		return
	}
	if h.word == "hang" {
		return
	}
	if a.Kind == FenceTest && fed != nil && fed.dark[a.Device] { // what is off is not ordered on for a test
		answer(h.took, func() Event { return reading(false, "") })
		return
	}
	// The order is on its way: it acts even if its sender dies.
	b.after(h.took, func() {
		switch {
		case h.word == "lie" || fed == nil:
		case a.Kind == FenceOff:
			b.setOutlet(fed, a.Device, false)
		case a.Kind == FenceOn || a.Kind == FenceTest:
			b.setOutlet(fed, a.Device, true)
		}
	})
	if h.word == "deaf" {
		return
	}
	answer(h.took, func() Event {
		if h.word == "lie" {
			return reading(false, "")
		}
		return reading(fed != nil && !fed.dark[a.Device], "")
	})
}

func (b *bench) carryResource(n *benchNode, a Action, answer func(time.Duration, func() Event)) {
	h := n.handOf(a.Kind.String(), a.Resource, 10*time.Millisecond)
	if h.word == "hang" {
		return
	}
	answer(h.took, func() Event {
		if h.word == "fail" {
			return ActionDone{ID: a.ID, Err: strings.TrimSpace(a.Kind.String()+" "+a.Resource) + " failed"}
		}
		if a.Kind == StopResource {
			delete(n.running, a.Resource)
			return ActionDone{ID: a.ID}
		}
		n.running[a.Resource] = "up"
		if a.Kind == DemoteResource || a.Kind != PromoteResource && n.isWarm(a.Resource) {
			n.running[a.Resource] = "warm"
		}
		if a.Kind != PromoteResource && a.Kind != DemoteResource {
			n.pids++
		}
		return ActionDone{ID: a.ID, PID: n.pids}
	})
}
