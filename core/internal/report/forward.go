package report

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/api"
)

// The size of one delivery.
const (
	batchCount = 500
	batchBytes = 512 << 10
)

// forward delivers the outbox to one destination until ctx ends: oldest first,
// one batch at a time, again and again until it arrives, with pauses that grow
// to 5 s. deliver returns the newest number that has arrived for good.
func forward(ctx context.Context, box *outbox, destination string, log logrus.FieldLogger,
	deliver func(context.Context, []*api.Envelope) (uint64, error),
) {
	const firstPause, longestPause = 200 * time.Millisecond, 5 * time.Second
	pause, away := firstPause, false
	for ctx.Err() == nil {
		grown := box.waiting()
		envelopes, err := box.next(destination, batchCount, batchBytes)
		if err == nil && len(envelopes) == 0 {
			select {
			case <-grown:
			case <-ctx.Done():
			}
			continue
		}
		if err == nil {
			var arrived uint64
			if arrived, err = deliver(ctx, envelopes); err == nil {
				err = box.acknowledge(destination, envelopes[0].JournalId, arrived)
			}
		}
		if err == nil {
			if away {
				log.Info("destination takes reports again")
			}
			pause, away = firstPause, false
			continue
		}
		if !away && ctx.Err() == nil && !errors.Is(err, errClosed) && !errors.Is(err, errRenewed) {
			log.WithError(err).Warn("destination takes no reports: they wait in the outbox")
			away = true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, longestPause)
	}
}
