package report

import (
	"errors"
	"time"
)

const (
	// trapsWait is how long traps wait for the disk that is to give their numbers a place.
	trapsWait = time.Second
	// hangTold is when a disk that does not answer is told of.
	hangTold = 10 * time.Second
)

var errHangs = errors.New("the disk does not answer")

// meanwhile does work on the disk. A disk whose controller died does not even refuse:
// for as long as the work takes, what is reported goes to the trap receivers without it.
func (r *Reporter) meanwhile(work func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	late := time.NewTicker(trapsWait)
	defer late.Stop()
	for waited := trapsWait; ; waited += trapsWait {
		select {
		case <-done:
			return
		case <-late.C:
		}
		r.tellLate()
		if waited >= hangTold {
			r.tellHeld(errHangs)
		}
	}
}

// tellLate hands every event that waits to the trap senders.
func (r *Reporter) tellLate() {
	r.mu.Lock()
	all := r.queue.all()
	r.box.numberAfter(all[:r.given], all[r.given:])
	r.mu.Unlock()
	r.tell(len(all))
}
