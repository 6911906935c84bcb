// Package postgres runs a PostgreSQL server on the active node, as a daemon of
// its own, and probes one through its address. It never starts a server on a
// directory that another one serves, and says that a server runs only once
// that takes connections.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/internal/daemon"
)

// evidenceLines bounds how much of the server's output goes into a snapshot.
const evidenceLines = 50

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "postgres",
		Version:       "0.1.0",
		Summary:       "Runs a PostgreSQL server on the active node and probes one through its address.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

// server runs PostgreSQL on a data directory. It offers Resource too.
type server struct {
	*prober
	daemon *daemon.Daemon
	log    logrus.FieldLogger
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open postgres %s: configuration is a %T", env.Instance, config)
	}
	password, err := cfg.Probe.Password.Reveal()
	if err != nil {
		return nil, fmt.Errorf("read password of probe: %w", err)
	}
	p := &prober{cfg: cfg, password: password}
	if cfg.Data == "" {
		return p, nil
	}
	return &server{
		prober: p, log: env.Log,
		daemon: daemon.New(daemon.Spec{
			Instance: "postgres/" + env.Node + "/" + env.Instance,
			Command:  cfg.command(), User: cfg.User, Environment: []string{"LANG=C.UTF-8"},
			StateDir: env.StateDir, OutputLimit: cfg.OutputLimit,
		}, env.Log),
	}, nil
}

// Close lets the server run.
func (s *server) Close() error {
	s.daemon.Close()
	return nil
}

// Start returns once the server takes connections; recovery after a power cut
// takes its time, and only ctx bounds it. A server that was found running and
// dies meanwhile is started anew, once.
func (s *server) Start(ctx context.Context) error {
	p, fresh, err := s.start(ctx)
	if err != nil {
		return err
	}
	err = s.awaitReady(ctx, p)
	if err == nil || fresh || p.Alive() {
		return err
	}
	if p, _, err = s.start(ctx); err != nil {
		return err
	}
	return s.awaitReady(ctx, p)
}

func (s *server) start(ctx context.Context) (p daemon.Process, fresh bool, err error) {
	now, err := s.daemon.Find()
	if err != nil {
		return p, false, fmt.Errorf("look for the server: %w", err)
	}
	if !now.Alive {
		if err := s.clear(ctx); err != nil {
			return p, false, err
		}
	}
	if p, fresh, err = s.daemon.Start(ctx); err != nil {
		return p, false, fmt.Errorf("start server on %s: %w", s.cfg.Data, err)
	}
	return p, fresh, nil
}

// clear makes sure that nobody serves the directory before a server starts there.
func (s *server) clear(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(s.cfg.Data, "PG_VERSION")); err != nil {
		return fmt.Errorf("start server on %s: the directory holds no database: is it mounted?: %w", s.cfg.Data, err)
	}
	serving, _, err := serverProcesses(s.cfg.Data)
	if err != nil {
		return err
	}
	file, found := readPIDFile(s.cfg.Data)
	if found && slices.Contains(serving, file.pid) {
		return fmt.Errorf("start server on %s: process %d serves it and was not started here", s.cfg.Data, file.pid)
	}
	if err := kill(ctx, s.cfg.Data); err != nil { // children of a server that died
		return err
	}
	return s.dropStale(file, found)
}

// dropStale removes a pid file whose number belongs to somebody else now: the
// server itself would take that process for another server and not start.
func (s *server) dropStale(file pidFile, found bool) error {
	if alive := found && unix.Kill(file.pid, 0) == nil; !alive {
		return nil // the server removes it itself
	}
	s.log.WithField("pid", file.pid).Warn("stale pid file removed")
	if err := os.Remove(filepath.Join(s.cfg.Data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove stale pid file: %w", err)
	}
	return nil
}

// kill ends every process that works in the data directory and waits for it.
func kill(ctx context.Context, data string) error {
	for {
		serving, ending, err := serverProcesses(data)
		if err != nil {
			return err
		}
		if len(serving)+len(ending) == 0 {
			return nil
		}
		for _, pid := range serving {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("kill process %d of the server: %w", pid, err)
			}
		}
		if !sdk.Pause(ctx, 5*time.Millisecond) {
			return fmt.Errorf("kill server on %s: processes %v are left: %w", data, slices.Concat(serving, ending), ctx.Err())
		}
	}
}

// awaitReady asks until the server takes connections, ends, or ctx does.
func (s *server) awaitReady(ctx context.Context, p daemon.Process) error {
	wait := 5 * time.Millisecond
	for {
		notReady := s.takesConnections(ctx, p)
		if notReady == nil {
			return nil
		}
		if !p.Alive() {
			return fmt.Errorf("start server on %s: the process ended, its last output was: %s", s.cfg.Data, s.daemon.LastLines(5))
		}
		if !sdk.Pause(ctx, wait) {
			return fmt.Errorf("start server on %s: it does not take connections: %w", s.cfg.Data, notReady)
		}
		wait = min(2*wait, 50*time.Millisecond)
	}
}

