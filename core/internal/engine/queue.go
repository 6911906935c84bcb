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

func (q *queue[T]) put(v T) { q.lay(v, 1) }

// lay puts a value that can wait until there are so many of them, or one that cannot.
func (q *queue[T]) lay(v T, enough int) {
	q.mu.Lock()
	if len(q.values) >= q.bound {
		q.values = q.values[1:]
		q.dropped++
	}
	q.values = append(q.values, v)
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

// takeAll returns everything that waits, oldest first.
func (q *queue[T]) takeAll() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := q.values
	q.values = nil
	return out
}
