package sdk

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPauseWaitsOrEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if !Pause(ctx, time.Second/2) || time.Since(begin) != time.Second/2 {
			t.Errorf("it went on after %v", time.Since(begin))
		}
		if Pause(ctx, time.Hour) || time.Since(begin) != time.Second {
			t.Errorf("it ended after %v", time.Since(begin))
		}
		for range 100 { // the runtime draws lots which of the two it sees
			if Pause(ctx, 0) {
				t.Fatal("it went on after the end")
			}
		}
	})
}
