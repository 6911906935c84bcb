package app

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/storeward/storeward/core/internal/control"
	"github.com/storeward/storeward/core/internal/engine"
	"github.com/storeward/storeward/core/internal/ringfile"
)

// historyBytes holds some thousand events.
const historyBytes = 1 << 20

// openHistory keeps what happened over a restart of the daemon. Without it the
// node works on and remembers less.
func (a *App) openHistory(o *engine.Options) {
	path := filepath.Join(a.cfg.StateDir, "history")
	ring, reason, err := ringfile.OpenOrReset(path, historyBytes, path+".corrupt-"+time.Now().UTC().Format("20060102T150405Z"))
	if err != nil {
		a.log.WithError(err).Warn("no history")
		return
	}
	if reason != nil {
		a.log.WithError(reason).Warn("history was damaged")
	}
	a.onClose(ring.Close)
	records, err := ring.Records()
	if err != nil {
		a.log.WithError(err).Warn("history not read")
	}
	for _, r := range records {
		var entry control.Entry
		if json.Unmarshal(r.Data, &entry) == nil {
			o.Past = append(o.Past, entry)
		}
	}
	failing := false
	o.Keep = func(entry control.Entry) {
		text, err := json.Marshal(entry)
		if err == nil {
			err = ring.Append(text)
		}
		if err != nil && !failing {
			a.log.WithError(err).Warn("history not kept")
		}
		failing = err != nil
	}
}
