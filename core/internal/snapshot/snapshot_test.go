package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.uber.org/goleak"

	"github.com/storeward/storeward/core/api"
	"github.com/storeward/storeward/core/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func items(names ...string) func(context.Context) ([]sdk.Item, error) {
	return func(context.Context) ([]sdk.Item, error) {
		var list []sdk.Item
		for _, n := range names {
			list = append(list, sdk.Item{Name: n, Text: "text of " + n})
		}
		return list, nil
	}
}

// What hangs, fails or is late is named, and costs nothing but itself.
func TestPartialRatherThanLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		start := time.Now()
		snap := Gather(t.Context(), Sources{
			Node:   "alpha",
			Now:    time.Now,
			Status: func() *api.Status { return &api.Status{Node: "alpha"} },
			Log:    func() []string { return []string{"a line"} },
			Flight: func(moment time.Time) []*api.Sample {
				if !moment.Equal(start) {
					t.Errorf("asked for %v", moment)
				}
				return []*api.Sample{{}}
			},
			Evidence: []EvidenceSource{
				{"db", items("b", "a")},
				{"hung", func(context.Context) ([]sdk.Item, error) { <-release; return nil, nil }},
				{"slow", func(ctx context.Context) ([]sdk.Item, error) { <-ctx.Done(); return nil, ctx.Err() }},
				{"broken", func(context.Context) ([]sdk.Item, error) { return nil, errors.New("no answer") }},
				{"half", func(context.Context) ([]sdk.Item, error) {
					return []sdk.Item{{Name: "first"}}, errors.New("the second did not answer")
				}},
			},
		})
		if took := time.Since(start); took != Bound {
			t.Errorf("took %v", took)
		}
		if snap.GetNode() != "alpha" || snap.GetSource() != "self" || snap.GetStatus() == nil || len(snap.GetLogLines()) != 1 || len(snap.GetFlight()) != 1 {
			t.Errorf("%v", snap)
		}
		var names []string
		for _, e := range snap.GetEvidence() {
			names = append(names, e.GetName())
		}
		if want := []string{"db/a", "db/b", "half/first"}; !slices.Equal(names, want) {
			t.Errorf("evidence %v, want %v", names, want)
		}
		missing := slices.DeleteFunc(slices.Clone(snap.GetMissing()), func(m string) bool { return strings.HasPrefix(m, "evidence/slow: ") })
		want := []string{"evidence/hung: not in time", "evidence/broken: no answer", "evidence/half: the second did not answer"}
		if !snap.GetPartial() || !slices.Equal(missing, want) || len(snap.GetMissing()) != 4 {
			t.Errorf("missing %q", snap.GetMissing())
		}
	})
}

func TestNothingMissing(t *testing.T) {
	snap := Gather(t.Context(), Sources{Node: "a"})
	if snap.GetPartial() || snap.GetMissing() != nil {
		t.Errorf("%v", snap)
	}
}

func TestThisMachine(t *testing.T) {
	h := NewHost()
	snap := Gather(t.Context(), Sources{Node: "a", Host: h, Processes: &Processes{Pause: time.Millisecond}, Within: time.Minute})
	host := snap.GetHost()
	if host.GetMemoryTotalBytes() < 1<<20 || host.GetUptimeSeconds() <= 0 || host.GetKernel() == "" || len(snap.GetProcesses()) == 0 {
		t.Errorf("%v", snap)
	}
	for _, m := range snap.GetMissing() {
		if !strings.HasPrefix(m, "host/kernel_messages: ") { // it needs a right that a test may lack
			t.Errorf("missing %s", m)
		}
	}
	for _, f := range host.GetFilesystems() {
		if f.GetUsedBytes() > f.GetTotalBytes() {
			t.Errorf("%v", f)
		}
	}
}

func TestSample(t *testing.T) {
	h := NewHost()
	deadline := time.Now().Add(10 * time.Second)
	for {
		values := h.Sample()
		for _, name := range []string{"host/cpu_used_ratio", "host/memory_used_ratio"} {
			if v, ok := values[name]; !ok || v < 0 || v > 1 {
				t.Fatalf("%s is %v, %v", name, v, ok)
			}
		}
		h.mu.Lock()
		done := h.diskValues != nil
		h.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the file systems never answered")
		}
		runtime.Gosched()
	}
}

