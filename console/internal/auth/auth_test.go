package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/storeward/storeward/console/internal/db"
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func users(t *testing.T) (*Users, *db.DB, *clock) {
	t.Helper()
	d, err := db.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &clock{at: time.Now()}
	u := NewUsers(d, c.now)
	if err := u.Add(context.Background(), "ann", Operator, "correct horse", false); err != nil {
		t.Fatal(err)
	}
	return u, d, c
}

func TestRoles(t *testing.T) {
	for have, want := range map[Role]string{
		Viewer: "viewer", Operator: "viewer operator", Engineer: "viewer operator engineer",
		Administrator: "viewer operator engineer administrator", "": "", "root": "",
	} {
		var got []string
		for _, r := range roles {
			if have.Allows(r) {
				got = append(got, string(r))
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q may do what needs %q, want %q", have, s, want)
		}
	}
	if _, err := ParseRole("root"); err == nil {
		t.Error("role root is taken")
	}
}

func TestPasswords(t *testing.T) {
	cheap := cost{memory: 64, passes: 1, threads: 1}
	phc := hash("secret", cheap)
	if ok, err := matches("secret", phc); !ok || err != nil {
		t.Errorf("right password: %v %v", ok, err)
	}
	if ok, err := matches("Secret", phc); ok || err != nil {
		t.Errorf("wrong password: %v %v", ok, err)
	}
	if phc == hash("secret", cheap) {
		t.Error("two hashes with one salt")
	}
	for _, bad := range []string{
		"", "plain", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=18$m=64,t=1,p=1$AAAA$AAAA",
		"$argon2id$v=19$m=64$AAAA$AAAA", "$argon2id$v=19$m=64,t=1,p=1$!$AAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$", "$argon2id$v=19$m=64,t=0,p=1$AAAA$AAAA",
	} {
		if ok, err := matches("secret", bad); ok || !errors.Is(err, errHash) {
			t.Errorf("%q: %v %v", bad, ok, err)
		}
	}
}

func TestAdd(t *testing.T) {
	u, _, _ := users(t)
	ctx := context.Background()
	if err := u.Add(ctx, "ann", Viewer, "another one", false); !errors.Is(err, ErrExists) {
		t.Errorf("ann twice: %v", err)
	}
	if err := u.Add(ctx, "bob", Viewer, "short", false); err == nil {
		t.Error("a short password is taken")
	}
	if err := u.Add(ctx, "", Viewer, "long enough", false); err == nil {
		t.Error("no name is taken")
	}
	if err := u.Add(ctx, "ann", Viewer, "another one", true); err != nil {
		t.Error(err)
	}
	if user, err := u.Login(ctx, "ann", "another one", "a"); err != nil || user.Role != Viewer {
		t.Errorf("%+v %v", user, err)
	}
}

func TestLoginAndLimits(t *testing.T) {
	u, _, c := users(t)
	ctx := context.Background()
	if user, err := u.Login(ctx, "ann", "correct horse", "10.0.0.1"); err != nil || user.Role != Operator {
		t.Fatalf("%+v %v", user, err)
	}
	if _, err := u.Login(ctx, "nobody", "correct horse", "10.0.0.2"); !errors.Is(err, ErrRefused) {
		t.Errorf("unknown name: %v", err)
	}
	for range burstPerName {
		if _, err := u.Login(ctx, "ann", "wrong", "10.0.0.1"); !errors.Is(err, ErrRefused) {
			t.Fatalf("wrong password: %v", err)
		}
	}
	if _, err := u.Login(ctx, "ann", "correct horse", "10.0.0.1"); !errors.Is(err, ErrTooMany) {
		t.Errorf("beyond the limit: %v", err)
	}
	if _, err := u.Login(ctx, "ann", "correct horse", "10.0.0.9"); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	c.pass(refill)
	if _, err := u.Login(ctx, "ann", "correct horse", "10.0.0.1"); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

func TestOneAddressTriesManyNames(t *testing.T) {
	u, _, _ := users(t)
	refused := 0
	for i := range 2 * burstPerAddress {
		if !u.spend(fmt.Sprint("name", i), "10.0.0.1") {
			refused++
		}
	}
	if refused != burstPerAddress {
		t.Errorf("%d refused, want %d", refused, burstPerAddress)
	}
}

// TestNamesDoNotWashAwayTheLimit: whoever makes up names without end does not
// make the register forget how often they tried.
func TestNamesDoNotWashAwayTheLimit(t *testing.T) {
	u, _, _ := users(t)
	tried := 0
	for i := range 3 * maxLimiters {
		if u.spend(fmt.Sprint("name", i), "10.0.0.1") {
			tried++
		}
	}
	if tried != burstPerAddress {
		t.Errorf("%d attempts, want %d", tried, burstPerAddress)
	}
	for i := range 3 * maxLimiters {
		u.spend("ann", fmt.Sprint("10.0.1.", i))
	}
	if u.spend("one more", "10.0.0.1") {
		t.Error("many addresses make the register forget the first")
	}
}

func TestProve(t *testing.T) {
	u, _, c := users(t)
	ctx := context.Background()
	prove := func(password string) error {
		_, err := u.Prove(ctx, "ann", password, "10.0.0.1")
		return err
	}
	if err := prove("correct horse"); err != nil {
		t.Fatal(err)
	}
	if len(u.remembered) != 1 {
		t.Fatal("not remembered")
	}
	for range 2 * burstPerName {
		_ = prove("wrong")
	}
	if err := prove("correct horse"); err != nil {
		t.Errorf("what is proven is limited: %v", err)
	}
	if err := u.Add(ctx, "ann", Viewer, "another one", true); err != nil {
		t.Fatal(err)
	}
	if err := prove("correct horse"); err == nil {
		t.Error("the old password still proves")
	}
	c.pass(time.Hour)
	if err := prove("another one"); err != nil {
		t.Error(err)
	}
}

func TestSessions(t *testing.T) {
	u, d, _ := users(t)
	s := NewSessions(d, u, true)
	var alive func() bool
	h := s.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/in":
			user, err := u.Find(r.Context(), "ann")
			if err != nil {
				t.Error(err)
			}
			if err := s.Begin(r.Context(), user); err != nil {
				t.Error(err)
			}
		case "/out":
			if err := s.End(r.Context()); err != nil {
				t.Error(err)
			}
		}
		user, err := s.User(r.Context())
		if err != nil {
			t.Error(err)
		}
		if user != nil {
			fmt.Fprint(w, user.Name, " ", user.Role)
		}
		alive = func() bool { return s.Alive(r.Context()) }
	}))
	ask := func(path string, cookie *http.Cookie) *http.Response {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	cookies := ask("/in", nil).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies %v", cookies)
	}
	c := cookies[0]
	if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %v", c)
	}
	body := make([]byte, 100)
	n, _ := ask("/who", c).Body.Read(body)
	if string(body[:n]) != "ann operator" || !alive() {
		t.Errorf("who: %q, alive %v", body[:n], alive())
	}
	if err := u.Add(context.Background(), "ann", Viewer, "another one", true); err != nil {
		t.Fatal(err)
	}
	if n, _ := ask("/who", c).Body.Read(body); n != 0 || alive() {
		t.Errorf("a stolen session outlives the password that began it: %q, alive %v", body[:n], alive())
	}
	c = ask("/in", nil).Cookies()[0]
	n, _ = ask("/who", c).Body.Read(body)
	if string(body[:n]) != "ann viewer" || !alive() {
		t.Errorf("who, with the new password: %q, alive %v", body[:n], alive())
	}
	stillThere := alive
	ask("/out", c)
	if n, _ := ask("/who", c).Body.Read(body); n != 0 {
		t.Errorf("after the end: %q", body[:n])
	}
	if stillThere() {
		t.Error("a long request outlives its session")
	}
	if err := s.Sweep(context.Background(), time.Now().Add(SessionLife+time.Minute)); err != nil {
		t.Error(err)
	}
	if n, err := d.Read.NewSelect().Model((*db.Session)(nil)).Count(context.Background()); n != 0 || err != nil {
		t.Errorf("%d sessions left, %v", n, err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
