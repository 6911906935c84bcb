package engine

import (
	"time"

	"github.com/storeward/storeward/core/api"
)

const (
	// forgedEnough packets with another key are no accident.
	forgedEnough = 5
	// forgedCalm is how long none must come before that is over, and how long the peer must
	// have been heard beside them before they count for less.
	forgedCalm = 30 * time.Second
)

// forgery follows what comes by one link and is not signed with this node's key: somebody
// else's, or the peer's own if one of the two nodes has a wrong key. However much comes,
// little is told.
type forgery struct {
	counted uint64        // forged packets, as last looked at
	came    uint64        // of them since the last calm
	last    time.Duration // when the last were looked at
	alone   time.Duration // when the peer was last not heard
	told    api.Severity  // cleared or unspecified: nothing stands
}

// look takes the count of forged packets and whether the peer is heard, and tells whether
// something changed. A standby with another key is not heard, and cut: that is worse
// than packets of a stranger beside good beats.
func (f *forgery) look(at, calm time.Duration, forged uint64, heard bool) (changed bool) {
	was := f.told
	if forged > f.counted {
		f.came += forged - f.counted
		f.counted, f.last = forged, at
	}
	if !heard {
		f.alone = at
	}
	switch {
	case f.came > 0 && at-f.last >= calm:
		f.came = 0
		if f.stands() {
			f.told = cleared
		}
	case f.came < forgedEnough:
	case !heard:
		f.told = major
	case !f.stands() || at-f.alone >= calm:
		f.told = warning
	}
	return f.told != was
}

func (f *forgery) stands() bool { return f.told == major || f.told == warning }

// forgeries tells of links by which packets with another key come, and no longer do.
func (c *clerk) forgeries(o observation) (out []*api.Event) {
	calm := max(forgedCalm, forgedEnough*c.e.cfg.Load().Timing.Interval.Std())
	for _, l := range c.e.Config.Links {
		link := c.e.links[l.Name]
		f := c.forged[l.Name]
		if f == nil {
			f = &forgery{}
			c.forged[l.Name] = f
		}
		if f.look(o.at, calm, link.forged(), o.view.Peer.Heard) {
			out = append(out, &api.Event{
				Kind: api.KindLinkForged, Severity: f.told, Object: "link/" + l.Name, Condition: api.ConditionForged,
				Message: c.e.forgedText(l.Name, f.told),
			})
		}
	}
	return out
}

func (e *Engine) forgedText(link string, severity api.Severity) string {
	key := e.Config.Key.File()
	if key == "" {
		key = "the configurations' key"
	}
	switch severity {
	case major:
		return "What comes from " + e.peer + "'s address on link " + link + " is signed with another key than this node's, and " + e.peer +
			" is not heard: compare " + key + " on both nodes."
	case warning:
		return "Beside " + e.peer + "'s beats, packets that are not signed with this node's key come on link " + link +
			" and are dropped: look for who sends them in " + e.peer + "'s name."
	default:
		return "No longer: packets that are not signed with this node's key on link " + link + "."
	}
}

func (l *link) forged() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts.Forged
}