func TestParseMounts(t *testing.T) {
	got := parseMounts(`overlay / overlay rw,lowerdir=/l 0 0
proc /proc proc rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/sda1 /boot ext4 rw 0 0
/dev/sda1 /etc/hosts ext4 rw 0 0
/dev/sdb1 /srv/my\040data xfs rw 0 0
/dev/sdc1 /srv/my\040data ext4 rw 0 0
server:/share /mnt nfs4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
tmpfs /var/tmp tmpfs rw 0 0
overlay /var/lib/docker/x overlay rw 0 0
short line
`)
	want := []mount{
		{"overlay", "/", "overlay"},
		{"/dev/sda1", "/boot", "ext4"},
		{"/dev/sdc1", "/srv/my data", "ext4"},
		{"tmpfs", "/tmp", "tmpfs"},
		{"tmpfs", "/var/tmp", "tmpfs"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mount{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseKernelMessage(t *testing.T) {
	for in, want := range map[string]string{
		"3,1234,5012345678,-;EXT4-fs error (device sda1)\n SUBSYSTEM=block\n": "[5012.345678] EXT4-fs error (device sda1)",
		"6,1,0,-;": "[0.000000] ",
		"junk":     "",
		"1,2;x":    "",
	} {
		if got := parseKernelMessage(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func stat(pid int, name string, utime, stime, started, rss int) string {
	return fmt.Sprintf("%d (%s) S 1 1 1 0 -1 4194560 1 2 3 4 %d %d 0 0 20 0 1 0 %d 1000000 %d 18446744073709551615 1 1 0", pid, name, utime, stime, started, rss)
}

func TestParseStat(t *testing.T) {
	got, ok := parseStat(stat(7, "a (b) c) S 9", 10, 5, 99, 1000))
	if want := (usage{name: "a (b) c) S 9", started: 99, ticks: 15, rss: 1000}); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, bad := range []string{"", "7", "7 (x", "7 (x) S 1 2", strings.Replace(stat(7, "x", 1, 1, 1, 1), " 1000000 1 ", " 1000000 -1 ", 1)} {
		if _, ok := parseStat(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestBusiest(t *testing.T) {
	proc := t.TempDir()
	put := func(pid int, text, cmdline string) {
		dir := filepath.Join(proc, fmt.Sprint(pid))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string]string{"stat": text, "cmdline": cmdline} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for pid := 1; pid <= 40; pid++ {
		put(pid, stat(pid, "idle", 0, 0, 1, pid), "")
	}
	put(50, stat(50, "busy", 100, 0, 5, 1), "/usr/bin/busy\x00script\x00--password\x00hunter2\x00")
	before, err := scan(t.Context(), proc)
	if err != nil {
		t.Fatal(err)
	}
	put(50, stat(50, "busy", 150, 10, 5, 1), "/usr/bin/busy\x00script\x00--password\x00hunter2\x00")
	put(51, stat(51, "reused", 900, 0, 6, 1), "")
	after, err := scan(t.Context(), proc)
	if err != nil {
		t.Fatal(err)
	}
	got := top(proc, before, after, time.Second)
	if len(got) > 2*busiest || got[0].GetPid() != 50 || got[0].GetCpuRatio() != .6 || got[0].GetCommand() != "/usr/bin/busy script" {
		t.Errorf("%d processes, first %v", len(got), got[0])
	}
	if got[1].GetPid() != 40 {
		t.Errorf("the largest: %v", got[1])
	}
}

func TestLogRing(t *testing.T) {
	r := NewLogRing(3)
	log := logrus.New()
	log.SetOutput(&strings.Builder{})
	log.AddHook(r)
	log.Debug("not kept")
	for i := range 5 {
		log.WithFields(logrus.Fields{"seq": i, "node": "alpha"}).Info("state changed")
	}
	log.Warn(strings.Repeat("x", 2*maxLine))
	lines := r.Lines()
	if len(lines) != 3 || !strings.HasSuffix(lines[0], " info state changed node=alpha seq=3") || len(lines[2]) > maxLine+3 {
		t.Errorf("%q", lines)
	}
}

func BenchmarkSample(b *testing.B) {
	h := NewHost()
	for b.Loop() {
		h.Sample()
	}
}

func BenchmarkBusiest(b *testing.B) {
	p := Processes{Pause: time.Nanosecond}
	for b.Loop() {
		if _, err := p.Busiest(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}
