// Package live carries news from where it is stored to whoever watches now. It
// keeps nothing: a watcher that is too slow is let go and has to read the
// database again, so that nobody can hold up the ingest.
package live

import "sync"

// News is one thing that watchers may want to see: a *api.Status, or a pointer
// to a row of the database that was just committed.
type News any

// Hub hands every piece of news to every watcher.
type Hub struct {
	mu       sync.Mutex
	watchers map[*Watcher]struct{}
	closed   bool
}

// Watcher receives news on C. C is closed when the watcher was too slow or the
// hub is closed.
type Watcher struct {
	C   <-chan News
	c   chan News
	hub *Hub
}

// New returns a hub without watchers.
func New() *Hub { return &Hub{watchers: map[*Watcher]struct{}{}} }

// Watch starts a watcher that may lag by at most backlog pieces of news.
func (h *Hub) Watch(backlog int) *Watcher {
	c := make(chan News, backlog)
	w := &Watcher{C: c, c: c, hub: h}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		close(c)
		return w
	}
	h.watchers[w] = struct{}{}
	return w
}

// Tell hands n to every watcher and never blocks.
func (h *Hub) Tell(n News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		select {
		case w.c <- n:
		default:
			h.drop(w)
		}
	}
}

// Watchers returns how many watch now.
func (h *Hub) Watchers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers)
}

// Close lets every watcher go; later ones are let go at once.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		h.drop(w)
	}
}

// drop needs h.mu.
func (h *Hub) drop(w *Watcher) {
	delete(h.watchers, w)
	close(w.c)
}

// Stop ends the watcher; it may be called more than once.
func (w *Watcher) Stop() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	if _, ok := w.hub.watchers[w]; ok {
		w.hub.drop(w)
	}
}

// StoreChanged is news: the store of this name does otherwise than before.
type StoreChanged string
