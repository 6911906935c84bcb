package serial

import (
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// lookEvery is the period after which the traffic on the line is judged.
const lookEvery = 2 * time.Second

// traffic is what the line carried in the present period.
type traffic struct {
	offered, busy, refused int // beats to send: all, dropped for want of time, not taken by the port
	whole, echoed, damaged int // frames that arrived: the peer's, our own, and what is none
	frameBytes             int // of the newest beat that was sent

	own  [16]uint32 // checksums of the newest beats that were sent
	next int
}

func (t *traffic) remember(beat []byte, frameBytes int) {
	t.frameBytes = frameBytes
	t.own[t.next%len(t.own)] = crc32.Checksum(beat, castagnoli)
	t.next++
}

// sent tells whether a beat is one of the newest that went out.
func (t *traffic) sent(beat []byte) bool {
	known := t.own[:min(t.next, len(t.own))]
	return slices.Contains(known, crc32.Checksum(beat, castagnoli))
}

// anew keeps what a new period needs of the one before.
func (t *traffic) anew() { *t = traffic{frameBytes: t.frameBytes, own: t.own, next: t.next} }

// verdict is what a period's traffic says of the line.
type verdict int

const (
	well    verdict = iota
	slow            // more than a quarter of the beats find the line busy
	noisy           // more than a tenth of the frames arrive damaged
	garbled         // frames arrive, and none is whole
	looped          // what arrives is what was sent
	stuck           // the port takes nothing
)

// look judges the period that ends. l.mu is held.
func (l *line) look() {
	t := &l.traffic
	switch {
	case t.refused > 0 && t.refused+t.busy == t.offered:
		l.verdict = stuck
	case t.echoed > 0 && t.whole == 0:
		l.verdict = looped
	case t.damaged > 2 && t.whole == 0: // one or two are the end of a cable that was pulled
		l.verdict = garbled
	case t.damaged > 2 && t.damaged*10 > t.whole:
		l.verdict = noisy
	case t.offered > 3 && t.busy*4 > t.offered:
		l.verdict = slow
	default:
		l.verdict = well
	}
	t.anew()
}

// told is the verdict in words. A line that is known to be broken is Unknown: its
// silence says nothing of the peer. l.mu is held.
func (v verdict) told(l *line) (sdk.Status, string) {
	switch device, baud := l.config.Device, l.config.Baud; v {
	case stuck:
		return sdk.Unknown, device + " takes no bytes"
	case looped:
		return sdk.Unknown, "our own bytes come back from " + device + ": the cable is looped, or not crossed to the peer"
	case garbled:
		return sdk.Unknown, fmt.Sprintf("bytes arrive at %s and no beat is whole: have both ends %d baud?", device, baud)
	case noisy:
		return sdk.Degraded, fmt.Sprintf("beats arrive damaged at %s: look at the cable, or lower the rate from %d baud", device, baud)
	case slow:
		return sdk.Degraded, fmt.Sprintf("a beat takes %v at %d baud, and they come faster: raise the rate, or timing.interval above that",
			l.takes(l.traffic.frameBytes).Round(10*time.Millisecond), baud)
	default:
		return sdk.OK, fmt.Sprintf("beats go over %s at %d baud", device, baud)
	}
}
