package turns

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadingsNeverHoldAnOrderUp: every reading here lasts until it is cut, so that one
// that an order could not see would hold it up for ever.
func TestReadingsNeverHoldAnOrderUp(t *testing.T) {
	turns := New()
	ctx, cancel := context.WithCancel(t.Context())
	var readings, holders atomic.Int32
	var all sync.WaitGroup
	alone := func() func() {
		if holders.Add(1) != 1 {
			t.Error("two at a time")
		}
		return func() { holders.Add(-1) }
	}
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				reading, done, err := turns.Read(ctx)
				if err != nil {
					continue
				}
				leave := alone()
				readings.Add(1)
				<-reading.Done()
				leave()
				done()
			}
		})
	}
	for n := range 2000 {
		bound, free := context.WithTimeout(ctx, 10*time.Second)
		done, err := turns.Order(bound)
		free()
		if err != nil {
			t.Fatalf("order %d: %v", n, err)
		}
		leave := alone()
		leave()
		done()
	}
	cancel()
	all.Wait()
	if readings.Load() == 0 {
		t.Error("no reading ever had its turn")
	}
}

func TestReadingWaitsWhileOrdersDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New()
		first, err := turns.Order(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var begun []string
		var mu sync.Mutex
		note := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			begun = append(begun, what)
		}
		go func() {
			_, done, err := turns.Read(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			note("reading")
			done()
		}()
		synctest.Wait()
		go func() {
			done, err := turns.Order(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			note("order")
			<-time.After(time.Second)
			done()
		}()
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := turns.Read(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a reading without time: %v", err)
		}
		first()
		<-time.After(2 * time.Second)
		synctest.Wait()
		if len(begun) != 2 || begun[0] != "order" || begun[1] != "reading" {
			t.Errorf("begun: %v", begun)
		}
	})
}

func TestPreemptedReadingKnowsWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := New()
		reading, end, err := turns.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		given, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := turns.Order(given); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a reading that does not end: %v", err)
		}
		if !errors.Is(context.Cause(reading), ErrPreempted) {
			t.Errorf("the reading's cause: %v", context.Cause(reading))
		}
		end()
		if _, done, err := turns.Read(t.Context()); err != nil { // the order gave up
			t.Error(err)
		} else {
			done()
		}
	})
}
