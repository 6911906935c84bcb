package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/storeward/storeward/console/internal/alarm"
	"github.com/storeward/storeward/console/internal/auth"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/console/internal/fleet"
	"github.com/storeward/storeward/console/internal/incident"
	"github.com/storeward/storeward/console/internal/ingest"
	"github.com/storeward/storeward/console/internal/live"
	"github.com/storeward/storeward/console/internal/series"
	"github.com/storeward/storeward/core/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse"

// site is the console's HTTP face with a store in it.
type site struct {
	*API
	server *httptest.Server
	huma   huma.API
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func newSite(t *testing.T) *site {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	dir := t.TempDir()
	d, err := db.Open(ctx, dir)
	must(err)
	points, err := series.Open(series.Options{Dir: filepath.Join(dir, "series"), Log: log, Now: func() time.Time { return noon }})
	must(err)
	fill(t, d)
	f, err := fleet.Load(ctx, d.Read)
	must(err)
	users := auth.NewUsers(d, time.Now)
	must(users.Add(ctx, "root", auth.Administrator, password, false))
	must(users.Add(ctx, "view", auth.Viewer, password, false))
	s := &site{API: &API{
		DB: d, Fleet: f, Users: users, Sessions: auth.NewSessions(d, users, false), Hub: live.New(), Log: log,
		Now: func() time.Time { return noon }, Version: "test", Ask: ask,
	}}
	files := fstest.MapFS{"index.html": {Data: []byte("<html>index</html>")}, "assets/a-1.js": {Data: []byte(strings.Repeat("x = 1\n", 1000))}, ".keep": {}}
	h, err := s.Handler(Parts{Prom: points.Handler(PromPrefix), Files: files, Metrics: prometheus.NewRegistry()})
	must(err)
	s.huma = s.register(http.NewServeMux())
	s.server = httptest.NewServer(h)
	t.Cleanup(func() {
		s.Hub.Close()
		s.server.Close()
		must(points.Close())
		must(d.Close())
	})
	return s
}

// ask plays the nodes: alpha answers, the others do not, each in its own way.
func ask(_ context.Context, _, node, _ string) ([]byte, error) {
	switch node {
	case "alpha":
		return proto.Marshal(&api.Snapshot{Node: "alpha", Source: "self"})
	case "beta":
		return nil, &ingest.RefusedError{Reason: "starting"}
	case "gamma":
		return []byte("\xff"), nil
	case "delta":
		return nil, context.DeadlineExceeded
	default:
		return nil, ingest.ErrNotConnected
	}
}

// fill writes a store with an event, an alarm, an incident and an inventory.
func fill(t *testing.T, d *db.DB) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(fleet.Register(ctx, d.Write, "s0001", "alpha", noon.Add(-time.Hour)))
	must(fleet.Register(ctx, d.Write, "s0001", "beta", noon.Add(-time.Hour)))
	for i := range 3 {
		ev := &db.Event{
			Store: "s0001", Node: "beta", JournalID: "j", Sequence: uint64(i + 1), ID: fmt.Sprint("beta/j/", i+1), Time: db.Nanos(noon), Received: db.Nanos(noon),
			Kind: api.KindPeerSilent, Severity: int32(api.Severity_SEVERITY_CRITICAL), Object: "node/alpha", Message: "alpha is silent",
			Condition: "unreachable", Incident: "i1", Generation: 7, Attributes: map[string]string{"link": "cable"},
		}
		_, err := d.Write.NewInsert().Model(ev).Exec(ctx)
		must(err)
		_, err = alarm.Apply(ctx, d.Write, ev)
		must(err)
	}
	_, err := incident.Merge(ctx, d.Write, "s0001", "beta", sample(), noon)
	must(err)
	_, err = d.Write.NewInsert().Model(&db.Inventory{Store: "s0001", Node: "alpha", Facts: map[string]string{"os": "Debian"}}).Exec(ctx)
	must(err)
	_, err = d.Write.NewInsert().Model(&db.Journal{Store: "s0001", Node: "beta", JournalID: "j", Sequence: 3, LastSeen: db.Nanos(noon)}).Exec(ctx)
	must(err)
}

