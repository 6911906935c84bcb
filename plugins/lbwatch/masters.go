package lbwatch

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// maxMasters bounds how many senders are remembered.
const maxMasters = 16

// masters remembers who has said lately that it is the master of one virtual router.
// It reads no clock.
type masters struct {
	id    int
	known map[netip.Addr]*master
}

// master is one sender's newest run of advertisements.
type master struct {
	advert

	since, last time.Duration // first and newest one of the run
}

func newMasters(id int) *masters { return &masters{id: id, known: map[netip.Addr]*master{}} }

// hear takes an advertisement.
func (m *masters) hear(a advert, at time.Duration) {
	known := m.known[a.source]
	switch {
	case a.id != m.id:
	case a.priority == 0: // it gives up
		delete(m.known, a.source)
	case known == nil || at-known.last > known.down():
		m.forget(at)
		if len(m.known) < maxMasters {
			m.known[a.source] = &master{advert: a, since: at, last: at}
		}
	default:
		known.advert, known.last = a, at
	}
}

// forget lets go of whom nobody has heard for long.
func (m *masters) forget(now time.Duration) {
	for source, one := range m.known {
		if now-one.last > one.down() {
			delete(m.known, source)
		}
	}
}

// present returns who is the master, the one that began last first. A router that
// hears a better one falls silent at once, so that its last advertisement is older than
// the other's first: it is no master any more. Several are returned where each goes on
// although it should have heard the other.
func (m *masters) present(now time.Duration) []master {
	m.forget(now)
	var all []master
	for _, one := range m.known {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b master) int { return cmp.Or(cmp.Compare(b.since, a.since), a.source.Compare(b.source)) })
	if len(all) == 0 {
		return nil
	}
	newest := all[0]
	return slices.DeleteFunc(all, func(one master) bool {
		return one.source != newest.source && one.last < newest.since+newest.interval/2
	})
}
