package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/storeward/storeward/tests/bench/peers"
	"github.com/storeward/storeward/tests/harness"
	"github.com/storeward/storeward/tests/lab"
)

// patientTiming beats as fast as Fast and declares nobody dead meanwhile: lateness is what is measured.
func patientTiming(name string) harness.Timing {
	t := harness.Fast
	t.Name, t.Warntime, t.Deadtime = name, 5*time.Second, 10*time.Second
	return t
}

// beatsContenders send signs of life at about the same pace.
var beatsContenders = []contender{
	ours(patientTiming("ours")),
	ours(patientTiming("ours-not-realtime"), "--realtime=false"),
	peer(peers.Heartbeat("heartbeat", peers.HeartbeatTimes{Keepalive: "50ms", Warntime: "5", Deadtime: "10", Initdead: "20"}, true)),
	peer(peers.Corosync("corosync", "token: 500", "consensus: 100")),
	keepalivedFast,
	keepalivedRealtime,
}

// calmSpan is how long is listened before the load begins: what is usual then, is what lateness is counted from.
const calmSpan = 20 * time.Second

// Beats measures how late signs of life leave on an overloaded machine: for all
// products alike by the gaps between the packets of one sender as the kernel saw
// them arrive, less the gap that is usual while nothing disturbs.
func Beats(ctx context.Context, o Options) (err error) {
	list, err := choose(o, beatsContenders, contender.row)
	if err != nil {
		return err
	}
	result := newOutcome("beats")
	s, err := raise(ctx, o, false, o.present(list))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.down()) }()
	if err := s.whole(ctx); err != nil {
		return err
	}
	calm, err := s.gaps(ctx, calmSpan)
	if err != nil {
		return err
	}
	stop, err := startLoad(s.lab)
	if err != nil {
		return err
	}
	busy, err := s.gaps(ctx, o.For)
	stop()
	if err != nil {
		return err
	}
	result.takeBeats(s, calm, busy, o.For)
	return result.publish(o)
}

// stream is one kind of packets of one entrant; gaps of all its senders count.
type stream struct {
	entrant int
	kind    kind
}

// gaps listens at the second node of every store and returns the gaps between packets in ms.
func (s *stage) gaps(ctx context.Context, span time.Duration) (map[stream][]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	all := map[stream][]float64{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	errs := make([]error, len(s.entrants))
	for i, e := range s.entrants {
		ear, err := newSniffer(e.store.Nodes[1].Space, lab.LAN)
		if err != nil {
			cancel()
			wait.Wait()
			return nil, err
		}
		wait.Go(func() {
			last := map[parcel]time.Time{}
			errs[i] = ear.listen(ctx, func(at time.Time, p parcel) {
				if before, known := last[p]; known {
					mu.Lock()
					all[stream{i, p.kind}] = append(all[stream{i, p.kind}], milliseconds(at.Sub(before)))
					mu.Unlock()
				}
				last[p] = at
			})
			errs[i] = errors.Join(errs[i], ear.close())
		})
	}
	wait.Wait()
	return all, errors.Join(errs...)
}

func (r *outcome) takeBeats(s *stage, calm, busy map[stream][]float64, span time.Duration) {
	t := table{
		title: fmt.Sprintf("How much later than usual signs of life left in %v of overload (%d spinning processes, memory pressure), ms", span, spinners),
		head:  []string{"sender", "what", "usual gap", "n", "p50", "p99", "p99.9", "max"},
	}
	for i, e := range s.entrants {
		for _, k := range []kind{beats, advertisement, token, linkPing} {
			samples := busy[stream{i, k}]
			if len(samples) == 0 {
				continue
			}
			usual := figure("", "", calm[stream{i, k}]).Median
			late := make([]float64, len(samples))
			for j, gap := range samples {
				late[j] = max(0, gap-usual)
			}
			slices.Sort(late)
			f := figure(fmt.Sprintf("%s: lateness of %s", e.name, k), "ms", late)
			r.figures = append(r.figures, f)
			t.add(e.name, string(k), short(usual), fmt.Sprint(f.N), short(f.Median), short(quantile(late, 0.99)), short(quantile(late, 0.999)), short(f.Max))
		}
	}
	r.tables = append(r.tables, t)
}