// client is a browser, logged in as the user unless that is empty.
func (s *site) client(t *testing.T, user string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	t.Cleanup(c.CloseIdleConnections)
	if user == "" {
		return c
	}
	if code, text := s.do(t, c, http.MethodPost, "/api/v1/login", fmt.Sprintf(`{"user":%q,"password":%q}`, user, password)); code != http.StatusOK {
		t.Fatalf("login: %d %s", code, text)
	}
	return c
}

func (s *site) do(t *testing.T, c *http.Client, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// examples fill in the paths and bodies of the operations.
var (
	paths  = strings.NewReplacer("{store}", "s0001", "{node}", "alpha", "/incidents/{id}", "/incidents/i1", "/alarms/{id}", "/alarms/1")
	bodies = map[string]string{
		"login": `{"user":"root","password":"` + password + `"}`, "acknowledgeAlarm": `{"comment":"seen"}`,
	}
)

// TestEveryOperation asks every operation of the OpenAPI description, as nobody
// and as an administrator, and checks the answer against its schema.
func TestEveryOperation(t *testing.T) {
	s := newSite(t)
	doc := s.huma.OpenAPI()
	for path, item := range doc.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op == nil || op.OperationID == "stream" {
				continue
			}
			t.Run(op.OperationID, func(t *testing.T) {
				at, body := paths.Replace(path), bodies[op.OperationID]
				code, text := s.do(t, s.client(t, ""), method, at, body)
				if _, guarded := op.Metadata[needs]; guarded && code != http.StatusUnauthorized {
					t.Errorf("as nobody: %d %s", code, text)
				}
				code, text = s.do(t, s.client(t, "root"), method, at, body)
				if op.OperationID == "logout" {
					if code != http.StatusNoContent {
						t.Errorf("%d %s", code, text)
					}
					return
				}
				if code != http.StatusOK {
					t.Fatalf("%d %s", code, text)
				}
				matchesSchema(t, doc, op.Responses["200"].Content["application/json"].Schema, text)
			})
		}
	}
}

