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
	var told *peerpb.News
	for {
		news := e.own.News()
		if err := stream.Send(since(told, news)); err != nil {
			return err
		}
		told = news
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

// since leaves out what the stream has told already: little changes in a second.
func since(told, news *peerpb.News) *peerpb.News {
	out := &peerpb.News{Node: news.GetNode(), Sample: news.GetSample(), Incidents: news.GetIncidents(), Alarms: news.GetAlarms()}
	if news.GetStatus() != told.GetStatus() {
		out.Status = news.GetStatus()
	}
	if news.GetDigest() != told.GetDigest() {
		out.Digest = news.GetDigest()
	}
	return out
}

func (e *endpoint) Snapshot(ctx context.Context, request *peerpb.SnapshotRequest) (*api.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, snapshotBound-200*time.Millisecond)
	defer cancel()
	moment := time.Now() // an older version says none
	if at := request.GetMomentUnixNano(); at != 0 {
		moment = time.Unix(0, at)
	}
	return e.own.Snapshot(ctx, moment), nil
}

func (e *endpoint) Command(ctx context.Context, request *peerpb.CommandRequest) (*peerpb.CommandReply, error) {
	return e.own.Command(ctx, request), nil
}

func (e *endpoint) Configuration(_ context.Context, request *peerpb.ConfigurationRequest) (*peerpb.Settings, error) {
	return e.own.Configuration(request), nil
}
