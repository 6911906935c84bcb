package upsserial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/tty"
)

const (
	// quiet is how long a line says nothing once it has said everything; at a low
	// rate it is three bytes' time.
	quiet = 20 * time.Millisecond
	// refusal is how long an order's refusal is waited for.
	refusal = 100 * time.Millisecond
	// longest bounds an answer, in bytes.
	longest = 128
	// lateAnswers bounds how many answers to earlier questions a greeting passes over.
	lateAnswers = 16
	// drain is how much longer than at the line's rate a byte may take to leave.
	drain = 100 * time.Millisecond
)

// What a conversation may end with.
var (
	errRefused = errors.New("the UPS refused")
	errSilent  = errors.New("no answer")
	errGarbled = errors.New("an answer that is none")
	errUnasked = errors.New("bytes arrive that nobody asked for")
	errDiffer  = errors.New("two readings differ")
	errPort    = errors.New("the port does not work")
	errNoLine  = errors.New("this node has no line to it")
)

// line is the conversation with a UPS. The protocols have neither numbers nor
// checksums: what an answer belongs to is told by its form, by the line's being
// quiet before the question and after the answer, and by the order of the questions.
type line struct {
	port    *tty.Port
	d       *dialect
	baud    int
	timeout time.Duration
	lacks   map[string]bool // questions that this device does not answer
	// expired is asked before every single byte.
	expired func() bool
}

// quietTime is how long nothing must come for the line to be quiet.
func (l *line) quietTime() time.Duration { return max(quiet, tty.Takes(3, l.baud)) }

// send sends one byte after another, each when the one before has left: none of them
// can leave later than its check.
func (l *line) send(ctx context.Context, text string) error {
	for _, b := range []byte(text + l.d.ends) {
		if l.expired() {
			return sdk.ErrExpired
		}
		if n, err := l.port.Write([]byte{b}); n == 0 {
			return fmt.Errorf("%w: it takes no bytes: %w", errPort, err)
		}
		if err := gone(ctx, l.port.Unsent, drain+tty.Takes(1, l.baud)); err != nil {
			l.port.Revoke()
			return err
		}
	}
	return nil
}

// gone waits until nothing is unsent. That ctx ends meanwhile says nothing of the port.
func gone(ctx context.Context, unsent func() int, bound time.Duration) error {
	for by := time.Now().Add(bound); unsent() > 0; {
		switch {
		case time.Now().After(by):
			return fmt.Errorf("%w: it takes no bytes", errPort)
		case !sdk.Pause(ctx, time.Millisecond):
			return ctx.Err()
		}
	}
	return nil
}

// read takes what arrives, without the bytes that the device sends by itself, until
// enough says so, the time is up or ctx ends.
func (l *line) read(ctx context.Context, limit time.Duration, enough func(arrived []byte) bool) ([]byte, error) {
	until := time.Now().Add(limit)
	var arrived []byte
	buffer := make([]byte, longest)
	for !enough(arrived) {
		if err := l.port.ReadBy(until); err != nil {
			return arrived, fmt.Errorf("%w: %w", errPort, err)
		}
		if ctx.Err() != nil || !time.Now().Before(until) {
			return arrived, errSilent
		}
		n, err := l.port.Read(buffer)
		for _, b := range buffer[:n] {
			if !strings.ContainsRune(l.d.unasked, rune(b)) {
				arrived = append(arrived, b)
			}
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // that may be an earlier conversation's
			return arrived, fmt.Errorf("%w: %w", errPort, err)
		}
	}
	return arrived, nil
}

// interrupt ends a read whose ctx has ended.
func (l *line) interrupt() { _ = l.port.ReadBy(time.Unix(1, 0)) }

// silence is nil if nothing comes while the line must be quiet.
func (l *line) silence(ctx context.Context) error {
	arrived, err := l.read(ctx, l.quietTime(), func(arrived []byte) bool { return len(arrived) > 0 })
	switch {
	case len(arrived) > 0:
		return fmt.Errorf("%w: %q", errUnasked, arrived)
	case errors.Is(err, errPort):
		return err
	}
	return ctx.Err()
}

// settle throws away what is there and waits until nothing comes any more.
func (l *line) settle(ctx context.Context) error {
	for {
		l.port.Forget()
		err := l.silence(ctx)
		if !errors.Is(err, errUnasked) || ctx.Err() != nil {
			return err
		}
	}
}

// answer waits for one answer.
func (l *line) answer(ctx context.Context) (string, error) {
	end := []byte(l.d.ended)
	arrived, err := l.read(ctx, l.timeout, func(arrived []byte) bool {
		return bytes.Contains(arrived, end) || len(arrived) > longest
	})
	if err != nil {
		if len(arrived) > 0 && errors.Is(err, errSilent) {
			return "", fmt.Errorf("%w: %q, and no end of it", errGarbled, arrived)
		}
		return "", err
	}
	text, rest, whole := bytes.Cut(arrived, end)
	switch {
	case !whole:
		return "", fmt.Errorf("%w: %q, and no end of it", errGarbled, arrived)
	case len(rest) > 0:
		return "", fmt.Errorf("%w: %q after %q", errUnasked, rest, text)
	}
	return string(text), nil
}

