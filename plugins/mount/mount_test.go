package mount

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/sdktest"
	"github.com/storeward/storeward/plugins/internal/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m, sandbox.Processes) }

func openTest(t *testing.T, change func(*Config)) *instance {
	t.Helper()
	sandbox.Need(t)
	dir := t.TempDir()
	cfg := DefaultConfig().(*Config)
	cfg.Source, cfg.Target, cfg.Type = filepath.Join(dir, "data of the store"), filepath.Join(dir, "target"), "bind"
	cfg.BusyRetry = sdk.Duration(time.Millisecond)
	for _, path := range []string{cfg.Source, cfg.Target} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		change(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	log, _ := test.NewNullLogger()
	got, err := open(t.Context(), sdk.Env{Instance: "data", Log: log}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(cfg.Target, unix.MNT_DETACH) })
	return got.(*instance)
}

func monitor(t *testing.T, m *instance) sdk.State {
	t.Helper()
	state, err := m.Monitor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestStartAndStop(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"bind":            nil,
		"as in fstab":     func(c *Config) { c.Type, c.Options = "none", []string{"bind"} },
		"bind, read only": func(c *Config) { c.Options = []string{"ro", "nosuid"} },
		"tmpfs":           func(c *Config) { c.Source, c.Type, c.Options = "tmpfs", "tmpfs", []string{"size=1m", "noatime"} },
		"makes its target": func(c *Config) {
			c.MakeTarget = true
			c.Target = filepath.Join(c.Target, "deep", "er")
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := openTest(t, change)
			if monitor(t, m).Running {
				t.Fatal("mounted before its start")
			}
			for range 2 {
				if err := m.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if state := monitor(t, m); !state.Running || state.Status != sdk.OK {
				t.Errorf("state %+v", state)
			}
			for range 2 {
				if err := m.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if state := monitor(t, m); state.Running || state.Status != sdk.Down {
				t.Errorf("state %+v", state)
			}
		})
	}
}

func TestForeignMountIsLeftAlone(t *testing.T) {
	m := openTest(t, nil)
	if err := unix.Mount("tmpfs", m.cfg.Target, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "tmpfs") {
		t.Errorf("error %v", err)
	}
	if state := monitor(t, m); state.Running || !strings.Contains(state.Message, "tmpfs") {
		t.Errorf("state %+v", state)
	}
	if err := m.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	table, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	if now, found := table.on(m.cfg.Target); !found || now.fsType != "tmpfs" {
		t.Errorf("a stranger's mount was touched: %+v", now)
	}
}

// TestSourceThatIsGone: ours may be what is mounted, so that nobody may say that it is stopped.
func TestSourceThatIsGone(t *testing.T) {
	m := openTest(t, nil)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(m.cfg.Source, m.cfg.Source+" of old"); err != nil {
		t.Fatal(err)
	}
	if state, err := m.Monitor(t.Context()); !errors.Is(err, errUnclear) {
		t.Errorf("state %+v, error %v", state, err)
	}
	if err := m.Stop(t.Context()); !errors.Is(err, errUnclear) {
		t.Errorf("stop: error %v", err)
	}
	if err := os.Rename(m.cfg.Source+" of old", m.cfg.Source); err != nil {
		t.Fatal(err)
	}
	if err := m.Stop(t.Context()); err != nil || monitor(t, m).Running {
		t.Errorf("stop: error %v", err)
	}
}

// TestDeviceByAnotherName: an operator's mount names it otherwise than the configuration.
func TestDeviceByAnotherName(t *testing.T) {
	m := openTest(t, func(c *Config) { c.Type, c.Source = "ext4", c.Source+"/disk" })
	if err := unix.Mknod(m.cfg.Source, unix.S_IFBLK|0o600, int(unix.Mkdev(253, 7))); err != nil {
		t.Fatal(err)
	}
	for device, ours := range map[string]bool{"253:7": true, "253:8": false} {
		now := mounted{device: device, root: "/", target: m.cfg.Target, source: "/dev/mapper/store-data", fsType: "ext4"}
		if err := m.expected(table{now}, now); (err == nil) != ours {
			t.Errorf("device %s: error %v", device, err)
		}
	}
}

// TestBuriedMountIsNotStopped: a stranger's mount above ours hides it and ends nothing.
func TestBuriedMountIsNotStopped(t *testing.T) {
	m := openTest(t, nil)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", m.cfg.Target, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if state := monitor(t, m); !state.Running || state.Status != sdk.Down {
		t.Errorf("state %+v", state)
	}
	if err := m.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "below another") {
		t.Errorf("error %v", err)
	}
	if err := unix.Unmount(m.cfg.Target, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if monitor(t, m).Running {
		t.Error("still mounted")
	}
}

