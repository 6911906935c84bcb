package ups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// device is what is known of the thing at the address since it was identified.
type device struct {
	*kind
	objectID string
	about    string // what it calls itself
	outlets  []outlet
	mu       sync.Mutex
	// lacks holds the objects that it does not have, so that an agent of version 1,
	// which refuses a question for one of them, is not asked again.
	lacks map[string]bool
}

func (d *device) lack(oid string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lacks[oid] = true
}

// held are those of objects that the device is not known to lack.
func (d *device) held(objects []string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(objects, func(oid string) bool { return d.lacks[oid] })
}

var (
	// errOther: the thing at the address is not what it was.
	errOther = errors.New("the device is another one than before")
	// errMissing: it lacks what its kind must have.
	errMissing = errors.New("the device has none")
)

// identify finds out what is at the address, once.
func (u *instance) identify(ctx context.Context, c *client) (*device, error) {
	u.mu.Lock()
	known := u.device
	u.mu.Unlock()
	if known != nil {
		return known, nil
	}
	d, err := u.detect(ctx, c)
	if err != nil {
		return nil, err
	}
	u.log.WithField("kind", d.word).Info("fence device identified")
	u.mu.Lock()
	u.device = d
	u.mu.Unlock()
	return d, nil
}

func (u *instance) unidentify() {
	u.mu.Lock()
	u.device = nil
	u.mu.Unlock()
}

func (u *instance) detect(ctx context.Context, c *client) (*device, error) {
	d := &device{kind: &kind{}, lacks: map[string]bool{}}
	v, err := u.ask(ctx, c, d, nil, []string{oidSysObjectID, oidSysDescr})
	if err != nil {
		return nil, fmt.Errorf("identify the device: %w", err)
	}
	d.objectID, d.about = v.text(oidSysObjectID), strings.TrimSpace(v.text(oidSysDescr))
	if d.kind, err = u.kindOf(d); err != nil {
		return nil, err
	}
	switch {
	case d.hasOutlets() && len(u.outlets) == 0:
		return nil, fmt.Errorf("the device is of kind %s: list the outlets that feed the node in outlets", d.word)
	case !d.hasOutlets() && len(u.outlets) > 0:
		return nil, fmt.Errorf("the device is of kind %s, which switches as a whole: leave outlets out", d.word)
	case !d.hasOutlets():
		d.outlets = []outlet{{unit: d.unit}}
		return d, nil
	}
	d.outlets, err = u.resolve(ctx, c, d.kind)
	return d, err
}

// kindOf takes the configuration's word, or the table's. What neither knows is
// said and never guessed.
func (u *instance) kindOf(d *device) (*kind, error) {
	if u.cfg.Kind != "" {
		k, _ := kindNamed(u.cfg.Kind)
		return k, nil
	}
	if k, known := kindOf(d.objectID); known {
		return k, nil
	}
	return nil, fmt.Errorf("unknown kind of device: sysObjectID %q, sysDescr %q: if it is one of these, say so with kind: %s",
		d.objectID, d.about, kindWords())
}

// resolve finds the outlets' numbers.
func (u *instance) resolve(ctx context.Context, c *client, k *kind) ([]outlet, error) {
	list := slices.Clone(u.outlets)
	var names map[string][]outlet
	for i := range list {
		o := &list[i]
		if o.named {
			var err error
			if names == nil {
				if names, err = u.names(ctx, c, k); err != nil {
					return nil, err
				}
			}
			switch found := names[o.said]; len(found) {
			case 1:
				o.unit, o.number = found[0].unit, found[0].number
			case 0:
				return nil, fmt.Errorf("the device has no outlet named %q", o.said)
			default:
				return nil, fmt.Errorf("the device has %d outlets named %q: name it by its number", len(found), o.said)
			}
		}
		if o.unit < 0 {
			o.unit = k.unit
		}
	}
	return list, nil
}

// maxNames bounds a walk through outlets' names.
const maxNames = 256

// names walks through the outlets' names.
func (u *instance) names(ctx context.Context, c *client, k *kind) (map[string][]outlet, error) {
	if k.name == "" {
		return nil, fmt.Errorf("kind %s has no names of outlets that can be read: use their numbers", k.word)
	}
	column := k.name[:strings.IndexAny(k.name, "UN")]
	names := map[string][]outlet{}
	for at, n := strings.TrimSuffix(column, "."), 0; n < maxNames; n++ {
		var pdu gosnmp.SnmpPDU
		err := u.retry(ctx, c, func() (err error) {
			pdu, err = c.next(at)
			return err
		})
		if errors.Is(err, errRefused) { // an agent of version 1 at its end
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read the outlets' names: %w", err)
		}
		if !strings.HasPrefix(pdu.Name, column) || pdu.Type == gosnmp.EndOfMibView || pdu.Name == at {
			break
		}
		at = pdu.Name
		if o, ok := k.outletOf(pdu.Name); ok {
			name := strings.TrimSpace(values{pdu.Name: pdu}.text(pdu.Name))
			names[name] = append(names[name], o)
		}
	}
	return names, nil
}

