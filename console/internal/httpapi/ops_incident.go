package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/storeward/storeward/console/internal/alarm"
	"github.com/storeward/storeward/console/internal/auth"
	"github.com/storeward/storeward/console/internal/incident"
)

type incidentsInput struct {
	Store string `query:"store" maxLength:"63" doc:"Only of this store."`
	Open  bool   `query:"open" doc:"Only those that are open."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

type incidentInput struct {
	ID    string `path:"id" maxLength:"200"`
	Store string `query:"store" maxLength:"63" doc:"Needed only if several stores have an incident of this id."`
}

type failoversInput struct {
	Days int `query:"days" default:"7" minimum:"1" maximum:"366" doc:"How far back to look."`
}

type alarmsInput struct {
	Store   string `query:"store" maxLength:"63" doc:"Only of this store."`
	Cleared bool   `query:"cleared" doc:"Also those that are over."`
	Limit   int    `query:"limit" default:"200" minimum:"1" maximum:"1000"`
}

type acknowledgeInput struct {
	ID   int64 `path:"id"`
	Body struct {
		Comment string `json:"comment" maxLength:"2000"`
	}
}

func (a *API) incidentOperations(h huma.API) {
	huma.Register(h, operation("listIncidents", "/api/v1/incidents", "Incidents, newest first", "incidents"),
		func(ctx context.Context, in *incidentsInput) (*body[IncidentList], error) {
			rows, err := incident.List(ctx, a.DB.Read, incident.Query{Store: in.Store, Open: in.Open, Limit: in.Limit})
			if err != nil {
				return nil, a.broken(err)
			}
			return answer(IncidentList{Incidents: incidentRows(rows)}), nil
		})

	huma.Register(h, operation("summariseFailovers", "/api/v1/failovers", "How many failovers there were, and the slowest", "incidents"),
		func(ctx context.Context, in *failoversInput) (*body[FailoverSummary], error) {
			since := a.Now().UTC().Add(-time.Duration(in.Days) * 24 * time.Hour)
			found, err := incident.CountFailovers(ctx, a.DB.Read, since)
			if err != nil {
				return nil, a.broken(err)
			}
			return answer(failoverSummary(since, found)), nil
		})

	one := operation("getIncident", "/api/v1/incidents/{id}", "An incident with all its evidence", "incidents")
	one.Errors = append(one.Errors, http.StatusNotFound, http.StatusConflict)
	huma.Register(h, one, a.getIncident)
}

func (a *API) getIncident(ctx context.Context, in *incidentInput) (*body[IncidentDetail], error) {
	row, whole, err := incident.Read(ctx, a.DB.Read, in.Store, in.ID)
	switch {
	case errors.Is(err, incident.ErrNotFound):
		return nil, huma.Error404NotFound(err.Error())
	case errors.Is(err, incident.ErrAmbiguous):
		return nil, huma.Error409Conflict(err.Error())
	case err != nil:
		return nil, a.broken(err)
	}
	events, err := incident.Events(ctx, a.DB.Read, row.Store, row.ID)
	if err != nil {
		return nil, a.broken(err)
	}
	return answer(*incidentDetail(row, whole, events)), nil
}

func (a *API) alarmOperations(h huma.API) {
	huma.Register(h, operation("listAlarms", "/api/v1/alarms", "Alarms, worst first", "alarms"),
		func(ctx context.Context, in *alarmsInput) (*body[AlarmList], error) {
			rows, err := alarm.List(ctx, a.DB.Read, alarm.Query{Store: in.Store, Cleared: in.Cleared, Limit: in.Limit})
			if err != nil {
				return nil, a.broken(err)
			}
			return answer(AlarmList{Alarms: alarmViews(rows)}), nil
		})

	ack := operation("acknowledgeAlarm", "/api/v1/alarms/{id}/acknowledge", "Say that the alarm was seen", "alarms")
	ack.Method, ack.Metadata = http.MethodPost, needRole(auth.Operator)
	ack.Errors = append(ack.Errors, http.StatusNotFound)
	huma.Register(h, ack, a.acknowledge)
}

func (a *API) acknowledge(ctx context.Context, in *acknowledgeInput) (*body[AlarmView], error) {
	who := callerOf(ctx)
	row, err := alarm.Acknowledge(ctx, a.DB.Write, in.ID, who.Name, in.Body.Comment, a.Now())
	switch {
	case errors.Is(err, alarm.ErrNotFound):
		return nil, huma.Error404NotFound(err.Error())
	case err != nil:
		return nil, a.broken(err)
	}
	a.audit(ctx, who.Name, who.address, "acknowledge alarm", row.Store+" "+row.Object+" "+row.Condition, in.Body.Comment)
	a.Hub.Tell(row)
	return answer(alarmView(row)), nil
}