func matchesSchema(t *testing.T, doc *huma.OpenAPI, schema *huma.Schema, text string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	res := &huma.ValidateResult{}
	huma.Validate(doc.Components.Schemas, schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, res)
	for _, err := range res.Errors {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	s := newSite(t)
	root, view, nobody := s.client(t, "root"), s.client(t, "view"), s.client(t, "")
	for _, c := range []struct {
		name         string
		client       *http.Client
		method, path string
		body         string
		code         int
		want         string
		headers      []string
	}{
		{"wrong password", nobody, "POST", "/api/v1/login", `{"user":"root","password":"guess"}`, 401, "wrong", nil},
		{"no password", nobody, "POST", "/api/v1/login", `{"user":"root"}`, 422, "password", nil},
		{"unknown key", nobody, "POST", "/api/v1/login", `{"user":"root","password":"hidden","more":1}`, 422, "more", nil},
		{"user under another name", nobody, "POST", "/api/v1/login", `{"name":"root","password":"hidden"}`, 422, "user", nil},
		{"no JSON", nobody, "POST", "/api/v1/login", `{`, 400, "", nil},
		{"not logged in", nobody, "GET", "/api/v1/stream", "", 401, "log in", nil},
		{"role too small", view, "POST", "/api/v1/alarms/1/acknowledge", `{"comment":""}`, 403, "operator", nil},
		{"another site", root, "POST", "/api/v1/alarms/1/acknowledge", `{"comment":""}`, 403, "another site", []string{"Sec-Fetch-Site", "cross-site"}},
		{"another origin", root, "POST", "/api/v1/logout", "", 403, "another site", []string{"Origin", "https://evil.example"}},
		{"unknown store", root, "GET", "/api/v1/stores/s9", "", 404, "s9", nil},
		{"unknown store's events", root, "GET", "/api/v1/stores/s9/events", "", 404, "s9", nil},
		{"unknown incident", root, "GET", "/api/v1/incidents/none", "", 404, "not found", nil},
		{"unknown alarm", root, "POST", "/api/v1/alarms/99/acknowledge", `{"comment":""}`, 404, "not found", nil},
		{"limit too large", root, "GET", "/api/v1/incidents?limit=5000", "", 422, "limit", nil},
		{"no number", root, "POST", "/api/v1/alarms/x/acknowledge", `{"comment":""}`, 422, "id", nil},
		{"snapshot by a viewer", view, "POST", "/api/v1/stores/s0001/nodes/alpha/snapshot", "", 403, "operator", nil},
		{"snapshot refused", root, "POST", "/api/v1/stores/s0001/nodes/beta/snapshot", "", 502, "starting", nil},
		{"snapshot garbled", root, "POST", "/api/v1/stores/s0001/nodes/gamma/snapshot", "", 502, "cannot be read", nil},
		{"snapshot late", root, "POST", "/api/v1/stores/s0001/nodes/delta/snapshot", "", 504, "in time", nil},
		{"snapshot of nobody", root, "POST", "/api/v1/stores/s0001/nodes/omega/snapshot", "", 503, "no link", nil},
		{"unknown operation", root, "GET", "/api/v2/stores", "", 404, "openapi.json", nil},
		{"PromQL as nobody", nobody, "GET", "/api/prom/api/v1/query?query=1", "", 401, "basic", nil},
		{"PromQL with a wrong password", nobody, "GET", "/api/prom/api/v1/query?query=1", "", 401, "password is wrong", []string{"Authorization", "Basic dmlldzp3cm9uZw=="}},
		{"writing a page", root, "PUT", "/", "", 405, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, text := s.do(t, c.client, c.method, c.path, c.body, c.headers...)
			if code != c.code || !strings.Contains(text, c.want) {
				t.Errorf("%d %s, want %d with %q", code, text, c.code, c.want)
			}
			if strings.Contains(text, "hidden") {
				t.Errorf("a password comes back: %s", text)
			}
			var p huma.ErrorModel
			if err := json.Unmarshal([]byte(text), &p); err != nil || p.Status != c.code {
				t.Errorf("not a problem in JSON: %s", text)
			}
		})
	}
}

func TestTooManyLogins(t *testing.T) {
	s := newSite(t)
	c := s.client(t, "")
	code := 0
	for range 6 {
		code, _ = s.do(t, c, "POST", "/api/v1/login", `{"user":"root","password":"guess"}`)
	}
	if code != http.StatusTooManyRequests {
		t.Errorf("the sixth wrong attempt: %d", code)
	}
}

func TestEventPages(t *testing.T) {
	s := newSite(t)
	c := s.client(t, "view")
	var keys []int64
	path := "/api/v1/stores/s0001/events?limit=2"
	for path != "" {
		_, text := s.do(t, c, "GET", path, "")
		var l EventList
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Events {
			keys = append(keys, e.Key)
		}
		path = ""
		if l.Next > 0 {
			path = fmt.Sprintf("/api/v1/stores/s0001/events?limit=2&before=%d", l.Next)
		}
	}
	if diff := cmp.Diff([]int64{3, 2, 1}, keys); diff != "" {
		t.Error(diff)
	}
}

func TestAcknowledgeIsAuditedAndTold(t *testing.T) {
	s := newSite(t)
	w := s.Hub.Watch(1)
	defer w.Stop()
	if code, text := s.do(t, s.client(t, "root"), "POST", "/api/v1/alarms/1/acknowledge", `{"comment":"on it"}`); code != 200 || !strings.Contains(text, `"acknowledgedBy":"root"`) {
		t.Fatalf("%d %s", code, text)
	}
	if a, ok := (<-w.C).(*db.Alarm); !ok || a.Comment != "on it" {
		t.Errorf("told %+v", a)
	}
	var rows []db.Audit
	if err := s.DB.Read.NewSelect().Model(&rows).Where("action = 'acknowledge alarm'").Scan(context.Background()); err != nil || len(rows) != 1 || rows[0].Who != "root" || rows[0].Address != "127.0.0.1" {
		t.Errorf("audit %+v %v", rows, err)
	}
}

