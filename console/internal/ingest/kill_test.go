package ingest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/storeward/storeward/console/internal/ca"
	"github.com/storeward/storeward/core/api"
)

// The environment of a child: an ingest on a data directory that kills itself
// between a commit and its acknowledgement.
const (
	childDir   = "STOREWARD_TEST_INGEST_DIR"
	childDeath = "STOREWARD_TEST_INGEST_DEATH" // after so many commits
)

func child(dir string) {
	left, err := strconv.Atoi(os.Getenv(childDeath))
	if err != nil {
		panic(err)
	}
	c, err := openConsole(dir, func() {
		if left--; left == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // dead any moment
		}
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(c.Address())
	select {}
}

// born starts a child and returns it with its address.
func born(t *testing.T, dir string, death int) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childDeath+"="+strconv.Itoa(death))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

// TestKilledBetweenCommitAndAck kills the console again and again at the worst
// moment while a node sends; in the end everything is there, and only once.
func TestKilledBetweenCommitAndAck(t *testing.T) {
	dir := t.TempDir()
	authority, err := ca.Open(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	security, err := clientTLS(authority, "s0001", "alpha")
	if err != nil {
		t.Fatal(err)
	}
	const last = 60
	acked, deaths := uint64(0), 0
	for acked < last {
		cmd, address := born(t, dir, 3+deaths)
		conn, err := dial(address, security, "s0001", "alpha")
		if err != nil {
			t.Fatal(err)
		}
		acked = sendUntilDead(t, conn, acked, last)
		conn.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed, as it should be
		deaths++
	}
	if deaths < 4 {
		t.Errorf("only %d deaths", deaths)
	}
	con, err := openConsole(dir, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer con.close()
	got := con.numbers(t)
	for i, n := range got {
		if want := uint64(2*i + 1); n != want {
			t.Fatalf("events %v", got)
		}
	}
	if len(got) != last/2 {
		t.Errorf("%d events, want %d", len(got), last/2)
	}
	if n := countSamples(t, con); n != last/2 {
		t.Errorf("%v samples, want %d", n, last/2)
	}
}

// sendUntilDead sends an event and a point at a time, as long as they are acknowledged.
func sendUntilDead(t *testing.T, conn *nats.Conn, acked, last uint64) uint64 {
	t.Helper()
	for acked < last {
		ack, err := request(conn, subject, &api.Batch{Envelopes: []*api.Envelope{eventNo(acked + 1), pointNo(acked + 2)}}, 2*time.Second)
		if err != nil {
			return acked
		}
		if ack.GetError() != "" {
			t.Fatal(ack.GetError())
		}
		acked = ack.GetSequence()
	}
	return acked
}

// countSamples asks the series how many samples they hold.
func countSamples(t *testing.T, c *console) int {
	t.Helper()
	w := httptest.NewRecorder()
	c.series.Handler("/p").ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/p/query?query=count_over_time(storeward_host_load1[10m])", nil))
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || len(answer.Data.Result) != 1 {
		t.Fatalf("answer %s, %v", w.Body, err)
	}
	n, err := strconv.Atoi(answer.Data.Result[0].Value[1].(string))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
