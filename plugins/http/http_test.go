package http

import (
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
)

func openTest(t *testing.T, url string, change func(*Config)) *instance {
	t.Helper()
	cfg := DefaultConfig().(*Config)
	cfg.URL = url
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	got, err := open(t.Context(), sdk.Env{Instance: "web", Log: log}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = got.Close() })
	return got.(*instance)
}

func handler(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/auth":
		if user, password, _ := r.BasicAuth(); user != "till" || password != "s3cret" || r.Host != "shop.example" || r.Header.Get("X-Till") != "7" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	case "/broken":
		w.WriteHeader(http.StatusBadGateway)
	case "/gone":
		w.WriteHeader(http.StatusGone)
	case "/moved":
		http.Redirect(w, r, "/", http.StatusFound)
	case "/cut":
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	case "/stuck":
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Second):
		}
	default:
		fmt.Fprint(w, "price 1.99")
	}
}

func TestProbe(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(handler))
	defer server.Close()
	for _, test := range []struct {
		name, path string
		change     func(*Config)
		want       sdk.Status
		message    string
	}{
		{"well", "/", nil, sdk.OK, "answered 200 OK in"},
		{"body matches", "/", func(c *Config) { c.ExpectBody = `^price \d` }, sdk.OK, "200"},
		{"body does not match", "/", func(c *Config) { c.ExpectBody = `^queue` }, sdk.Down, `does not match "^queue"`},
		{"server's error", "/broken", nil, sdk.Down, "502 Bad Gateway"},
		{"unexpected refusal", "/gone", nil, sdk.Down, "410 Gone"},
		{"expected refusal", "/gone", func(c *Config) { c.ExpectStatus = []int{200, 410} }, sdk.OK, "410"},
		{"redirection is not followed", "/moved", func(c *Config) { c.ExpectStatus = []int{302} }, sdk.OK, "302"},
		{"answer breaks off", "/cut", nil, sdk.Down, "unexpected EOF"},
		{"slow", "/", func(c *Config) { c.Slow = 1 }, sdk.Degraded, "slowly"},
		{"stuck", "/stuck", func(c *Config) { c.Timeout = sdk.Duration(20 * time.Millisecond) }, sdk.Down, "within 20 ms"},
		{"headers and password", "/auth", func(c *Config) {
			c.User, c.Password, c.Headers = "till", sdk.NewSecret("s3cret"), map[string]string{"Host": "shop.example", "X-Till": "7"}
		}, sdk.OK, "200"},
		{"own interface is gone", "/", func(c *Config) { c.Interface = "nowhere0" }, sdk.Unknown, "nowhere0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := openTest(t, server.URL+test.path, test.change)
			result, err := h.Probe(t.Context())
			if err != nil {
				result.Message = err.Error()
			}
			if result.Status != test.want || !strings.Contains(result.Message, test.message) || (err != nil) != (test.want == sdk.Unknown) {
				t.Errorf("%v %q, error %v; want %v %q", result.Status, result.Message, err, test.want, test.message)
			}
		})
	}
}

func TestUnanswered(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	_ = listener.Close()
	h := openTest(t, "http://"+closed, nil)
	if result, err := h.Probe(t.Context()); err != nil || result.Status != sdk.Down || !strings.Contains(result.Message, "refuses") {
		t.Errorf("%+v, error %v", result, err)
	}
	for err, unknown := range map[error]bool{
		&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", unix.ENETUNREACH)}: true,
		&net.DNSError{Err: "server misbehaving", IsTemporary: true}:                    true,
		&net.DNSError{Err: "no such host", IsNotFound: true}:                           false,
		context.Canceled:         true,
		errNoTime:                true,
		context.DeadlineExceeded: false,
	} {
		result, got := h.unanswered(fmt.Errorf("ask: %w", err), time.Second)
		if (got != nil) != unknown || (result.Status == sdk.Down) == unknown {
			t.Errorf("%v: %+v, error %v", err, result, got)
		}
	}
}

func TestConnectionsAreNewUnlessKept(t *testing.T) {
	for _, keep := range []bool{false, true} {
		made := make(chan struct{}, 10)
		server := httptest.NewUnstartedServer(http.HandlerFunc(handler))
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				made <- struct{}{}
			}
		}
		server.Start()
		h := openTest(t, server.URL, func(c *Config) { c.KeepAlive = keep })
		for range 3 {
			if _, err := h.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(made); (keep && got != 1) || (!keep && got != 3) {
			t.Errorf("keep alive %v: %d connections for 3 probes", keep, got)
		}
		_ = h.Close()
		server.Close()
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(handler))
	defer server.Close()
	server.Config.ErrorLog = nil
	ca := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   sdk.Status
	}{
		{"trusted", func(c *Config) { c.TLS.CA, c.TLS.ServerName = ca, "example.com" }, sdk.OK},
		{"another name", func(c *Config) { c.TLS.CA, c.TLS.ServerName = ca, "example.org" }, sdk.Down},
		{"unknown authority", nil, sdk.Down},
		{"insecure", func(c *Config) { c.TLS.Insecure = true }, sdk.OK},
		{"expires soon", func(c *Config) { c.TLS.Insecure, c.TLS.ExpiresWithin = true, 1<<62 }, sdk.Degraded},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := openTest(t, server.URL, test.change)
			if result, err := h.Probe(t.Context()); err != nil || result.Status != test.want {
				t.Errorf("%+v, error %v", result, err)
			}
		})
	}
	cfg := DefaultConfig().(*Config)
	cfg.TLS.CA = "/nowhere/ca.pem"
	if _, err := open(t.Context(), sdk.Env{}, cfg); err == nil {
		t.Error("an authority that is not there")
	}
}

func TestEvidence(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(handler))
	h := openTest(t, server.URL, nil)
	items, err := h.Evidence(t.Context())
	if err != nil || len(items) != 1 || !strings.Contains(items[0].Text, "price 1.99") {
		t.Errorf("%+v, error %v", items, err)
	}
	server.Close()
	if items, err := h.Evidence(t.Context()); err != nil || !strings.Contains(items[0].Text, "no answer") {
		t.Errorf("%+v, error %v", items, err)
	}
}

func TestValidate(t *testing.T) {
	for fault, cfg := range map[string]Config{
		"url: is missing":   {},
		"url: \"ftp":        {URL: "ftp://x"},
		"url: holds":        {URL: "http://a:b@x"},
		`url: "ftp://…@x"`:  {URL: "ftp://a:b@x"},
		`url: "http://…@x"`: {URL: "http://a:b/c@x"}, // no port by that name
		`url: "…@x"`:        {URL: "a:b//c@x"},
		"method: ":          {Method: "get"},
		"headers: ":         {Headers: map[string]string{"a b": ""}},
		"user: ":            {Password: sdk.NewSecret("x")},
		"expect_status[0]:": {ExpectStatus: []int{1}},
		"expect_body: is":   {ExpectBody: "("},
		"expect_body: HEAD": {ExpectBody: "x", Method: "HEAD"},
		"timeout: ":         {},
		"slow: ":            {Slow: 1},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("no %q in %v", fault, err)
		}
	}
}

func TestConformance(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(handler))
	defer server.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog and stays silent
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	sdktest.Run(t, sdktest.Case{
		Plugin:    New(),
		Config:    "url: " + server.URL + "\nuser: till\npassword: topsecret\n",
		BlackHole: "url: http://" + silent.Addr().String() + "\n",
	})
}
