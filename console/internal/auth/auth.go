// Package auth knows the console's users: their roles, their passwords and their
// sessions. It says who somebody is and what their role allows; which role an
// operation needs is the business of the operation.
package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/storeward/storeward/console/internal/db"
)

// Role is what a user may do; each role may do what those before it may.
type Role string

// The roles, from the least to the most.
const (
	Viewer        Role = "viewer"
	Operator      Role = "operator"
	Engineer      Role = "engineer"
	Administrator Role = "administrator"
)

var roles = []Role{Viewer, Operator, Engineer, Administrator}

// ParseRole returns the role of that name.
func ParseRole(name string) (Role, error) {
	if r := Role(name); slices.Contains(roles, r) {
		return r, nil
	}
	return "", fmt.Errorf("role %q is none of viewer, operator, engineer, administrator", name)
}

// Allows tells whether a user with role r may do what needs the role needed.
func (r Role) Allows(needed Role) bool {
	have := slices.Index(roles, r)
	return have >= 0 && have >= slices.Index(roles, needed)
}

// User is somebody who proved who they are.
type User struct {
	Name string
	Role Role
	// proof stands for the password that was valid when the user was read.
	proof string
}

// Sentinels of Login.
var (
	// ErrRefused says that name or password is wrong, and not which.
	ErrRefused = errors.New("user name or password is wrong")
	// ErrTooMany says that too many attempts were wrong.
	ErrTooMany = errors.New("too many wrong attempts: try again in a minute")
	// ErrExists says that the user exists.
	ErrExists = errors.New("user exists")
)

// Limits of wrong attempts: a burst, then one every refill. One address may try
// several names, but not many.
const (
	burstPerName    = 5
	burstPerAddress = 20
	refill          = 12 * time.Second
	maxLimiters     = 10000
	maxRemembered   = 1000
	rememberFor     = 5 * time.Minute
)

// Users is the register of users.
type Users struct {
	db  *db.DB
	now func() time.Time
	// hashing bounds how many passwords are hashed at once: each takes 19 MiB.
	hashing chan struct{}
	decoy   string

	mu         sync.Mutex
	limiters   map[string]*rate.Limiter
	sweepAt    int                  // how many limiters there are when the next look through them is due
	secret     []byte               // keys the memory of proven passwords
	remembered map[string]time.Time // proof → when it ends
}

// NewUsers returns the register kept in d.
func NewUsers(d *db.DB, now func() time.Time) *Users {
	u := &Users{
		db: d, now: now, hashing: make(chan struct{}, 2), decoy: hash(GeneratePassword(), standard),
		limiters: map[string]*rate.Limiter{}, secret: make([]byte, 32), remembered: map[string]time.Time{},
	}
	_, _ = rand.Read(u.secret) // never fails, see crypto/rand
	return u
}

// Add adds a user. With replace a user of that name gets the new role and password.
func (u *Users) Add(ctx context.Context, name string, role Role, password string, replace bool) error {
	if name == "" || len(name) > 64 {
		return errors.New("a user's name has 1 to 64 bytes")
	}
	if len(password) < MinPassword || len(password) > 1024 {
		return fmt.Errorf("a password has %d to 1024 bytes", MinPassword)
	}
	row := &db.User{Name: name, Role: string(role), Hash: hash(password, standard), Created: db.Nanos(u.now())}
	ins := u.db.Write.NewInsert().Model(row)
	if replace {
		ins = ins.On("CONFLICT (name) DO UPDATE").Set("role = EXCLUDED.role").Set("hash = EXCLUDED.hash")
	} else {
		ins = ins.On("CONFLICT DO NOTHING")
	}
	res, err := ins.Exec(ctx)
	if err != nil {
		return fmt.Errorf("write user %s: %w", name, err)
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		return ErrExists
	}
	return nil
}

// Any tells whether there is any user.
func (u *Users) Any(ctx context.Context) (bool, error) {
	any, err := u.db.Read.NewSelect().Model((*db.User)(nil)).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for users: %w", err)
	}
	return any, nil
}