// TestStartThatNobodyWaitsFor mounts nothing.
func TestStartThatNobodyWaitsFor(t *testing.T) {
	m := openTest(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Start(ctx); err == nil || monitor(t, m).Running {
		t.Errorf("mounted for nobody, error %v", err)
	}
}

func TestBusyStopNamesTheHolder(t *testing.T) {
	m := openTest(t, nil)
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(m.cfg.Target, "table"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = m.Stop(ctx)
	if err == nil || !strings.Contains(err.Error(), "(process 1, "+file.Name()+")") {
		t.Errorf("error %v", err)
	}
	released := make(chan struct{})
	go func() {
		defer close(released)
		_ = file.Close()
	}()
	if err := m.Stop(t.Context()); err != nil { // retried until it is free
		t.Error(err)
	}
	<-released
}

func TestLazyDetachesOnlyWhereAsked(t *testing.T) {
	m := openTest(t, func(c *Config) { c.Lazy = true })
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(m.cfg.Target, "table"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if err := m.Stop(ctx); err != nil {
		t.Error(err)
	}
	if monitor(t, m).Running {
		t.Error("still mounted")
	}
}

func TestReadOnlyRemountIsDegraded(t *testing.T) {
	m := openTest(t, func(c *Config) { c.Source, c.Type = "tmpfs", "tmpfs" })
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("", m.cfg.Target, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if state := monitor(t, m); !state.Running || state.Status != sdk.Degraded {
		t.Errorf("state %+v", state)
	}
}

func TestStartErrors(t *testing.T) {
	m := openTest(t, func(c *Config) { c.Source = "/no/such/place" })
	if err := m.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "/no/such/place") {
		t.Errorf("error %v", err)
	}
}

func TestParse(t *testing.T) {
	const text = `22 1 8:1 / / rw,relatime - ext4 /dev/root rw,errors=remount-ro
30 22 8:1 /srv/a\040b /mnt/x rw - ext4 /dev/root ro
31 22 0:5 / /mnt/x rw,nosuid shared:7 - tmpfs tmpfs rw,size=4k
broken line
`
	parsed := parse(text)
	if now, ok := parsed.on("/mnt/x"); !ok || now.fsType != "tmpfs" || now.readOnly() {
		t.Errorf("the uppermost is %+v", now)
	}
	if now := parsed[1]; now.root != "/srv/a b" || !now.readOnly() {
		t.Errorf("the lower one is %+v", now)
	}
	if device, root, ok := parsed.place("/srv/a b", "/mnt/x"); !ok || device != "8:1" || root != "/srv/a b" {
		t.Errorf("place %s %s %v", device, root, ok)
	}
	if _, ok := parsed.on("/mnt"); ok {
		t.Error("found what is not there")
	}
}

func TestOptionsAsListOrText(t *testing.T) {
	for text, want := range map[string]string{
		"options: bind":                "bind",
		"options: \"noatime,size=1m\"": "noatime size=1m",
		"options: [noatime, size=1m]":  "noatime size=1m",
		"options: \"\"":                "",
		"make_target: true":            "",
	} {
		cfg := DefaultConfig().(*Config)
		if err := sdk.Decode([]byte(text), cfg); err != nil || strings.Join(cfg.Options, " ") != want {
			t.Errorf("%s: %q, error %v", text, cfg.Options, err)
		}
	}
	if err := sdk.Decode([]byte("options: {a: b}"), DefaultConfig()); err == nil {
		t.Error("a mapping was taken for options")
	}
}

func TestValidate(t *testing.T) {
	for fault, cfg := range map[string]Config{
		"source: ":              {Type: "bind", Source: "x"},
		"target: \"\"":          {},
		"target: / is":          {Target: "/"},
		"target: \"/srv/../x\"": {Target: "/srv/../x"},
		"type: ":                {},
		"options[1]: ":          {Options: []string{"ro", "a,b"}},
		"busy_retry: ":          {},
	} {
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("no %q in %v", fault, err)
		}
	}
}

func TestConformance(t *testing.T) {
	sandbox.Need(t)
	sdktest.Run(t, sdktest.Case{
		Plugin:   New(),
		Config:   "source: tmpfs\ntarget: " + t.TempDir() + "\ntype: tmpfs\noptions: [size=1m]\n",
		Resource: true,
	})
}
