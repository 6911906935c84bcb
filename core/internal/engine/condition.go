package engine

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/sdk"
)

const (
	// agreeing is how many readings in a row tell that a condition began or ended: one
	// bad reading, or mains that flicker, is no news.
	agreeing = 2
	// secondLook is how soon a reading that contradicts what was told is checked.
	secondLook = 2 * time.Second
)

// condition is one thing that is not as it should be with a fence device, or was.
type condition struct {
	message string
	told    bool
	against int // readings in a row that contradict what was told
}

// deviceChange is a condition of a fence device that began or ended.
type deviceChange struct {
	device, key, message string
	holds                bool
}

// judge folds what a regular reading found, or that there was none, and tells what
// changed. Where may is not set nothing new is told, but what was told is ended.
// doubt wants a second look soon.
func (d *device) judge(reading sdk.Reading, err error, may bool) (changes []deviceChange, doubt bool) {
	found := map[string]string{}
	for _, c := range reading.Conditions {
		found[c.Key] = c.Message
	}
	keys := maps.Clone(found)
	if err != nil {
		// Whether the rest still holds nobody knows: it neither begins nor ends.
		found = map[string]string{api.ConditionUnhealthy: "it cannot be read: " + err.Error()}
		keys = found
	} else {
		for key := range d.conditions {
			keys[key] = ""
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		message, holds := found[key]
		c := d.conditions[key]
		if holds {
			c.message = message
		}
		switch {
		case holds == c.told:
			c.against = 0
		case c.told || may:
			c.against++
			doubt = doubt || c.against < agreeing
		}
		if c.against >= agreeing {
			c.told, c.against = holds, 0
			changes = append(changes, deviceChange{device: d.cfg.Name, key: key, message: c.message, holds: holds})
		}
		if c.told || c.against > 0 {
			d.conditions[key] = c
		} else {
			delete(d.conditions, key)
		}
	}
	return changes, doubt
}

// tellChanges has the world hear of what a regular reading changed. A device is
// watched by the node that would cut its peer with it, and by the one that it feeds
// while that is alone, so that each thing is told once. A plugin that is being
// restarted says nothing about its device.
func (d *device) tellChanges(reading sdk.Reading, err error) (doubt bool) {
	if errors.Is(err, ErrPluginAway) {
		return false
	}
	if err == nil {
		reading.Conditions = d.wrong(reading)
	}
	may := !slices.Contains(d.cfg.Feeds, d.e.Node) || !d.e.view.Load().Peer.Heard
	changes, doubt := d.judge(reading, err, may)
	for _, c := range changes {
		d.e.clerk.tell(observation{at: d.e.Clock.Now(), device: &c})
	}
	return doubt
}

// wrong are the conditions of a reading, and what is wrong with the orders' life.
func (d *device) wrong(reading sdk.Reading) []sdk.Condition {
	short := d.e.lives.tooShort(d.cfg)
	if short == "" {
		return reading.Conditions
	}
	return append(slices.Clone(reading.Conditions), sdk.Condition{Key: "order-life", Message: short})
}

// lacks tells whether the device can be read and was last read without a condition,
// whoever is to tell of it.
func (d *device) lacks(key string) bool {
	d.mu.Lock()
	last, read := d.regular, d.err == "" && d.regular.Taken > 0
	d.mu.Unlock()
	return read && !slices.ContainsFunc(d.wrong(last), func(c sdk.Condition) bool { return c.Key == key })
}
