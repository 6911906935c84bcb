package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/storeward/storeward/console/internal/auth"
	"github.com/storeward/storeward/console/internal/db"
)

type loginInput struct {
	address string
	Body    struct {
		User     string `json:"user" minLength:"1" maxLength:"64"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

// Resolve notes where the attempt comes from.
func (in *loginInput) Resolve(ctx huma.Context) []error {
	in.address = host(ctx.RemoteAddr())
	return nil
}

func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}

func (a *API) sessionOperations(h huma.API) {
	login := operation("login", "/api/v1/login", "Start a session", "session")
	login.Method, login.Metadata, login.Security = http.MethodPost, nil, nil
	login.Errors = []int{http.StatusUnauthorized, http.StatusTooManyRequests}
	huma.Register(h, login, a.login)

	logout := operation("logout", "/api/v1/logout", "End the session", "session")
	logout.Method, logout.DefaultStatus, logout.Metadata = http.MethodPost, http.StatusNoContent, nil
	huma.Register(h, logout, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		return nil, a.broken(a.Sessions.End(ctx))
	})

	huma.Register(h, operation("session", "/api/v1/session", "Who is logged in", "session"),
		func(ctx context.Context, _ *struct{}) (*body[SessionView], error) {
			return answer(sessionView(callerOf(ctx).User)), nil
		})
}

func (a *API) login(ctx context.Context, in *loginInput) (*body[SessionView], error) {
	user, err := a.Users.Login(ctx, in.Body.User, in.Body.Password, in.address)
	switch {
	case errors.Is(err, auth.ErrRefused):
		a.audit(ctx, in.Body.User, in.address, "login refused", "session", "")
		return nil, huma.Error401Unauthorized(err.Error())
	case errors.Is(err, auth.ErrTooMany):
		return nil, huma.Error429TooManyRequests(err.Error())
	case err != nil:
		return nil, a.broken(err)
	}
	if err := a.Sessions.Begin(ctx, user); err != nil {
		return nil, a.broken(err)
	}
	a.audit(ctx, user.Name, in.address, "login", "session", "")
	return answer(sessionView(user)), nil
}

func sessionView(u *auth.User) SessionView { return SessionView{User: u.Name, Role: string(u.Role)} }

// audit notes what somebody did. What was done stands even if the note fails;
// then the log says so.
func (a *API) audit(ctx context.Context, who, address, action, object, detail string) {
	row := &db.Audit{Time: db.Nanos(a.Now()), Who: who, Address: address, Action: action, Object: object, Detail: detail}
	if _, err := a.DB.Write.NewInsert().Model(row).Exec(ctx); err != nil {
		a.Log.WithError(err).WithField("action", action).Error("audit entry not written")
	}
}
