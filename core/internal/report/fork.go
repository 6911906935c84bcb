package report

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"
)

// A node whose disk is set back to an older image gives numbers again that its console
// knows already, and the console would take what bears them for repeats. But it then
// knows numbers that this node has neither found in its file nor sent since: every
// number is on the disk before it is sent. From there on the journal has two histories.
// What this node gave anew goes out under a new journal id; what the image held was the
// same before, and keeps its name.

// overtaken is a console's answer that shows it.
type overtaken struct {
	console, journal string
	// known is the newest number that the console could know of this node, told the one that it knows.
	known, told uint64
}

func (o *overtaken) Error() string {
	return fmt.Sprintf("%s knows journal %s up to number %d, and this node came to %d only", o.console, o.journal, o.told, o.known)
}

// place is how far a console may know a journal.
type place struct {
	journal string
	known   uint64
	asked   bool // the console was asked how far it does
}

// current returns the place for the present journal while nothing of it has been sent.
func (o *outbox) current() place {
	o.mu.Lock()
	defer o.mu.Unlock()
	return place{journal: o.journal, known: o.found}
}

// fork begins a new journal with everything after a number of the present one, which
// before names. It returns the new id, or "" where that journal is not the present one
// any more. What has a number and is not on the disk yet gets another one.
func (o *outbox) fork(before string, after uint64) (string, error) {
	journal := ""
	err := o.use(func(db *bolt.DB) error {
		if before != o.journal {
			return nil
		}
		id, last := newJournalID(), uint64(0)
		err := db.Update(func(tx *bolt.Tx) error {
			newest, err := getValue(tx, bucketMeta, keyLast)
			if err != nil {
				return err
			}
			last = sequenceOf(newest)
			if err := rename(tx, after, id); err != nil {
				return err
			}
			return putValue(tx, bucketMeta, keyJournal, []byte(id))
		})
		if err != nil {
			return err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.journal, o.found, o.last = id, 0, last
		o.journals[id] = true
		journal = id
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("begin a new journal: %w", err)
	}
	return journal, nil
}

// rename puts everything after a number into a journal. Ids are of one length, and so
// an envelope keeps its size.
func rename(tx *bolt.Tx, after uint64, journal string) error {
	renamed := map[uint64][]byte{}
	c := tx.Bucket(bucketItems).Cursor()
	for k, v := c.Seek(key(after + 1)); k != nil; k, v = c.Next() {
		e, err := envelopeIn(k, v)
		if err != nil {
			return err
		}
		name(e, journal, e.Sequence)
		data, err := proto.Marshal(e)
		if err != nil {
			return err
		}
		renamed[e.Sequence] = data
	}
	for sequence, data := range renamed {
		if err := putValue(tx, bucketItems, key(sequence), data); err != nil {
			return err
		}
	}
	return nil
}

// setBack forks the journal on a link's word. Where that fails the link says it again.
func (r *Reporter) setBack(why *overtaken) {
	journal, err := r.box.fork(why.journal, why.known)
	switch {
	case err != nil:
		r.o.Log.WithError(err).WithField("sink", why.console).Warn("no new journal yet")
	case journal != "":
		r.tellSetBack(why, journal)
	}
}
