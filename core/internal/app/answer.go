package app

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
)

// answer replies to a console's questions.
func (a *App) answer(ctx context.Context, question string, _ []byte) (proto.Message, error) {
	e := a.herald.known()
	if e == nil {
		return nil, fmt.Errorf("the daemon of %s is starting", a.node)
	}
	switch question {
	case "status":
		return e.Status(), nil
	case "snapshot":
		return e.PeerSide().Snapshot(ctx, time.Now()), nil
	default:
		return nil, fmt.Errorf("this daemon knows no question %q", question)
	}
}
