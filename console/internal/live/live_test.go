package live

import (
	"sync"
	"testing"
)

func TestSlowWatcherIsLetGo(t *testing.T) {
	h := New()
	slow, quick := h.Watch(1), h.Watch(10)
	defer quick.Stop()
	for range 3 {
		h.Tell("news")
	}
	if n := <-slow.C; n != "news" {
		t.Errorf("got %v", n)
	}
	if _, ok := <-slow.C; ok {
		t.Error("the slow one still gets news")
	}
	if len(quick.C) != 3 || h.Watchers() != 1 {
		t.Errorf("the quick one got %d pieces, %d watchers left", len(quick.C), h.Watchers())
	}
	slow.Stop()
}

func TestClose(t *testing.T) {
	h := New()
	w := h.Watch(1)
	h.Close()
	if _, ok := <-w.C; ok {
		t.Error("open after Close")
	}
	if _, ok := <-h.Watch(1).C; ok {
		t.Error("a later watcher is not let go")
	}
	w.Stop()
	h.Tell("nobody hears it")
}

func TestConcurrentUse(t *testing.T) {
	h := New()
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 200 {
				w := h.Watch(2)
				h.Tell(1)
				w.Stop()
				for range w.C {
				}
			}
		})
	}
	g.Wait()
	if h.Watchers() != 0 {
		t.Errorf("%d watchers left", h.Watchers())
	}
}