// greet begins a conversation, or begins it anew after a failure: what is under way
// still is waited for and thrown away.
func (l *line) greet(ctx context.Context) error {
	if err := l.settle(ctx); err != nil {
		return err
	}
	if err := l.send(ctx, l.d.hello.text); err != nil {
		return err
	}
	for range lateAnswers {
		text, err := l.answer(ctx)
		switch {
		case err != nil:
			return l.explain(err)
		case l.d.hello.parse(text, values{}) == nil:
			return l.silence(ctx)
		}
	}
	return fmt.Errorf("%w: is it a %s?", errUnasked, l.d.title)
}

// explain names what a failed greeting may come from.
func (l *line) explain(err error) error {
	if errors.Is(err, errSilent) || errors.Is(err, errGarbled) {
		return fmt.Errorf("%w: want a %s at %d baud on the UPS's own cable", err, l.d.title, l.baud)
	}
	return err
}

// ask asks one question and reads its answer into v. What a device is known not to
// answer is left out; so is, if it may be, what it refuses.
func (l *line) ask(ctx context.Context, q *question, v values, optional bool) (string, error) {
	if l.lacks[q.text] {
		return "", nil
	}
	if err := l.send(ctx, q.text); err != nil {
		return "", err
	}
	text, err := l.answer(ctx)
	if err == nil {
		err = l.silence(ctx)
	}
	refused := slices.Contains(l.d.refused, text) || l.d.echoes && text == q.text
	switch {
	case optional && refused && err == nil:
		l.lacks[q.text] = true
		return "", nil
	case optional && errors.Is(err, errSilent) && ctx.Err() == nil:
		if err := l.greet(ctx); err != nil {
			return "", err
		}
		l.lacks[q.text] = true // it answers, and not this
		return "", nil
	case err != nil:
		return "", fmt.Errorf("ask %q: %w", q.text, err)
	case refused:
		return "", fmt.Errorf("ask %q: %w: %q", q.text, errRefused, text)
	}
	return text, q.parse(text, v)
}

// output reads the output's state once.
func (l *line) output(ctx context.Context) (reading, error) {
	return l.collect(ctx, l.d.state)
}

func (l *line) collect(ctx context.Context, questions []question) (reading, error) {
	r := reading{d: l.d, values: values{}, said: map[string]string{}}
	for i := range questions {
		said, err := l.ask(ctx, &questions[i], r.values, false)
		if err != nil {
			return reading{}, err
		}
		if r.taken == 0 {
			r.taken = sdk.Monotonic()
		}
		r.said[questions[i].text] = said
	}
	return r, nil
}

// sure reads the output's state twice, mixed with a question whose answer looks
// otherwise, in an order drawn by lot: noise does not make the same mistake twice,
// and a line that brings old answers cannot know what is asked next.
func (l *line) sure(ctx context.Context, ours bool) (reading, error) {
	var both [2]reading
	for i := range both {
		mixed := rand.IntN(2) == 0 //nolint:gosec // no secret: what is old cannot have foreseen it
		if mixed {
			if err := l.stir(ctx); err != nil {
				return reading{}, err
			}
		}
		questions := slices.Clone(l.d.state)
		rand.Shuffle(len(questions), func(a, b int) { questions[a], questions[b] = questions[b], questions[a] })
		var err error
		if both[i], err = l.collect(ctx, questions); err != nil {
			return reading{}, err
		}
		if !mixed {
			if err := l.stir(ctx); err != nil {
				return reading{}, err
			}
		}
	}
	if first, second := both[0].power(ours), both[1].power(ours); first != second {
		return reading{}, fmt.Errorf("%w: %s; %s", errDiffer, both[0], both[1])
	}
	return both[1], nil
}

// stir asks something else. A device that answers nothing else is read twice without it.
func (l *line) stir(ctx context.Context) error {
	for i := range l.d.mix {
		q := &l.d.mix[i]
		if _, err := l.ask(ctx, q, values{}, true); err != nil || !l.lacks[q.text] {
			return err
		}
	}
	return nil
}

// order sends an order. Its end without a refusal says nothing of its effect.
func (l *line) order(ctx context.Context, steps []step) error {
	for _, s := range steps {
		if s.after > 0 && !sdk.Pause(ctx, s.after) {
			return sdk.ErrExpired
		}
		if err := l.send(ctx, s.text); err != nil {
			return err
		}
	}
	end := []byte(l.d.ended)
	said, err := l.read(ctx, refusal, func(arrived []byte) bool { return bytes.Contains(arrived, end) })
	if errors.Is(err, errPort) {
		return err
	}
	text := strings.TrimSuffix(string(said), l.d.ended)
	if slices.Contains(l.d.refused, text) || l.d.echoes && text == steps[len(steps)-1].text {
		return fmt.Errorf("%w the order: it answered %q", errRefused, text)
	}
	return nil
}
