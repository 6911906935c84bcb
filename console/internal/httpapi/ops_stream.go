package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/live"
	"github.com/storeward/storeward/core/api"
)

const (
	// pulseEvery keeps proxies from closing a quiet stream and finds ended sessions.
	pulseEvery = 10 * time.Second
	// watcherBacklog is how many pieces of news a browser may lag behind.
	watcherBacklog = 256
	// maxStreams is how many may watch at once; each piece of news is worked out
	// for each of them.
	maxStreams = 500
)

// Pulse says that the stream is alive; the first one comes at once.
type Pulse struct {
	Time time.Time `json:"time" doc:"The console's clock."`
}

// StoreHealth is sent when a store's summary changed.
type StoreHealth StoreSummary

type streamInput struct {
	Store string `query:"store" maxLength:"63" doc:"Only news of this store."`
}

func (a *API) streamOperation(h huma.API) {
	op := operation("stream", "/api/v1/stream", "News as they come (server-sent events)", "live")
	op.Description = "event: status | event | incident | alarm | store | pulse, data: the JSON of it. " +
		"The stream ends when the reader is too slow or the session is over: connect again and read anew."
	op.Errors = append(op.Errors, http.StatusServiceUnavailable)
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		if a.Hub.Watchers() >= maxStreams {
			a.refuse(h, ctx, http.StatusServiceUnavailable, fmt.Sprintf("%d streams are open, more than that there cannot be: close some", maxStreams))
			return
		}
		next(ctx)
	}}
	sse.Register(h, op, map[string]any{
		"status": StatusView{}, "event": EventView{}, "incident": IncidentRow{}, "alarm": AlarmView{}, "store": StoreHealth{}, "pulse": Pulse{},
	}, a.stream)
}

func (a *API) stream(ctx context.Context, in *streamInput, send sse.Sender) {
	watcher := a.Hub.Watch(watcherBacklog)
	defer watcher.Stop()
	pulse := time.NewTicker(pulseEvery)
	defer pulse.Stop()
	if send.Data(Pulse{a.Now()}) != nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-pulse.C:
			if !a.Sessions.Alive(ctx) || send.Data(Pulse{a.Now()}) != nil {
				return
			}
		case news, ok := <-watcher.C:
			if !ok {
				return
			}
			view, store := a.newsView(ctx, news)
			if view == nil || in.Store != "" && in.Store != store {
				continue
			}
			if send.Data(view) != nil {
				return
			}
		}
	}
}

// newsView is what a browser gets to see of a piece of news, and the store it is about.
func (a *API) newsView(ctx context.Context, n live.News) (view any, store string) {
	switch n := n.(type) {
	case *api.Status:
		return *statusView(n), n.GetStore()
	case *db.Event:
		return eventView(n), n.Store
	case *db.Incident:
		return incidentRow(n), n.Store
	case *db.Alarm:
		return alarmView(n), n.Store
	case live.StoreChanged:
		s, err := a.storeSummary(ctx, string(n))
		if err != nil {
			a.Log.WithError(err).Debug("store not summarised")
			return nil, ""
		}
		return StoreHealth(*s), string(n)
	default:
		return nil, ""
	}
}
