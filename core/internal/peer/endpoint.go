package peer

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/internal/peer/peerpb"
	"github.com/storeward/storeward/core/sdk"
)

// endpoint answers the peer's calls.
type endpoint struct {
	peerpb.UnimplementedPeerServer
	own  Node
	stop <-chan struct{}
}

func (e *endpoint) Watch(_ *peerpb.WatchRequest, stream grpc.ServerStreamingServer[peerpb.News]) error {
	due := time.NewTimer(sdk.UntilTick(newsEvery))
	defer due.Stop()
	for {
		if err := stream.Send(e.own.News()); err != nil {
			return err
		}
		select {
		case <-due.C:
			due.Reset(sdk.UntilTick(newsEvery))
		case <-stream.Context().Done():
			return nil
		case <-e.stop:
			return status.Error(codes.Unavailable, "the daemon ends")
		}
	}
}

func (e *endpoint) Snapshot(ctx context.Context, request *peerpb.SnapshotRequest) (*api.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotBound-200*time.Millisecond)
	defer cancel()
	return e.own.Snapshot(ctx, request.GetReason()), nil
}

func (e *endpoint) Command(ctx context.Context, request *peerpb.CommandRequest) (*peerpb.CommandReply, error) {
	return e.own.Command(ctx, request), nil
}
