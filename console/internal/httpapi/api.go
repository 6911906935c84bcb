package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/console/internal/auth"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/live"
)

// API answers the operations. Its parts are what the operations read.
type API struct {
	DB       *db.DB
	Fleet    *fleet.Fleet
	Users    *auth.Users
	Sessions *auth.Sessions
	Hub      *live.Hub
	Log      logrus.FieldLogger
	Now      func() time.Time
	Version  string
	// Ask puts a question to a node and returns its answer; see ingest.Ask.
	Ask func(ctx context.Context, store, node, question string) ([]byte, error)
}

// The key of an operation's metadata that holds the role it needs; without it
// an operation is open to everybody.
const needs = "role"

// needRole is the metadata of an operation that needs the role.
func needRole(r auth.Role) map[string]any { return map[string]any{needs: r} }

type callerKey struct{}

// caller is who asks, and from where.
type caller struct {
	*auth.User
	address string
}

// OpenAPI returns the description of the API as JSON, without running anything.
func OpenAPI(version string) ([]byte, error) {
	a := &API{Version: version}
	doc, err := a.register(http.NewServeMux()).OpenAPI().MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("describe the API: %w", err)
	}
	return doc, nil
}

func (a *API) register(mux *http.ServeMux) huma.API {
	huma.DefaultArrayNullable = false // every list here is at least []
	c := huma.DefaultConfig("Storeward console", a.Version)
	c.Info.Description = "What the enterprise console knows of its stores. Times are RFC 3339, durations seconds, sizes bytes, ratios 0..1."
	c.CreateHooks = nil // no $schema in every answer
	c.DocsPath, c.SchemasPath = "", ""
	c.Transformers = append(c.Transformers, withoutValues)
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: auth.CookieName},
	}
	h := humago.New(mux, c)
	h.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { a.authorise(h, ctx, next) })
	a.sessionOperations(h)
	a.storeOperations(h)
	a.incidentOperations(h)
	a.alarmOperations(h)
	a.askOperation(h)
	a.streamOperation(h)
	return h
}

// withoutValues leaves out of an error what its request said: a password, say, that a client logs.
func withoutValues(_ huma.Context, _ string, answer any) (any, error) {
	if e, ok := answer.(*huma.ErrorModel); ok {
		for _, d := range e.Errors {
			d.Value = nil
		}
	}
	return answer, nil
}

// authorise lets a request through to an operation that its user may use.
func (a *API) authorise(h huma.API, ctx huma.Context, next func(huma.Context)) {
	role, ok := ctx.Operation().Metadata[needs].(auth.Role)
	if !ok {
		next(ctx)
		return
	}
	user, err := a.Sessions.User(ctx.Context())
	switch {
	case err != nil:
		a.Log.WithError(err).Error("session not read")
		a.refuse(h, ctx, http.StatusInternalServerError, "the session cannot be read now")
	case user == nil:
		a.refuse(h, ctx, http.StatusUnauthorized, "log in first")
	case !user.Role.Allows(role):
		a.refuse(h, ctx, http.StatusForbidden, fmt.Sprintf("this needs the role %s or more, %s is %s", role, user.Name, user.Role))
	default:
		next(huma.WithValue(ctx, callerKey{}, caller{user, host(ctx.RemoteAddr())}))
	}
}

func (a *API) refuse(h huma.API, ctx huma.Context, status int, detail string) {
	if err := huma.WriteErr(h, ctx, status, detail); err != nil {
		a.Log.WithError(err).Debug("answer not written")
	}
}

// operation is a GET for viewers; callers change what differs.
func operation(id, path, summary, tag string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary, Tags: []string{tag},
		Metadata: needRole(auth.Viewer), Security: []map[string][]string{{"session": {}}},
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden},
	}
}

// body is an answer with a JSON body.
type body[T any] struct{ Body T }

func answer[T any](v T) *body[T] { return &body[T]{v} }

// broken logs why an operation cannot be answered and tells the client only that it cannot.
func (a *API) broken(err error) error {
	if err == nil {
		return nil
	}
	a.Log.WithError(err).Error("request not answered")
	return huma.Error500InternalServerError("the console cannot answer this now; its log says why")
}

// callerOf is who asked for an operation that needs a role.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}
