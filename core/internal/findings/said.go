package findings

import (
	"fmt"
	"strings"

	"github.com/storeward/storeward/core/internal/beat"
)

// lastBeat looks at what the failed node said of itself before it fell silent.
func (d *drawer) lastBeat() {
	s, node := d.Said, d.Incident.GetFailedNode()
	if s == nil || node == "" {
		return
	}
	at := "beats/" + node + "/"
	if s.CutMe {
		d.add(NodeAskedForCut, major, 1, node+" asked to be cut: something on it did not stop", at+"cut_me")
	}
	if s.PingGroup == No {
		d.add(NetworkIsolated, major, .9, fmt.Sprintf("%s reached no address of the ping group when it was last heard: its network was cut off, or they all failed", node), at+"ping_group")
	}
	d.layers(s, at)
}

// layers finds what did not work while the node was still heard. What is down on a
// standby is meant to be; what is degraded runs there too.
func (d *drawer) layers(s *Said, at string) {
	var down, degraded, evidence []string
	for _, l := range s.Layers {
		switch {
		case l.Health == beat.Down && s.Active:
			down = append(down, l.Name)
		case l.Health == beat.Degraded:
			degraded = append(degraded, l.Name)
		default:
			continue
		}
		evidence = append(evidence, at+"layers/"+l.Name)
	}
	var parts []string
	if len(down) > 0 {
		parts = append(parts, strings.Join(down, ", ")+" did not work")
	}
	if len(degraded) > 0 {
		parts = append(parts, strings.Join(degraded, ", ")+" did not work well")
	}
	if len(parts) == 0 {
		return
	}
	severity := minor
	if len(down) > 0 {
		severity = major
	}
	d.add(LayerUnwell, severity, .9, fmt.Sprintf("when %s was last heard, %s on it", d.Incident.GetFailedNode(), strings.Join(parts, " and ")), evidence...)
}
