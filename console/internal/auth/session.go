package auth

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/storeward/storeward/console/internal/db"
)

// SessionLife is how long a login lasts.
const SessionLife = 12 * time.Hour

// CookieName is the name of the session's cookie.
const CookieName = "storeward"

// What a session holds.
const (
	sessionUser  = "user"
	sessionProof = "proof" // of the password that began it
)

// Sessions ties requests to users by a cookie.
type Sessions struct {
	manager *scs.SessionManager
	users   *Users
}

// NewSessions keeps sessions in d. With secure the cookie travels over TLS only.
func NewSessions(d *db.DB, users *Users, secure bool) *Sessions {
	// Not scs.New: that starts a goroutine for a store in memory which nobody uses.
	m := &scs.SessionManager{
		Lifetime: SessionLife, Store: &store{db: d}, Codec: scs.GobCodec{}, HashTokenInStore: true,
		Cookie: scs.SessionCookie{
			Name: CookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure, Persist: true,
		},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "sessions cannot be read or written now", http.StatusServiceUnavailable)
		},
	}
	return &Sessions{manager: m, users: users}
}

// Middleware gives every request its session.
func (s *Sessions) Middleware(next http.Handler) http.Handler { return s.manager.LoadAndSave(next) }

// Begin starts a session for the user, with a new token.
func (s *Sessions) Begin(ctx context.Context, user *User) error {
	if err := s.manager.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew session: %w", err)
	}
	s.manager.Put(ctx, sessionUser, user.Name)
	s.manager.Put(ctx, sessionProof, user.proof)
	return nil
}

// End ends the session.
func (s *Sessions) End(ctx context.Context) error {
	if err := s.manager.Destroy(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// User returns who is logged in, nil if nobody is. The user is read anew, so
// that a new role counts at once and a new password ends the sessions that the
// old one began.
func (s *Sessions) User(ctx context.Context) (*User, error) {
	name := s.manager.GetString(ctx, sessionUser)
	if name == "" {
		return nil, nil
	}
	user, err := s.users.Find(ctx, name)
	if user == nil || err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(user.proof), []byte(s.manager.GetString(ctx, sessionProof))) != 1 {
		return nil, nil
	}
	return user, nil
}

// Alive tells whether the session of a long-lived request still holds. It asks
// the store, not the request's own context, which only knows how it began.
func (s *Sessions) Alive(ctx context.Context) bool {
	token := s.manager.Token(ctx)
	if token == "" {
		return false
	}
	fresh, err := s.manager.Load(context.Background(), token) //nolint:contextcheck // ctx holds the session as it was
	if err != nil {
		return false
	}
	user, err := s.User(fresh)
	return user != nil && err == nil
}

// Sweep deletes sessions that are over.
func (s *Sessions) Sweep(ctx context.Context, now time.Time) error {
	st, ok := s.manager.Store.(*store)
	if !ok {
		return nil
	}
	if _, err := st.db.Write.NewDelete().Model((*db.Session)(nil)).Where("expiry < ?", db.Nanos(now)).Exec(ctx); err != nil {
		return fmt.Errorf("delete old sessions: %w", err)
	}
	return nil
}

// store keeps sessions in the database; it is an scs.CtxStore.
type store struct{ db *db.DB }

var _ scs.CtxStore = (*store)(nil)

func (s *store) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	row := &db.Session{Token: token}
	err := s.db.Read.NewSelect().Model(row).WherePK().Where("expiry > ?", time.Now().UnixNano()).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read session: %w", err)
	}
	return row.Data, true, nil
}

func (s *store) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	row := &db.Session{Token: token, Data: data, Expiry: expiry.UnixNano()}
	if _, err := s.db.Write.NewInsert().Model(row).On("CONFLICT (token) DO UPDATE").Exec(ctx); err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}

func (s *store) DeleteCtx(ctx context.Context, token string) error {
	if _, err := s.db.Write.NewDelete().Model(&db.Session{Token: token}).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

func (s *store) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *store) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

func (s *store) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
