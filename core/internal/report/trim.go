package report

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
)

// trim brings an outbox that is above its limit below nine tenths of it: every
// second envelope of points loses its body, oldest first; then every one of them,
// oldest first; events go only when no points are left.
func (o *outbox) trim() error {
	o.mu.Lock()
	if o.bytes <= o.limit {
		o.mu.Unlock()
		return nil
	}
	journal, victims := o.journal, o.victims(o.bytes-o.limit*9/10)
	o.mu.Unlock()
	emptied := map[uint64]int64{}
	lost := uint64(0)
	err := o.update(journal, func(tx *bolt.Tx) error {
		for _, v := range victims {
			size, err := empty(tx, key(v.sequence))
			if err != nil {
				return err
			}
			if size == 0 {
				continue // delivered meanwhile
			}
			emptied[v.sequence] = size
			if !v.points {
				lost++
			}
		}
		return nil
	}, func() {
		o.lost += lost
		o.dropped += uint64(len(emptied)) - lost
		for i := range o.items {
			if size, ok := emptied[o.items[i].sequence]; ok {
				o.bytes += size - o.items[i].size
				o.items[i].size, o.items[i].points, o.items[i].empty = size, false, true
			}
		}
	})
	if err != nil {
		return fmt.Errorf("thin the outbox: %w", err)
	}
	return nil
}

// empty takes the body from an envelope and returns what is left of its size; 0:
// there is no such envelope.
func empty(tx *bolt.Tx, k []byte) (int64, error) {
	whole := tx.Bucket(bucketItems).Get(k)
	if whole == nil {
		return 0, nil
	}
	e, err := envelopeIn(k, whole)
	if err != nil {
		return 0, err
	}
	e.Body = nil
	data, err := proto.Marshal(e)
	if err != nil {
		return 0, err
	}
	return int64(len(data) + sealBytes), putValue(tx, bucketItems, k, data)
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