func TestPagesAndHeaders(t *testing.T) {
	s := newSite(t)
	c := s.client(t, "")
	for _, x := range []struct{ path, accept, want, cache string }{
		{"/", "text/html", "index", "no-cache"},
		{"/stores/s0001", "text/html", "index", "no-cache"},
		{"/stores/shop.example", "text/html", "index", "no-cache"},
		{"/assets/a-1.js", "*/*", "x = 1", "public, max-age=31536000, immutable"},
		{"/assets/gone.js", "*/*", "404", ""},
		{"/.keep", "*/*", "404", ""},
		{"/healthz", "*/*", "ok", ""},
	} {
		r, err := http.NewRequest(http.MethodGet, s.server.URL+x.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", x.accept)
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || res.Body.Close() != nil || !strings.Contains(string(text), x.want) || res.Header.Get("Cache-Control") != x.cache {
			t.Errorf("%s: %d %q %v", x.path, res.StatusCode, text, res.Header)
		}
		if !strings.Contains(res.Header.Get("Content-Security-Policy"), "default-src 'self'") {
			t.Errorf("%s: no content policy", x.path)
		}
	}
	code, etag := 0, ""
	for range 2 {
		r, _ := http.NewRequest(http.MethodGet, s.server.URL+"/assets/a-1.js", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		r.Header.Set("If-None-Match", etag)
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if etag == "" && res.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("not compressed: %v", res.Header)
		}
		code, etag = res.StatusCode, res.Header.Get("Etag")
	}
	if code != http.StatusNotModified {
		t.Errorf("the second time %d", code)
	}
}

func TestNotBuilt(t *testing.T) {
	p, err := newPages(fstest.MapFS{".keep": {}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if !strings.Contains(w.Body.String(), "make web") {
		t.Error(w.Body)
	}
}

func TestPromWithSessionAndBasic(t *testing.T) {
	s := newSite(t)
	if code, text := s.do(t, s.client(t, "view"), "GET", "/api/prom/api/v1/query?query=1", ""); code != 200 || !strings.Contains(text, "scalar") {
		t.Errorf("session: %d %s", code, text)
	}
	r, _ := http.NewRequest(http.MethodGet, s.server.URL+"/api/prom/api/v1/query?query=1", nil)
	r.SetBasicAuth("view", password)
	res, err := s.client(t, "").Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || len(res.Cookies()) != 0 {
		t.Errorf("basic: %d %v", res.StatusCode, res.Cookies())
	}
}

func TestStream(t *testing.T) {
	s := newSite(t)
	c := s.client(t, "view")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.server.URL+"/api/v1/stream?store=s0001", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() (event, data string) {
		for lines.Scan() {
			if e, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = e
			}
			if d, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return event, d
			}
		}
		return "end", ""
	}
	if e, _ := next(); e != "pulse" {
		t.Fatalf("first %q", e)
	}
	s.Hub.Tell(&db.Event{Store: "s0002", Message: "not asked for"})
	s.Hub.Tell(&db.Event{Store: "s0001", Message: "hello"})
	s.Hub.Tell(&api.Status{Store: "s0001", Node: "alpha"})
	s.Hub.Tell(&db.Incident{Store: "s0001", ID: "i2"})
	s.Hub.Tell(&db.Alarm{Store: "s0001", ID: 5})
	s.Hub.Tell(live.StoreChanged("s0001"))
	for _, want := range []struct{ event, part string }{
		{"event", `"message":"hello"`}, {"status", `"node":"alpha"`}, {"incident", `"id":"i2"`}, {"alarm", `"id":5`}, {"store", `"health":"unknown"`},
	} {
		if e, d := next(); e != want.event || !strings.Contains(d, want.part) {
			t.Errorf("%s %s, want %+v", e, d, want)
		}
	}
	s.Hub.Close()
	if e, _ := next(); e != "end" {
		t.Errorf("after the end: %q", e)
	}
}
