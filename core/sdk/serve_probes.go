package sdk

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"github.com/storeward/storeward/core/sdk/sdkpb"
)

// answersWaiting bounds answers that wait for the stream. The core reads without
// pause; a full queue means that it has stopped, and then nothing is lost by waiting.
const answersWaiting = 256

// probesAtOnce bounds the probes of one process that run at the same time.
const probesAtOnce = 512

// Probes answers every probe of the process; each question has its own goroutine
// and its own deadline, so that none waits for another.
func (s *service) Probes(stream grpc.BidiStreamingServer[sdkpb.ProbeRequest, sdkpb.ProbeReply]) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	answers := make(chan *sdkpb.ProbeReply, answersWaiting)
	go func() {
		defer cancel()
		for {
			select {
			case <-ctx.Done():
				return
			case reply := <-answers:
				if stream.Send(reply) != nil {
					return
				}
			}
		}
	}()
	slots := make(chan none, probesAtOnce)
	for {
		request, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the core has gone: the stream's ordinary end
		}
		select {
		case slots <- none{}:
		default:
			s.answer(ctx, answers, &sdkpb.ProbeReply{
				Call: request.GetCall(), Error: fmt.Sprintf("%d probes are running", probesAtOnce),
			})
			continue
		}
		go func() {
			defer func() { <-slots }()
			s.answer(ctx, answers, s.probe(ctx, request))
		}()
	}
}

func (s *service) probe(ctx context.Context, r *sdkpb.ProbeRequest) *sdkpb.ProbeReply {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.GetTimeout()))
	defer cancel()
	result, err := call(ctx, s, r.GetHandle(), func(ctx context.Context, role Prober) (Result, error) {
		return role.Probe(ctx)
	})
	return probeOut(r.GetCall(), result, err)
}

func (s *service) answer(ctx context.Context, answers chan<- *sdkpb.ProbeReply, reply *sdkpb.ProbeReply) {
	select {
	case answers <- reply:
	case <-ctx.Done():
	}
}
