package report

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

// tooLarge says why a part of the evidence is missing that did come in.
const tooLarge = "left out, the incident would be too large to send"

// fit brings an incident below a size by giving up what can be spared, the
// most sparable first: the older part of the scenario, every second sample of
// the flight recorder, the rest of both.
func fit(i *api.Incident, limit int) {
	if proto.Size(i) <= limit {
		return
	}
	i.Scenario = newestLines(i.Scenario, limit/4)
	for _, s := range i.Snapshots {
		if proto.Size(i) > limit {
			s.Flight = everySecond(s.Flight)
			s.Partial, s.Missing = true, append(s.Missing, "every second sample of the flight recorder: "+tooLarge)
		}
	}
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

// newestLines cuts a text to its last lines of at most size bytes.
func newestLines(text string, size int) string {
	if len(text) <= size {
		return text
	}
	_, rest, _ := strings.Cut(text[len(text)-size:], "\n")
	return rest
}

func everySecond(samples []*api.Sample) []*api.Sample {
	var kept []*api.Sample
	for n := len(samples) - 1; n >= 0; n -= 2 {
		kept = append([]*api.Sample{samples[n]}, kept...)
	}
	return kept
}