// Find returns a user by name, nil if there is none.
func (u *Users) Find(ctx context.Context, name string) (*User, error) {
	row, err := u.row(ctx, name)
	if row == nil || err != nil {
		return nil, err
	}
	return known(row), nil
}

func known(row *db.User) *User {
	sum := sha256.Sum256([]byte(row.Hash))
	return &User{Name: row.Name, Role: Role(row.Role), proof: hex.EncodeToString(sum[:16])}
}

func (u *Users) row(ctx context.Context, name string) (*db.User, error) {
	row := &db.User{Name: name}
	err := u.db.Read.NewSelect().Model(row).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read user: %w", err)
	}
	return row, nil
}

// Login proves a name and password given from address. A wrong name costs as
// long as a wrong password.
func (u *Users) Login(ctx context.Context, name, password, address string) (*User, error) {
	if !u.spend(name, address) {
		return nil, ErrTooMany
	}
	row, err := u.row(ctx, name)
	if err != nil {
		return nil, err
	}
	phc := u.decoy
	if row != nil {
		phc = row.Hash
	}
	ok, err := u.check(ctx, password, phc)
	if err != nil {
		return nil, fmt.Errorf("check password of %s: %w", name, err)
	}
	if !ok || row == nil {
		return nil, ErrRefused
	}
	u.forgive(name, address)
	return known(row), nil
}

// Prove is Login for requests that carry the password every time: a proof holds
// for five minutes, unless the password changes.
func (u *Users) Prove(ctx context.Context, name, password, address string) (*User, error) {
	row, err := u.row(ctx, name)
	if err != nil {
		return nil, err
	}
	if row != nil {
		proof := u.proof(name, password, row.Hash)
		if u.recall(proof) {
			return known(row), nil
		}
		user, err := u.Login(ctx, name, password, address)
		if err == nil {
			u.remember(proof)
		}
		return user, err
	}
	return u.Login(ctx, name, password, address)
}

func (u *Users) check(ctx context.Context, password, phc string) (bool, error) {
	select {
	case u.hashing <- struct{}{}:
		defer func() { <-u.hashing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	return matches(password, phc)
}

// spend takes one attempt from the limits of the name at the address and of the address.
func (u *Users) spend(name, address string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.now()
	if len(u.limiters) > max(maxLimiters, u.sweepAt) {
		u.forgetFull(now)
		u.sweepAt = 2 * len(u.limiters) // what is kept is not looked through every time
	}
	// The address first: one that may not try any more leaves nothing behind,
	// whatever names it makes up.
	return u.limiter(address, burstPerAddress).AllowN(now, 1) &&
		u.limiter(name+"\x00"+address, burstPerName).AllowN(now, 1)
}

// forgetFull drops the limiters that have nothing to remember. While many
// addresses attack at once all of them may have, and then the memory goes first.
func (u *Users) forgetFull(now time.Time) {
	maps.DeleteFunc(u.limiters, func(_ string, l *rate.Limiter) bool { return l.TokensAt(now) >= float64(l.Burst()) })
	if len(u.limiters) > 10*maxLimiters {
		clear(u.limiters)
	}
}

func (u *Users) limiter(key string, burst int) *rate.Limiter {
	l := u.limiters[key]
	if l == nil {
		l = rate.NewLimiter(rate.Every(refill), burst)
		u.limiters[key] = l
	}
	return l
}

func (u *Users) forgive(name, address string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.limiters, name+"\x00"+address)
	delete(u.limiters, address)
}

func (u *Users) proof(parts ...string) string {
	mac := hmac.New(sha256.New, u.secret)
	for _, p := range parts {
		fmt.Fprintf(mac, "%d:%s", len(p), p)
	}
	return string(mac.Sum(nil))
}

func (u *Users) recall(proof string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.now().Before(u.remembered[proof])
}

func (u *Users) remember(proof string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.remembered) >= maxRemembered {
		clear(u.remembered)
	}
	u.remembered[proof] = u.now().Add(rememberFor)
}
