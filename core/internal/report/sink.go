// Package report brings what happened out of the store: durable events,
// incidents and points through the outbox to consoles and InfluxDB endpoints,
// traps to any network management system. It never delays the engine.
package report

import "github.com/storeward/storeward/core/api"

// Sink takes what the engine has to tell. No method blocks, whatever is away
// or full; the values belong to the sink once they are handed over.
type Sink interface {
	// Event is one thing that happened; the sink gives it its id.
	Event(*api.Event)
	// Incident is an incident's newest revision; it replaces earlier ones of the same id.
	Incident(*api.Incident)
	// Points are measurements taken at one time.
	Points(*api.Points)
	// Status is what the node knows now; not durable.
	Status(*api.Status)
	// Backlog counts the reports that have not arrived everywhere yet, and those
	// with points that were given up for want of space.
	Backlog() (waiting, droppedPoints uint64)
}
