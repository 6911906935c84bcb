package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/storeward/storeward/core/api"
)

// ErrNotConnected says that the node has no link to this console now.
var ErrNotConnected = errors.New("the node has no link to the console now")

// RefusedError is a node's own word on why it does not answer a question.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "the node answers: " + e.Reason }

// Ask puts a question to a node ("status", "snapshot") and returns its answer, a
// protobuf message of the API. It waits as long as ctx allows.
func (in *Ingest) Ask(ctx context.Context, store, node, question string) ([]byte, error) {
	for _, name := range []string{store, node, question} {
		if !api.ValidName(name) {
			return nil, ErrNotConnected // nobody of that name can be
		}
	}
	m, err := in.broker.conn.RequestWithContext(ctx, api.Subject(store, node, api.SubjectAsk+"."+question), nil)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrNotConnected
	case err != nil:
		return nil, fmt.Errorf("ask %s.%s for its %s: %w", store, node, question, err)
	}
	if reason := m.Header.Get(api.HeaderError); reason != "" {
		return nil, &RefusedError{cut(reason, maxText)}
	}
	return m.Data, nil
}
