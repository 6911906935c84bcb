package bench

import (
	"context"
	"slices"
	"time"

	"github.com/storeward/storeward/core/api"
)

// phaseNames are the phases of a failover, in their order.
var phaseNames = []string{"detect", "analyse", "fence", "address", "storage", "start", "verify", "announce"}

// phaseRow is what one phase took at one of our settings.
type phaseRow struct {
	row, phase string
	Figure
}

// phases reads from the console what our nodes reported of every failover.
func (s *stage) phases(ctx context.Context) ([]phaseRow, error) {
	var all []phaseRow
	for _, e := range s.entrants {
		site, own := e.pair.(ourPair)
		if !own {
			continue
		}
		took, err := site.reported(ctx)
		if err != nil {
			return nil, err
		}
		for _, phase := range phaseNames {
			if samples := took[phase]; len(samples) > 0 {
				all = append(all, phaseRow{e.name, phase, figure(e.name+": phase "+phase, "ms", samples)})
			}
		}
	}
	return all, nil
}

// reported are the durations of the store's failovers by phase, in ms.
func (p ourPair) reported(ctx context.Context) (map[string][]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client, err := p.HQ.Client(ctx)
	if err != nil {
		return nil, err
	}
	var list struct {
		Incidents []struct{ ID, Kind string }
	}
	if err := client.Get(ctx, "/api/v1/incidents?limit=1000&store="+p.Store.Name, &list); err != nil {
		return nil, err
	}
	took := map[string][]float64{}
	for _, one := range list.Incidents {
		if one.Kind != api.IncidentFailover {
			continue
		}
		var incident struct {
			Phases []struct {
				Name            string
				DurationSeconds float64
			}
		}
		if err := client.Get(ctx, "/api/v1/incidents/"+one.ID+"?store="+p.Store.Name, &incident); err != nil {
			return nil, err
		}
		for _, phase := range incident.Phases {
			if slices.Contains(phaseNames, phase.Name) {
				took[phase.Name] = append(took[phase.Name], phase.DurationSeconds*1000)
			}
		}
	}
	return took, nil
}
