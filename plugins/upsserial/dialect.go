package upsserial

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// dialect is one row of the table: everything that tells one protocol from another.
type dialect struct {
	word  string // what the option protocol calls it
	title string // what people call it
	baud  int    // usual rate

	ends    string // follows every question and order
	ended   string // follows every answer
	unasked string // bytes that the device sends by itself, in the midst of answers too
	refused []string
	// echoes says that what the device refuses comes back.
	echoes bool

	hello question   // begins every conversation
	mix   []question // their answers look like no other's: the first that the device answers, see line.sure
	model question
	state []question // what tells whether the output has power
	other []question // what else the device tells

	// The output is on, or off, when every rule holds; else it is unknown.
	on, off []rule
	// returning says that what is off may come back by itself.
	returning *rule
	// lingers says that a model may show returning beside its own off for ever, so that
	// beside one by this plugin's own order it says nothing.
	lingers    bool
	conditions []fault

	// switchOff and switchOn are orders. DELAY stands for the option off_delay.
	switchOff, switchOn []step
	delays              bool // it takes the option off_delay
	// effect is how long the output may take to follow an order.
	effect time.Duration
	// life is what an order needs with everything before and after it, twice (the
	// core sends nothing after half of an order's life).
	life time.Duration
}

// question is what is sent, and the form that its answer must have. Each group of
// the form is the field of the same place.
type question struct {
	text   string
	form   *regexp.Regexp
	fields []field
}

// field is a number in an answer.
type field struct {
	name   string  // a value's name, in the base unit that it says; of a field of bits the dialect's own
	base   int     // of bits: 2 or 16; 0: a decimal fraction
	factor float64 // times which a decimal fraction is in the base unit
}

// rule holds while a field, or its bits under mask, lies between least and most.
type rule struct {
	field       string
	mask        int
	least, most float64
}

// fault is what a rule that holds says of the device's health.
type fault struct {
	rule
	condition sdk.Condition
}

// step is a part of an order, sent so long after the one before.
type step struct {
	after time.Duration
	text  string
}

// values are the numbers that answers held, by their fields' names.
type values map[string]float64

// form makes an answer's form; it matches whole answers alone.
func form(pattern string) *regexp.Regexp { return regexp.MustCompile(`^` + pattern + `$`) }

// parse reads an answer into v. What is not of the form changes nothing.
func (q *question) parse(answer string, v values) error {
	groups := q.form.FindStringSubmatch(answer)
	if groups == nil {
		return fmt.Errorf("%w: %q to %q", errGarbled, answer, q.text)
	}
	for i, f := range q.fields {
		if f.base != 0 {
			bits, err := strconv.ParseUint(groups[i+1], f.base, 16)
			if err != nil {
				return fmt.Errorf("%w: %q to %q", errGarbled, answer, q.text)
			}
			v[f.name] = float64(bits)
			continue
		}
		n, err := strconv.ParseFloat(groups[i+1], 64)
		if err != nil {
			delete(v, f.name) // a place for what this model does not measure, e.g. --.-
			continue
		}
		v[f.name] = n * f.factor
	}
	return nil
}

// told are the values that a reading tells, without the fields of bits.
func (d *dialect) told(v values) map[string]float64 {
	out := map[string]float64{}
	for _, q := range slices.Concat(d.state, d.other) {
		for _, f := range q.fields {
			if n, ok := v[f.name]; ok && f.base == 0 && f.name != "" {
				out[f.name] = n
			}
		}
	}
	return out
}

func (r rule) holds(v values) bool {
	n, ok := v[r.field]
	if r.mask != 0 {
		n = float64(int(n) & r.mask)
	}
	return ok && n >= r.least && n <= r.most
}

func all(rules []rule, v values) bool {
	return len(rules) > 0 && !slices.ContainsFunc(rules, func(r rule) bool { return !r.holds(v) })
}

// power reads the output; ours says that it went off by this plugin's own order and
// not by a countdown that ran before, and nothing but an order ends that.
func (d *dialect) power(v values, ours bool) sdk.Power {
	switch {
	case all(d.on, v):
		return sdk.PowerOn
	case !all(d.off, v), d.returning != nil && d.returning.holds(v) && (!ours || !d.lingers):
		return sdk.PowerUnknown
	}
	return sdk.PowerOff
}

// order fills in what an order leaves open.
func order(steps []step, delay time.Duration) []step {
	filled := slices.Clone(steps)
	for i := range filled {
		filled[i].text = strings.Replace(filled[i].text, "DELAY", minutes(delay), 1)
	}
	return filled
}

// minutes writes a delay as Megatec's protocol does: 00, .2 to .9, 01 to 10.
func minutes(d time.Duration) string {
	if d > 0 && d < time.Minute {
		return fmt.Sprintf(".%d", d/(6*time.Second))
	}
	return fmt.Sprintf("%02d", d/time.Minute)
}

func dialectNamed(word string) *dialect {
	for i := range dialects {
		if dialects[i].word == word {
			return &dialects[i]
		}
	}
	return nil
}

// dialectWords lists what the option protocol takes.
func dialectWords() string {
	var words []string
	for _, d := range dialects {
		words = append(words, d.word)
	}
	return strings.Join(words, ", ")
}
