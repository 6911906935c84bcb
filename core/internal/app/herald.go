package app

import (
	"sync"

	"github.com/storeward/storeward/core/internal/engine"
)

// herald tells the engine what happens beside it, e.g. to plugins. What happens
// while the daemon still starts is told as soon as there is an engine. Who runs beside
// it gets the engine here, and from nowhere else.
type herald struct {
	mu     sync.Mutex
	engine *engine.Engine
	early  []func(*engine.Engine)
}

// tell calls say with the engine, now or later; say must return at once.
func (h *herald) tell(say func(*engine.Engine)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.engine == nil {
		h.early = append(h.early, say)
		return
	}
	say(h.engine)
}

func (h *herald) ready(e *engine.Engine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.engine = e
	for _, say := range h.early {
		say(e)
	}
	h.early = nil
}

// known is the engine; nil while the daemon starts.
func (h *herald) known() *engine.Engine {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.engine
}
