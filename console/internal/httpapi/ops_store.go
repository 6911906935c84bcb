package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/storeward/storeward/console/internal/alarm"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/incident"
	"github.com/storeward/storeward/core/api"
)

// How much of a store's past its first answer holds.
const (
	recentIncidents = 20
	recentEvents    = 50
	mostAlarms      = 1000
)

type storeInput struct {
	Store string `path:"store" maxLength:"63"`
}

type eventsInput struct {
	Store  string `path:"store" maxLength:"63"`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Before int64  `query:"before" minimum:"0" doc:"Only events with a smaller key; 0: from the newest."`
}

func (a *API) storeOperations(h huma.API) {
	huma.Register(h, operation("listStores", "/api/v1/stores", "All stores and how they do", "stores"),
		func(ctx context.Context, _ *struct{}) (*body[StoreList], error) {
			stores, err := a.stores(ctx)
			if err != nil {
				return nil, a.broken(err)
			}
			return answer(StoreList{Stores: stores}), nil
		})

	one := operation("getStore", "/api/v1/stores/{store}", "One store: nodes, alarms, incidents, events", "stores")
	one.Errors = append(one.Errors, http.StatusNotFound)
	huma.Register(h, one, a.getStore)

	events := operation("listEvents", "/api/v1/stores/{store}/events", "A store's events, newest first", "stores")
	events.Errors = append(events.Errors, http.StatusNotFound)
	huma.Register(h, events, a.listEvents)
}

func (a *API) getStore(ctx context.Context, in *storeInput) (*body[StoreDetail], error) {
	nodes := a.Fleet.Nodes(in.Store)
	if len(nodes) == 0 {
		return nil, noStore(in.Store)
	}
	out, err := a.storeDetail(ctx, in.Store, nodes)
	if err != nil {
		return nil, a.broken(err)
	}
	return answer(*out), nil
}

func noStore(store string) error {
	return huma.Error404NotFound(fmt.Sprintf("no store %s is known", store))
}

func (a *API) listEvents(ctx context.Context, in *eventsInput) (*body[EventList], error) {
	if len(a.Fleet.Nodes(in.Store)) == 0 {
		return nil, noStore(in.Store)
	}
	rows, err := a.events(ctx, in.Store, in.Before, in.Limit)
	if err != nil {
		return nil, a.broken(err)
	}
	out := EventList{Events: eventViews(rows)}
	if len(rows) == in.Limit {
		out.Next = rows[len(rows)-1].Key
	}
	return answer(out), nil
}

func (a *API) events(ctx context.Context, store string, before int64, limit int) ([]db.Event, error) {
	var rows []db.Event
	sel := a.DB.Read.NewSelect().Model(&rows).Where("store = ?", store).OrderExpr("key DESC").Limit(int64(limit))
	if before > 0 {
		sel = sel.Where("key < ?", before)
	}
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	return rows, nil
}

// stores summarises every store with a fixed number of queries.
func (a *API) stores(ctx context.Context) ([]StoreSummary, error) {
	tallies, err := alarm.Tallies(ctx, a.DB.Read, "")
	if err != nil {
		return nil, err
	}
	open, last, err := incident.Recent(ctx, a.DB.Read, "")
	if err != nil {
		return nil, err
	}
	names := a.Fleet.Stores()
	out := make([]StoreSummary, 0, len(names))
	for _, name := range names {
		out = append(out, a.summary(name, a.Fleet.Nodes(name), tallies[name], open[name], last[name]))
	}
	return out, nil
}

// storeSummary summarises one store.
func (a *API) storeSummary(ctx context.Context, store string) (*StoreSummary, error) {
	tallies, err := alarm.Tallies(ctx, a.DB.Read, store)
	if err != nil {
		return nil, err
	}
	open, last, err := incident.Recent(ctx, a.DB.Read, store)
	if err != nil {
		return nil, err
	}
	s := a.summary(store, a.Fleet.Nodes(store), tallies[store], open[store], last[store])
	return &s, nil
}

func (a *API) summary(store string, nodes []fleet.Node, tally alarm.Tally, open int, last *db.Incident) StoreSummary {
	now := a.Now()
	h := fleet.Judge(nodes, tally, now)
	out := StoreSummary{
		Store: store, Health: h.Word, Reason: h.Reason, Active: h.Active, Redundant: h.Redundant,
		Nodes:  list(nodes, func(n fleet.Node) NodeSummary { return nodeSummary(&n, now) }),
		Alarms: tally.Count, WorstSeverity: severityWord(api.Severity(tally.Worst)), OpenIncidents: open,
	}
	if last != nil {
		row := incidentRow(last)
		out.LastIncident = &row
	}
	var seen time.Time
	for _, n := range nodes {
		if n.LastSeen.After(seen) {
			seen = n.LastSeen
		}
		if out.FirstSeen.IsZero() || n.FirstSeen.Before(out.FirstSeen) {
			out.FirstSeen = n.FirstSeen
		}
	}
	out.LastSeen = some(seen)
	return out
}

func nodeSummary(n *fleet.Node, now time.Time) NodeSummary {
	return NodeSummary{
		Node: n.Name, Online: n.Online(now), Missed: n.Missed, Role: n.Status.GetRole(), LastSeen: some(n.LastSeen),
	}
}

func (a *API) storeDetail(ctx context.Context, store string, nodes []fleet.Node) (*StoreDetail, error) {
	summary, err := a.storeSummary(ctx, store)
	if err != nil {
		return nil, err
	}
	alarms, err := alarm.List(ctx, a.DB.Read, alarm.Query{Store: store, Limit: mostAlarms})
	if err != nil {
		return nil, err
	}
	incidents, err := incident.List(ctx, a.DB.Read, incident.Query{Store: store, Limit: recentIncidents})
	if err != nil {
		return nil, err
	}
	events, err := a.events(ctx, store, 0, recentEvents)
	if err != nil {
		return nil, err
	}
	out := &StoreDetail{
		Summary: *summary, Nodes: make([]NodeDetail, 0, len(nodes)),
		Alarms: alarmViews(alarms), Incidents: incidentRows(incidents), Events: eventViews(events),
	}
	for i := range nodes {
		n, err := a.nodeDetail(ctx, &nodes[i])
		if err != nil {
			return nil, err
		}
		out.Nodes = append(out.Nodes, *n)
	}
	return out, nil
}

func (a *API) nodeDetail(ctx context.Context, n *fleet.Node) (*NodeDetail, error) {
	facts, err := fleet.Inventory(ctx, a.DB.Read, n.Store, n.Name)
	if err != nil {
		return nil, err
	}
	journals, err := fleet.Journals(ctx, a.DB.Read, n.Store, n.Name)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	return &NodeDetail{
		Node: n.Name, Online: n.Online(now), Missed: n.Missed, LastSeen: some(n.LastSeen),
		Status: statusView(n.Status), Inventory: table(facts),
		Journals: list(journals, func(j fleet.Journal) JournalView {
			return JournalView{JournalID: j.JournalID, Sequence: j.Sequence, Missing: j.Missing, LastSeen: db.Time(j.LastSeen)}
		}),
	}, nil
}
