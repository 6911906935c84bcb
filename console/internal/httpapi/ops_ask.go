package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/console/internal/auth"
	"github.com/storeward/storeward/console/internal/ingest"
	"github.com/storeward/storeward/core/api"
)

// askWithin is how long a node may take; a snapshot is gathered within 2 s.
const askWithin = 8 * time.Second

type nodeInput struct {
	Store string `path:"store" maxLength:"63"`
	Node  string `path:"node" maxLength:"63"`
}

func (a *API) askOperation(h huma.API) {
	op := operation("takeSnapshot", "/api/v1/stores/{store}/nodes/{node}/snapshot", "Ask a node for a snapshot of itself, now", "stores")
	op.Description = "The snapshot is shown, not kept."
	op.Method, op.Metadata = http.MethodPost, needRole(auth.Operator)
	op.Errors = append(op.Errors, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	huma.Register(h, op, a.takeSnapshot)
}

func (a *API) takeSnapshot(ctx context.Context, in *nodeInput) (*body[SnapshotView], error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	data, err := a.Ask(ctx, in.Store, in.Node, "snapshot")
	var refused *ingest.RefusedError
	switch {
	case errors.Is(err, ingest.ErrNotConnected):
		return nil, huma.Error503ServiceUnavailable(err.Error())
	case errors.As(err, &refused):
		return nil, huma.Error502BadGateway(refused.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, huma.Error504GatewayTimeout("the node did not answer in time")
	case err != nil:
		return nil, a.broken(err)
	}
	s := new(api.Snapshot)
	if err := proto.Unmarshal(data, s); err != nil {
		return nil, huma.Error502BadGateway("the node's answer cannot be read")
	}
	who := callerOf(ctx)
	a.audit(ctx, who.Name, who.address, "take snapshot", in.Store+" "+in.Node, "")
	return answer(snapshotView(s)), nil
}
