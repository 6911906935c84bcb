package report

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

// tooLarge says why a part of the evidence is missing that did come in.
const tooLarge = "left out, the incident would be too large to send"

// leastKept: thinned twice or three times, a flight recording still draws the charts.
const leastKept = 8

// fit brings an incident below a size by giving up what can be spared, the most
// sparable first: samples of the flight recorder, evenly, then the scenario, the rest
// of the recording, the older part of the timeline.
func fit(i *api.Incident, limit int) {
	thin(i, limit)
	if proto.Size(i) > limit {
		i.Scenario = ""
	}
	for _, s := range i.Snapshots {
		if proto.Size(i) > limit {
			s.Flight = nil
			s.Missing = append(s.Missing, "the flight recorder: "+tooLarge)
		}
	}
	for n := len(i.Timeline); proto.Size(i) > limit && n > 0; n /= 2 {
		i.Timeline = i.Timeline[len(i.Timeline)-n:]
	}
}

// thin keeps every second sample, then every fourth, then every eighth of both nodes'.
func thin(i *api.Incident, limit int) {
	kept := 1
	for proto.Size(i) > limit && kept < leastKept {
		kept *= 2
		for _, s := range i.Snapshots {
			s.Flight = everySecond(s.Flight)
		}
	}
	if kept == 1 {
		return
	}
	for _, s := range i.Snapshots {
		s.Partial, s.Missing = true, append(s.Missing, fmt.Sprintf("all but one of %d samples of the flight recorder: %s", kept, tooLarge))
	}
}

func everySecond(samples []*api.Sample) []*api.Sample {
	var kept []*api.Sample
	for n := len(samples) - 1; n >= 0; n -= 2 {
		kept = append([]*api.Sample{samples[n]}, kept...)
	}
	return kept
}
