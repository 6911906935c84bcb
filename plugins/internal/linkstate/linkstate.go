// Package linkstate tells the core a link's state when it is news.
package linkstate

import (
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk"
)

// Teller remembers what was told. Its owner keeps two calls from running at once.
type Teller struct {
	log  logrus.FieldLogger
	told sdk.LinkState
	tell func(sdk.LinkState) // nil: nobody listens yet
}

// New returns a teller that notes in a log what it tells.
func New(log logrus.FieldLogger) Teller { return Teller{log: log} }

// Begin names a new listener, who has been told nothing.
func (t *Teller) Begin(tell func(sdk.LinkState)) { t.tell, t.told = tell, sdk.LinkState{} }

// Tell passes a state on if it differs from the one before by more than its time.
func (t *Teller) Tell(now sdk.LinkState) {
	last := t.told
	last.Taken = now.Taken
	if now == last || t.tell == nil {
		return
	}
	t.told = now
	t.tell(now)
	t.log.WithFields(logrus.Fields{"state": now.Status.String(), "reason": now.Message}).Debug("link state")
}
