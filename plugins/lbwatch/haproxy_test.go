package lbwatch

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
)

// farm is Debian's HAProxy in front of two servers, with both kinds of statistics.
type farm struct {
	t       *testing.T
	servers [2]*httptest.Server
	socket  string
	page    string
	process *exec.Cmd
}

func newFarm(t *testing.T) *farm {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		t.Fatal("haproxy is missing: make packages-judges installs it")
	}
	dir, err := os.MkdirTemp("", "lbwatch") // short: a socket's path has 107 bytes at most
	check(t, err)
	t.Cleanup(func() { check(t, os.RemoveAll(dir)) })
	f := &farm{t: t, socket: filepath.Join(dir, "sock")}
	for i := range f.servers {
		f.servers[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, i) }))
		t.Cleanup(f.servers[i].Close)
	}
	pages, front := freePort(t), freePort(t)
	f.page = fmt.Sprintf("http://127.0.0.1:%d/stats", pages)
	config := fmt.Sprintf(`global
	stats socket %s mode 600 level admin
defaults
	mode http
	timeout connect 1s
	timeout client 5s
	timeout server 5s
frontend door
	bind 127.0.0.1:%d
	default_backend shop
backend shop
	server alpha %s check inter 50ms fall 1 rise 1
	server beta %s check inter 50ms fall 1 rise 1
listen numbers
	bind 127.0.0.1:%d
	stats enable
	stats uri /stats
	stats auth watcher:sesame
`, f.socket, front, f.servers[0].Listener.Addr(), f.servers[1].Listener.Addr(), pages)
	file := filepath.Join(dir, "haproxy.cfg")
	check(t, os.WriteFile(file, []byte(config), 0o600))
	f.process = exec.CommandContext(context.Background(), program, "-db", "-f", file)
	f.process.Stdout, f.process.Stderr = t.Output(), t.Output()
	check(t, f.process.Start())
	t.Cleanup(func() { f.kill(syscall.SIGTERM) })
	return f
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (f *farm) kill(signal syscall.Signal) {
	if f.process.ProcessState == nil {
		_ = f.process.Process.Signal(signal)
		_ = f.process.Wait()
	}
}

// tell gives HAProxy a command.
func (f *farm) tell(command string) {
	f.t.Helper()
	conn, err := net.Dial("unix", f.socket)
	check(f.t, err)
	defer conn.Close()
	_, err = fmt.Fprintln(conn, command)
	check(f.t, err)
}

func openHAProxy(t *testing.T, h HAProxy) *instance {
	t.Helper()
	c := DefaultConfig()
	h.Timeout = c.HAProxy.Timeout
	c.HAProxy = h
	check(t, c.Validate())
	i := opened(t, sdk.Env{StateDir: t.TempDir()}, c)
	t.Cleanup(func() { check(t, i.Close()) })
	return i
}

func TestHAProxy(t *testing.T) {
	f := newFarm(t)
	bySocket := openHAProxy(t, HAProxy{Socket: f.socket})
	byPage := openHAProxy(t, HAProxy{URL: f.page, User: "watcher", Password: sdk.NewSecret("sesame"), Backends: []string{"shop"}})
	both := func(status sdk.Status, words string) sdk.Result {
		t.Helper()
		until(t, byPage, status, words)
		return until(t, bySocket, status, words)
	}
	result := both(sdk.OK, "HAProxy serves: shop 2 of 2 servers")
	if result.Values["servers_up"] != 2 || result.Values["servers_total"] != 2 {
		t.Errorf("values %v", result.Values)
	}
	f.servers[1].Close()
	both(sdk.Degraded, "shop 1 of 2 servers (beta: L4CON)")
	f.tell("set server shop/beta state maint")
	both(sdk.OK, "shop 1 of 2 servers")
	f.servers[0].Close()
	both(sdk.Down, "HAProxy has no server for shop: shop 0 of 2 servers (alpha: L4CON)")
	items, err := bySocket.Evidence(t.Context())
	if err != nil || len(items) != 1 || !strings.Contains(items[0].Text, "shop/beta MAINT") {
		t.Errorf("evidence %+v %v", items, err)
	}
	f.kill(syscall.SIGKILL)
	both(sdk.Down, "HAProxy does not run")
}