// outletOf reads unit and number of an object in the column of names.
func (k *kind) outletOf(oid string) (outlet, bool) {
	shape, parts := strings.Split(k.name, "."), strings.Split(oid, ".")
	if len(shape) != len(parts) {
		return outlet{}, false
	}
	o := outlet{unit: k.unit}
	for i, part := range parts {
		var n int
		switch shape[i] {
		case "U", "N":
			if _, err := fmt.Sscanf(part, "%d", &n); err != nil {
				return outlet{}, false
			}
		default:
			if shape[i] != part {
				return outlet{}, false
			}
		}
		switch shape[i] {
		case "U":
			o.unit = n
		case "N":
			o.number = n + 1 - k.first
		}
	}
	return o, o.number > 0
}

// named are the names of the outlets that the configuration calls by name.
func (d *device) named() []string {
	var list []string
	for _, o := range d.outlets {
		if o.named {
			list = append(list, d.object(d.name, o))
		}
	}
	return list
}

// gather asks for the outputs and whatever the device holds of more, and makes
// sure that it is still the device that was identified.
func (u *instance) gather(ctx context.Context, c *client, more func(*device) []string) (*device, values, outputs, error) {
	for again := false; ; again = true {
		d, err := u.identify(ctx, c)
		if err != nil {
			return nil, nil, outputs{}, err
		}
		must := d.objects(d.state.oid, d.outlets)
		rest := slices.Concat(d.objects(d.pending.oid, d.outlets), []string{oidSysObjectID}, d.named(), more(d))
		v, err := u.ask(ctx, c, d, must, rest)
		if err == nil {
			err = d.same(v)
		}
		if (errors.Is(err, errOther) || errors.Is(err, errMissing)) && !again {
			u.unidentify()
			continue
		}
		if err != nil {
			return nil, nil, outputs{}, err
		}
		now, err := u.outputsIn(ctx, c, d, v)
		return d, v, now, err
	}
}

// outputsIn makes an answer a reading. Several outlets are off only where one answer
// says so: an agent that refuses long questions was asked piece by piece, and
// meanwhile the one may come on before the other goes off.
func (u *instance) outputsIn(ctx context.Context, c *client, d *device, v values) (now outputs, err error) {
	if now, err = d.reads(v, false, sdk.Monotonic()); err != nil || now.power() != sdk.PowerOff {
		return now, err
	}
	err = u.retry(ctx, c, func() error {
		now, err = c.outputs(d, false)
		return err
	})
	return now, err
}

// same checks that an answer is of the device that was identified.
func (d *device) same(v values) error {
	if id := v.text(oidSysObjectID); id != "" && id != d.objectID {
		return fmt.Errorf("%w: sysObjectID reads %s, it was %s", errOther, id, d.objectID)
	}
	for _, o := range d.outlets {
		name := d.object(d.name, o)
		if _, answered := v[name]; o.named && answered && strings.TrimSpace(v.text(name)) != o.said {
			return fmt.Errorf("%w: the name %q has moved", errOther, o.said)
		}
	}
	return nil
}

// ask reads objects that must be there and others that may be there. An agent of
// version 1 refuses a question as a whole for an object that it lacks, and says
// which one; one that says no without a reason is asked one by one.
func (u *instance) ask(ctx context.Context, c *client, d *device, must, may []string) (values, error) {
	wanted := slices.Concat(must, d.held(may))
	for len(wanted) > 0 {
		v, err := u.read(ctx, c, wanted...)
		var no refusal
		switch {
		case err == nil:
			return v, d.complete(v, must)
		case !errors.As(err, &no):
			return nil, err
		}
		absent := no.index - 1
		switch {
		case no.status != gosnmp.NoSuchName || absent < 0 || absent >= len(wanted):
			return u.askSingly(ctx, c, d, must, wanted)
		case absent < len(must):
			return nil, d.lacksState(must[absent])
		}
		d.lack(wanted[absent])
		wanted = slices.Delete(wanted, absent, absent+1)
	}
	return values{}, nil
}

func (u *instance) askSingly(ctx context.Context, c *client, d *device, must, wanted []string) (values, error) {
	all := values{}
	for _, oid := range wanted {
		v, err := u.read(ctx, c, oid)
		if err != nil && (slices.Contains(must, oid) || !errors.Is(err, errRefused)) {
			return nil, err
		}
		if pdu, ok := v[oid]; ok {
			all[oid] = pdu
		}
	}
	return all, d.complete(all, must)
}

// read asks until there is an answer.
func (u *instance) read(ctx context.Context, c *client, oids ...string) (v values, err error) {
	err = u.retry(ctx, c, func() (err error) {
		v, err = c.get(oids...)
		return err
	})
	return v, err
}

// complete tells whether an answer holds the numbers of the state.
func (d *device) complete(v values, must []string) error {
	for _, oid := range must {
		if _, ok := v.integer(oid); !ok {
			return d.lacksState(oid)
		}
	}
	return nil
}

func (d *device) lacksState(oid string) error {
	return fmt.Errorf("read the output: kind %s has object %s: %w", d.word, oid, errMissing)
}