var errNoEndpoint = errors.New("it does not listen yet")

// takesConnections asks where the server says that it listens. Whoever it
// refuses by name or password, it serves others.
func (s *server) takesConnections(ctx context.Context, p daemon.Process) error {
	file, found := readPIDFile(s.cfg.Data)
	if !found || file.pid != p.PID {
		return errNoEndpoint
	}
	ctx, cancel, _, _ := s.limited(ctx)
	defer cancel()
	conn, err := s.connect(ctx, file.endpoint(s.cfg.Port))
	if err == nil {
		hangUp(conn)
		return nil
	}
	var said *pgconn.PgError
	if errors.As(err, &said) && said.Code != codeStarting {
		return nil
	}
	return err
}

// Stop is a fast shutdown, then an immediate one, then no mercy.
func (s *server) Stop(ctx context.Context) error {
	err := s.daemon.Stop(
		ctx,
		daemon.Step{Signal: unix.SIGINT, Wait: share(ctx, 60, s.cfg.StopGrace.Std())},
		daemon.Step{Signal: unix.SIGQUIT, Wait: share(ctx, 85, s.cfg.StopGrace.Std()) - share(ctx, 60, s.cfg.StopGrace.Std())},
	)
	if err != nil {
		return fmt.Errorf("stop server on %s: %w", s.cfg.Data, err)
	}
	return kill(ctx, s.cfg.Data)
}

// share returns a part of the time that is left, in percent, at most a part of the bound.
func share(ctx context.Context, percent int, bound time.Duration) time.Duration {
	bound = bound * time.Duration(percent) / 60
	if end, ok := ctx.Deadline(); ok {
		bound = min(bound, time.Until(end)*time.Duration(percent)/100)
	}
	return max(bound, time.Millisecond)
}

// Monitor looks at the process and connects to it. While anything works in the data
// directory, the server runs: it holds the data.
func (s *server) Monitor(ctx context.Context) (sdk.State, error) {
	now, err := s.daemon.Find()
	if err != nil {
		return sdk.State{}, fmt.Errorf("look for the server: %w", err)
	}
	if !now.Alive {
		return s.leftovers(now)
	}
	p := now.Main
	state := sdk.State{Running: true, PID: p.PID, Status: sdk.OK, Message: fmt.Sprintf("server %d takes connections", p.PID)}
	begin := sdk.Monotonic()
	err = s.takesConnections(ctx, p)
	var said *pgconn.PgError
	switch {
	case err == nil:
		state.Values = map[string]float64{"connect_seconds": (sdk.Monotonic() - begin).Seconds()}
	case errors.As(err, &said), errors.Is(err, errNoEndpoint):
		state.Status, state.Message = sdk.Degraded, fmt.Sprintf("server %d does not take connections yet: %v", p.PID, err)
	default:
		state.Status, state.Message = sdk.Down, fmt.Sprintf("server %d does not take connections: %v", p.PID, err)
	}
	return state, nil
}

// leftovers tells what runs without the server that was started here.
func (s *server) leftovers(now daemon.Found) (sdk.State, error) {
	serving, ending, err := serverProcesses(s.cfg.Data)
	if err != nil {
		return sdk.State{}, fmt.Errorf("look for the server: %w", err)
	}
	left := max(now.Left, len(serving)+len(ending))
	if left == 0 {
		return sdk.State{Status: sdk.Down, Message: "no server runs on " + s.cfg.Data}, nil
	}
	who := "no server that was started here runs"
	if now.Main.PID > 0 {
		who = fmt.Sprintf("main process %d is gone", now.Main.PID)
	}
	return sdk.State{Running: true, Status: sdk.Down, Message: fmt.Sprintf("%s, %d processes still work in %s", who, left, s.cfg.Data)}, nil
}

// Evidence contributes what the server says of itself and its last output.
func (s *server) Evidence(ctx context.Context) ([]sdk.Item, error) {
	items := []sdk.Item{{Name: "postgres/output", Text: s.daemon.LastLines(evidenceLines)}}
	now, err := s.daemon.Find()
	if err != nil {
		return items, fmt.Errorf("look for the server: %w", err)
	}
	if !now.Alive {
		return append(items, sdk.Item{Name: "postgres/activity", Text: "no server runs here: " + now.String()}), nil
	}
	if file, found := readPIDFile(s.cfg.Data); found && file.pid == now.Main.PID {
		items = append(items, s.evidence(ctx, file.endpoint(s.cfg.Port))...)
	}
	return items, nil
}
