package report

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/core/api"
)

// trim brings the outbox below nine tenths of its limit: every second envelope
// of points loses its body, oldest first; then every one of them, oldest first;
// events go only when no points are left.
func (o *outbox) trim() error {
	o.mu.Lock()
	victims := o.victims(o.bytes - o.limit*9/10)
	o.mu.Unlock()
	emptied := map[uint64]int64{}
	lost := uint64(0)
	err := o.db.Update(func(tx *bolt.Tx) error {
		items := tx.Bucket(bucketItems)
		for _, v := range victims {
			whole := items.Get(key(v.sequence))
			if whole == nil {
				continue // delivered meanwhile
			}
			var e api.Envelope
			if err := proto.Unmarshal(whole, &e); err != nil {
				return err
			}
			e.Body = nil
			data, err := proto.Marshal(&e)
			if err != nil {
				return err
			}
			if err := items.Put(key(v.sequence), data); err != nil {
				return err
			}
			emptied[v.sequence] = int64(len(data))
			if !v.points {
				lost++
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("thin the outbox: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost += lost
	o.dropped += uint64(len(emptied)) - lost
	for i := range o.items {
		if size, ok := emptied[o.items[i].sequence]; ok {
			o.bytes += size - o.items[i].size
			o.items[i].size, o.items[i].points, o.items[i].empty = size, false, true
		}
	}
	return nil
}

// victims chooses the envelopes whose bodies free about excess bytes.
func (o *outbox) victims(excess int64) []itemInfo {
	const rest = 64 // about what an envelope without its body keeps
	var chosen []itemInfo
	taken := map[uint64]bool{}
	choose := func(it itemInfo) {
		if excess > 0 && !taken[it.sequence] && !it.empty {
			chosen = append(chosen, it)
			taken[it.sequence] = true
			excess -= it.size - rest
		}
	}
	second := false
	for _, it := range o.items {
		if it.points {
			if second {
				choose(it)
			}
			second = !second
		}
	}
	for _, it := range o.items {
		if it.points {
			choose(it)
		}
	}
	for _, it := range o.items {
		choose(it)
	}
	return chosen
}