func TestHAProxyThatCannotBeAsked(t *testing.T) {
	f := newFarm(t)
	until(t, openHAProxy(t, HAProxy{Socket: f.socket}), sdk.OK, "HAProxy serves")
	for name, h := range map[string]HAProxy{
		"wrong password":      {URL: f.page, User: "watcher", Password: sdk.NewSecret("guess")},
		"no such page":        {URL: strings.TrimSuffix(f.page, "stats") + "none", User: "watcher", Password: sdk.NewSecret("sesame")},
		"no such back end":    {Socket: f.socket, Backends: []string{"shop", "bank"}},
		"nothing of HAProxy":  {URL: f.servers[0].URL},
		"no way to that host": {URL: "http://203.0.113.9/stats"},
	} {
		if result, err := openHAProxy(t, h).Probe(t.Context()); err == nil {
			t.Errorf("%s: %v %q", name, result.Status, result.Message)
		}
	}
}

// A password that cannot be read says nothing of HAProxy.
func TestHAProxyWithoutItsPassword(t *testing.T) {
	parsed, err := New().Configure([]byte("haproxy: {url: \"http://127.0.0.1:1/stats\", user: watcher, password: {file: /nowhere/password}}"))
	check(t, err)
	if _, err := open(sdk.Env{StateDir: t.TempDir()}, parsed.(*Config)); err == nil || !strings.Contains(err.Error(), "read password") {
		t.Errorf("opened: %v", err)
	}
}

// A socket that takes the question and never answers.
func TestHAProxyBlackHole(t *testing.T) {
	dir, err := os.MkdirTemp("", "lbwatch")
	check(t, err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "sock")
	silent, err := net.Listen("unix", path)
	check(t, err)
	defer silent.Close()
	f := newFarm(t)
	until(t, openHAProxy(t, HAProxy{Socket: f.socket}), sdk.OK, "HAProxy serves")
	sdktest.Run(t, sdktest.Case{
		Plugin:    New(),
		Config:    fmt.Sprintf("haproxy: {socket: %s}", f.socket),
		BlackHole: fmt.Sprintf("haproxy: {socket: %s, timeout: 10s}", path),
	})
}

func TestStats(t *testing.T) {
	const head = "# pxname,svname,scur,status,check_status,qcur,econ,eresp,lastchg\n"
	for name, c := range map[string]struct {
		text   string
		names  []string
		status sdk.Status
		says   string
	}{
		"going down is still up": {head + "a,BACKEND,1,UP,,0,0,0,5\na,one,1,UP 1/3,L7STS,0,0,0,5\n", nil, sdk.OK, "a 1 of 1 servers"},
		"coming up is not yet":   {head + "a,BACKEND,1,UP,,0,0,0,5\na,one,1,UP,L7OK,0,0,0,5\na,two,0,DOWN 1/2,L7OK,0,0,0,5\n", nil, sdk.Degraded, "a 1 of 2 servers (two: L7OK)"},
		"no check is up":         {head + "a,BACKEND,1,UP,,0,0,0,5\na,one,1,no check,,0,0,0,5\n", nil, sdk.OK, "a 1 of 1 servers"},
		"all set aside":          {head + "a,BACKEND,0,DOWN,,0,0,0,5\na,one,0,MAINT (via b/one),,0,0,0,5\na,two,0,DRAIN,L7OK,0,0,0,5\n", nil, sdk.Down, "no server for a: a 0 of 2"},
		"no reason":              {head + "a,BACKEND,0,DOWN,,0,0,0,5\na,one,0,DOWN (agent),,0,0,0,5\n", nil, sdk.Down, "(one: DOWN (agent))"},
		"only the named":         {head + "a,BACKEND,0,DOWN,,0,0,0,5\na,one,0,DOWN,L4CON,0,0,0,5\nb,BACKEND,1,UP,,0,0,0,5\nb,one,1,UP,,0,0,0,5\n", []string{"b"}, sdk.OK, "b 1 of 1"},
		"other columns":          {"# status,svname,pxname,new\nUP,BACKEND,a,x\nUP,one,a,x\n", nil, sdk.OK, "a 1 of 1"},
	} {
		s, err := parseStats(c.text)
		check(t, err)
		v, err := s.judge(c.names)
		if err != nil || v.status != c.status || !strings.Contains(v.message, c.says) {
			t.Errorf("%s: %v %q %v", name, v.status, v.message, err)
		}
	}
	for _, text := range []string{"", "<html>", "# pxname,svname\na,b\n", "# pxname,svname,status\n\"a"} {
		if s, err := parseStats(text); err == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
}

// FuzzStats: no answer makes it panic, or say that all is well without a row.
func FuzzStats(f *testing.F) {
	f.Add("# pxname,svname,status\na,BACKEND,UP\na,one,UP\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseStats(text)
		if err != nil {
			return
		}
		if v, err := s.judge(nil); err == nil && v.values["servers_up"] > float64(len(s)) {
			t.Errorf("%q: %+v", text, v)
		}
	})
}
