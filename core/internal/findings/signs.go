package findings

import (
	"slices"
	"strings"

	"github.com/storeward/storeward/core/internal/beat"
	"github.com/storeward/storeward/core/internal/failover"
)

// SignsOf reads the signs from a scenario: the lines "TIME EVENT" that a node's ring
// of decision inputs holds. Devices are those that feed the silent node. The signs
// are those of the newest silence in which a fence order was answered, as they stood
// before that; without one, of the silence that lasts. With them comes what the last
// beat before it said, nil if there was none.
func SignsOf(scenario string, devices []string) (Signs, *Said) {
	w := watcher{devices: devices, power: map[string]Answer{}, heard: true}
	for _, line := range strings.Split(scenario, "\n") {
		_, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if event, err := failover.ParseEvent(text); err == nil {
			w.see(event)
		}
	}
	if w.ordered != nil {
		return *w.ordered, w.before
	}
	return w.now(), w.said
}

// watcher folds events into the signs of the present silence.
type watcher struct {
	devices []string
	signs   Signs
	power   map[string]Answer // by device, read in this silence
	heard   bool              // a beat since the last order
	said    *Said             // by the newest beat
	ordered *Signs            // as they stood when a fence order was first answered
	before  *Said             // what had been said by then
}

func (w *watcher) see(event failover.Event) {
	switch e := event.(type) {
	case failover.BeatHeard:
		// Life: what was found in an earlier silence is void. The carrier is a state and stays.
		w.signs = Signs{Carrier: w.signs.Carrier}
		clear(w.power)
		w.heard = true
		w.said = SaidIn(&e.Beat)
	case failover.LinkState:
		w.signs.Carrier = newest(w.signs.Carrier, e.Carrier)
	case failover.Analysis:
		w.signs.ICMP = newest(w.signs.ICMP, e.ICMP)
		w.signs.ARP = newest(w.signs.ARP, e.ARP)
		w.signs.Services = newest(w.signs.Services, e.Services)
	case failover.FenceAnswer:
		w.fence(e)
	}
}

func (w *watcher) fence(e failover.FenceAnswer) {
	switch {
	case !slices.Contains(w.devices, e.Device):
	case !strings.HasPrefix(e.ID, "fence-off"):
		w.power[e.Device] = newest(w.power[e.Device], e.Power)
	case w.heard:
		before := w.now()
		w.ordered, w.before, w.heard = &before, w.said, false
	}
}

// now is what the signs say at this moment. One supply that is on keeps a node
// running; it is dark when every one was read off.
func (w *watcher) now() Signs {
	s, off := w.signs, 0
	for _, device := range w.devices {
		switch w.power[device] {
		case Yes:
			s.Power = Yes
		case No:
			off++
		case Unknown:
		}
	}
	if s.Power == Unknown && off > 0 && off == len(w.devices) {
		s.Power = No
	}
	return s
}

// SaidIn is what a beat tells of its sender.
func SaidIn(b *beat.Beat) *Said {
	return &Said{Active: b.Role == beat.Active, PingGroup: newest(Unknown, b.PingGroup), CutMe: b.CutMe, Layers: b.Layers}
}

// newest keeps what is known when a later question brought nothing.
func newest(old Answer, t beat.Tri) Answer {
	switch t {
	case beat.Yes:
		return Yes
	case beat.No:
		return No
	default:
		return old
	}
}
