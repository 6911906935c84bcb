package engine

import "sync"

// queue carries values from the loop to a slower goroutine. Put never waits;
// beyond the bound the oldest value is dropped and counted.
type queue[T any] struct {
	mu      sync.Mutex
	values  []T
	bound   int
	dropped uint64
	wake    chan struct{}
}

func newQueue[T any](bound int) *queue[T] {
	return &queue[T]{bound: bound, wake: make(chan struct{}, 1)}
}

func (q *queue[T]) put(v T) { q.lay(1, v) }

// lay puts values together that can wait until there are enough of them; 1: they cannot.
func (q *queue[T]) lay(enough int, values ...T) {
	q.mu.Lock()
	q.values = append(q.values, values...)
	if over := len(q.values) - q.bound; over > 0 {
		q.values = q.values[over:]
		q.dropped += uint64(over)
	}
	waiting := len(q.values)
	q.mu.Unlock()
	if waiting < enough {
		return
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// takeAll returns everything that waits, oldest first, and how many values before
// them were dropped since the last time.
func (q *queue[T]) takeAll() (values []T, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	values, dropped = q.values, q.dropped
	q.values, q.dropped = nil, 0
	return values, dropped
}
