package app

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
)

// answer replies to a console's questions.
func (a *App) answer(ctx context.Context, question string, _ []byte) (proto.Message, error) {
	if a.engine == nil {
		return nil, fmt.Errorf("the daemon of %s is starting", a.node)
	}
	switch question {
	case "status":
		return a.engine.Status(), nil
	case "snapshot":
		return a.engine.PeerSide().Snapshot(ctx, time.Now()), nil
	default:
		return nil, fmt.Errorf("this daemon knows no question %q", question)
	}
}
