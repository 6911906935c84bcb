package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/console/internal/db"
	"github.com/storeward/storeward/core/api"
)

// childArgs, in the environment, makes the test binary the console itself.
const childArgs = "STOREWARD_TEST_CONSOLE_ARGS"

func TestMain(m *testing.M) {
	if args := os.Getenv(childArgs); args != "" {
		cmd := Command()
		cmd.SetArgs(strings.Split(args, " "))
		if err := cmd.ExecuteContext(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func quiet() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func options(dir string) Options {
	return Options{Data: dir, HTTP: "127.0.0.1:0", Link: "127.0.0.1:0", Log: quiet(), Now: time.Now}
}

// running starts a console and returns it with a function that stops it.
func running(t *testing.T, o Options) (*App, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a, err := New(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	return a, func() {
		t.Helper()
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("does not stop")
		}
	}
}

func execute(args ...string) (string, error) {
	out := new(bytes.Buffer)
	cmd := Command()
	cmd.SetOut(out)
	cmd.SetErr(out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(context.Background())
	return out.String(), err
}

func TestOneConsolePerDataDirectory(t *testing.T) {
	o := options(t.TempDir())
	_, stop := running(t, o)
	if _, err := New(context.Background(), o); err == nil || !strings.Contains(err.Error(), "in use by another console") {
		t.Errorf("second console: %v", err)
	}
	stop()
	_, stop = running(t, o)
	stop()
}

func TestPortsTaken(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	o := options(t.TempDir())
	o.HTTP = taken
	if _, err := New(context.Background(), o); err == nil || !strings.Contains(err.Error(), "listen for browsers") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("HTTP: %v", err)
	}
	o = options(t.TempDir())
	o.Link = taken
	if _, err := New(context.Background(), o); err == nil || !strings.Contains(err.Error(), "listen for stores on "+taken) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("link: %v", err)
	}
}

func TestFirstPassword(t *testing.T) {
	given := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(given, []byte("given password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(t.TempDir())
	o.PasswordFile = given
	a, stop := running(t, o)
	if code := login(t, a.HTTPAddress(), "admin", "given password"); code != http.StatusOK {
		t.Errorf("given password: %d", code)
	}
	stop()

	o = options(t.TempDir())
	a, stop = running(t, o)
	text, err := os.ReadFile(filepath.Join(o.Data, passwordFile))
	if err != nil {
		t.Fatal(err)
	}
	if code := login(t, a.HTTPAddress(), "admin", strings.TrimSpace(string(text))); code != http.StatusOK {
		t.Errorf("made-up password: %d", code)
	}
	stop()

	o = options(t.TempDir())
	o.PasswordFile = "/nowhere"
	if _, err := New(context.Background(), o); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("missing file: %v", err)
	}
}

func login(t *testing.T, address, user, password string) int {
	t.Helper()
	c := &http.Client{Timeout: 20 * time.Second}
	defer c.CloseIdleConnections()
	res, err := c.Post("http://"+address+"/api/v1/login", "application/json", strings.NewReader(fmt.Sprintf(`{"user":%q,"password":%q}`, user, password)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestCommands(t *testing.T) {
	data := t.TempDir()
	out := filepath.Join(t.TempDir(), "n")
	secret := filepath.Join(data, "secret")
	if err := os.WriteFile(secret, []byte("long enough\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want string // in the output, or in the error after "!"
	}{
		{"--help", "enroll"},
		{"--version", Version},
		{"serve --help", "STOREWARD_ADMIN_PASSWORD_FILE"},
		{"openapi", `"openapi":"3.1.0"`},
		{"enroll s0001 alpha --data " + data + " --out " + out, "s0001.alpha may speak"},
		{"enroll s0001 alpha --data " + data + " --out " + out, "!exists"},
		{"enroll S0001 alpha --data " + data + " --out " + out + "2", "!lower-case"},
		{"enroll s0001", "!2 arg"},
		{"user add ann --role operator --data " + data + " --password-file " + secret, "user ann is operator"},
		{"user add ann --role viewer --data " + data + " --password-file " + secret, "!--replace"},
		{"user add ann --role viewer --replace --data " + data, "password "},
		{"user add bob --role king --data " + data, "!none of viewer"},
		{"serve --tls-cert x --data " + data, "!belong together"},
		{"serve --log-level loud --data " + data, "!none of error"},
		{"serve --link nonsense --http 127.0.0.1:0 --log-level error --data " + data, "!not host:port"},
	} {
		got, err := execute(strings.Fields(c.args)...)
		want, fails := strings.CutPrefix(c.want, "!")
		if err != nil {
			got = err.Error()
		}
		if (err != nil) != fails || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
}

// TestKilledAtAnyMoment kills a whole console with SIGKILL at odd moments while a
// node sends to it. Whatever was acknowledged is there, and only once.
func TestKilledAtAnyMoment(t *testing.T) {
	data := t.TempDir()
	out := filepath.Join(data, "alpha")
	if err := Enrol(context.Background(), data, "s0001", "alpha", out, time.Now()); err != nil {
		t.Fatal(err)
	}
	acked := uint64(0)
	for _, life := range []time.Duration{60, 170, 35, 110, 250} {
		cmd, link := born(t, data)
		conn := dial(t, out, link)
		end := time.Now().Add(life * time.Millisecond)
		killed := time.AfterFunc(life*time.Millisecond, func() { _ = cmd.Process.Kill() })
		for time.Now().Before(end.Add(time.Second)) {
			n, err := send(conn, acked+1)
			if err != nil {
				break
			}
			acked = n
		}
		conn.Close()
		killed.Stop()
		_ = cmd.Process.Kill() // if the timer did not
		_ = cmd.Wait()         // killed, as it should be
	}
	if acked == 0 {
		t.Fatal("nothing was acknowledged in any life")
	}
	d, err := db.Open(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var numbers []uint64
	if err := d.Read.NewSelect().Model((*db.Event)(nil)).Column("sequence").OrderExpr("key").Scan(context.Background(), &numbers); err != nil {
		t.Fatal(err)
	}
	for i, n := range numbers {
		if n != uint64(i+1) {
			t.Fatalf("event %d is number %d", i+1, n)
		}
	}
	if uint64(len(numbers)) < acked {
		t.Errorf("%d events of %d acknowledged ones", len(numbers), acked)
	}
}

// born starts a console in a process of its own and returns the link's address.
func born(t *testing.T, data string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childArgs+"=serve --http 127.0.0.1:0 --link 127.0.0.1:0 --log-format json --data "+data)
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(logs)
	for {
		var line struct{ Msg, Link string }
		if err := lines.Decode(&line); err != nil {
			t.Fatalf("console did not come up: %v", err)
		}
		if line.Msg == "console is up" {
			go func() { _, _ = io.Copy(io.Discard, io.MultiReader(lines.Buffered(), logs)) }() // ends with the process
			return cmd, line.Link
		}
	}
}

func dial(t *testing.T, dir, link string) *nats.Conn {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, ca.NodeCertFile), filepath.Join(dir, ca.NodeKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, ca.AuthorityFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	conn, err := nats.Connect("tls://"+link, nats.TLSHandshakeFirst(), nats.NoReconnect(), nats.CustomInboxPrefix(api.InboxPrefix("s0001", "alpha")),
		nats.Secure(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, RootCAs: pool}))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// send delivers one event and returns the acknowledged number.
func send(conn *nats.Conn, n uint64) (uint64, error) {
	data, err := proto.Marshal(&api.Batch{Envelopes: []*api.Envelope{{
		Store: "s0001", Node: "alpha", JournalId: "j", Sequence: n, Time: timestamppb.Now(),
		Body: &api.Envelope_Event{Event: &api.Event{Kind: api.KindAlarm, Message: fmt.Sprint(n)}},
	}}})
	if err != nil {
		return 0, err
	}
	m, err := conn.Request(api.Subject("s0001", "alpha", api.SubjectBatch), data, time.Second)
	if err != nil {
		return 0, err
	}
	ack := new(api.Ack)
	if err := proto.Unmarshal(m.Data, ack); err != nil {
		return 0, err
	}
	return ack.GetSequence(), nil
}
