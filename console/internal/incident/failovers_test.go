package incident

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/storeward/storeward/console/internal/db"
)

// TestFailovers counts every failover of the window, not each store's newest.
func TestFailovers(t *testing.T) {
	ctx := context.Background()
	d := open(t)
	day := 24 * time.Hour
	if empty, err := CountFailovers(ctx, d.Read, at.Add(-7*day)); err != nil || *empty != (Failovers{}) {
		t.Errorf("no incident at all: %+v, %v", empty, err)
	}
	for i, row := range []db.Incident{
		{Store: "s1", Kind: "failover", Opened: db.Nanos(at.Add(-8 * day)), RecoverySeconds: 99, Closed: 1}, // too old
		{Store: "s1", Kind: "failover", Opened: db.Nanos(at.Add(-7 * day)), RecoverySeconds: 2.5, Closed: 1},
		{Store: "s1", Kind: "failover", Opened: db.Nanos(at.Add(-time.Hour)), RecoverySeconds: .5, Closed: 1}, // newer and faster
		{Store: "s1", Kind: "failover", Opened: db.Nanos(at.Add(-time.Minute)), Closed: 1},                    // ended without a takeover
		{Store: "s1", Kind: "switchover", Opened: db.Nanos(at.Add(-time.Hour)), RecoverySeconds: 9, Closed: 1},
		{Store: "s2", Kind: "failover", Opened: db.Nanos(at.Add(-2 * day)), RecoverySeconds: 1.5}, // serves, not whole yet
		{Store: "s3", Kind: "failover", Opened: db.Nanos(at.Add(-time.Minute))},                   // under way
	} {
		row.ID = fmt.Sprint("i", i)
		if _, err := d.Write.NewInsert().Model(&row).Exec(ctx); err != nil {
			t.Fatal(err)
		}
	}
	got, err := CountFailovers(ctx, d.Read, at.Add(-7*day))
	if err != nil || got.Count != 4 || got.UnderWay != 1 || got.Slowest == nil || got.Slowest.ID != "i1" {
		t.Errorf("found %+v, %v", got, err)
	}
	if got, err = CountFailovers(ctx, d.Read, at.Add(-30*time.Second)); err != nil || got.Count != 0 || got.Slowest != nil {
		t.Errorf("nothing began since: %+v, %v", got, err)
	}
}
