package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// questionsWaiting bounds probes that wait for a plugin to take them from the stream.
const questionsWaiting = 64

// noDeadline is what a probe is given whose context has no end.
const noDeadline = time.Minute

// probes is the one probe stream of a process.
type probes struct {
	questions chan *sdkpb.ProbeRequest
	ended     sync.WaitGroup

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan<- *sdkpb.ProbeReply
}

// Probe asks for one probe and returns when ctx ends at the latest.
func (i *Instance) Probe(ctx context.Context) (sdk.Result, error) {
	if err := need(i.roles.Prober, "prober"); err != nil {
		return sdk.Result{}, err
	}
	p, err := i.client.probeStream()
	if err != nil {
		return sdk.Result{}, err
	}
	reply, err := p.ask(ctx, i.client, i.handle)
	if err != nil {
		return sdk.Result{}, err
	}
	return resultIn(reply)
}

func (p *probes) ask(ctx context.Context, c *Client, handle uint64) (*sdkpb.ProbeReply, error) {
	answer := make(chan *sdkpb.ProbeReply, 1)
	p.mu.Lock()
	p.last++
	call := p.last
	p.waiting[call] = answer
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, call)
		p.mu.Unlock()
	}()
	select {
	case p.questions <- &sdkpb.ProbeRequest{Handle: handle, Call: call, Timeout: int64(patience(ctx))}:
	case <-ctx.Done():
		return nil, fmt.Errorf("the plugin takes no question: %w", ctx.Err())
	case <-c.Done():
		return nil, c.Err()
	}
	select {
	case reply := <-answer:
		return reply, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("no answer in time: %w", ctx.Err())
	case <-c.Done():
		return nil, c.Err()
	}
}

// patience is what is left until ctx ends, less a margin: the plugin's own words
// about a deadline ("no answer from 10.0.0.1") should arrive before ours.
func patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return noDeadline
	}
	left := time.Until(deadline)
	return left - min(left/20, 20*time.Millisecond)
}

func (c *Client) probeStream() (*probes, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.probes != nil {
		return c.probes, nil
	}
	if c.life.Err() != nil {
		return nil, c.Err()
	}
	p := &probes{questions: make(chan *sdkpb.ProbeRequest, questionsWaiting), waiting: map[uint64]chan<- *sdkpb.ProbeReply{}}
	p.ended.Go(func() { p.carry(c) })
	c.probes = p
	return p, nil
}

// carry opens the stream, which waits for the plugin, and serves it until it ends.
func (p *probes) carry(c *Client) {
	stream, err := c.calls.Probes(c.life)
	if err != nil {
		c.end(streamError(err))
		return
	}
	p.ended.Go(func() { p.send(c, stream) })
	p.receive(c, stream)
}

func (p *probes) wait() { p.ended.Wait() }

func (p *probes) send(c *Client, stream grpc.BidiStreamingClient[sdkpb.ProbeRequest, sdkpb.ProbeReply]) {
	for {
		select {
		case <-c.Done():
			return
		case question := <-p.questions:
			if stream.Send(question) != nil {
				return // Recv says why
			}
		}
	}
}

func (p *probes) receive(c *Client, stream grpc.BidiStreamingClient[sdkpb.ProbeRequest, sdkpb.ProbeReply]) {
	for {
		reply, err := stream.Recv()
		if err != nil {
			c.end(streamError(err))
			return
		}
		p.mu.Lock()
		answer, isAwaited := p.waiting[reply.GetCall()]
		delete(p.waiting, reply.GetCall())
		wasAsked := reply.GetCall() != 0 && reply.GetCall() <= p.last
		p.mu.Unlock()
		if !wasAsked {
			c.end(fmt.Errorf("%w: an answer to a question that nobody asked", ErrGarbage))
			return
		}
		if isAwaited { // else it came after its deadline
			answer <- reply
		}
	}
}

// streamError says why a stream ended; one that ends without an error is broken too.
func streamError(err error) error {
	if err = wireError(err); errors.Is(err, ErrGarbage) {
		return err
	}
	return fmt.Errorf("%w: %v", ErrBroken, err) //nolint:errorlint // the cause is only told
}
