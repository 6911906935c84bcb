package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/core/sdk/spoken"
	"github.com/storeward/storeward/plugins/internal/neterr"
)

// answerMargin is what a probe keeps of its caller's deadline to answer itself.
const answerMargin = 10 * time.Millisecond

// Conditions of the server, PostgreSQL documentation, appendix A.
const (
	codeStarting   = "57P03" // cannot_connect_now
	classAccess    = "28"    // invalid authorization
	codeNoDatabase = "3D000"
	classSyntax    = "42" // syntax error or access rule violation
)

// prober asks a server through its address. It offers Prober and Evidence.
type prober struct {
	cfg      *Config
	password string
}

// Close has nothing to release: every probe has its own connection.
func (p *prober) Close() error { return nil }

// where is an endpoint: a host and port, or the directory of a unix socket.
type where struct {
	host string
	port uint16
	tls  string
}

// connect opens one connection. Host, user, password and database never come from the environment.
func (p *prober) connect(ctx context.Context, at where) (*pgx.Conn, error) {
	host := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(at.host)
	config, err := pgx.ParseConfig(fmt.Sprintf("host='%s' port=%d sslmode=%s", host, at.port, at.tls))
	if err != nil {
		return nil, fmt.Errorf("make connection: %w", err)
	}
	config.User, config.Password, config.Database = p.cfg.Probe.User, p.password, p.cfg.Probe.Database
	config.RuntimeParams = map[string]string{"application_name": "storeward"}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // one round trip, nothing prepared
	return pgx.ConnectConfig(ctx, config)
}

// limited returns the context of one question and the time it was given; false where none is left.
func (p *prober) limited(ctx context.Context) (context.Context, context.CancelFunc, time.Duration, bool) {
	limit := p.cfg.Probe.Timeout.Std()
	if end, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(end)-answerMargin)
	}
	out, cancel := context.WithTimeout(ctx, limit)
	return out, cancel, limit, limit > 0
}

func (p *prober) target() (where, error) {
	host, port, err := p.cfg.Probe.split(p.cfg.Port)
	return where{host: host, port: port, tls: p.cfg.Probe.TLS}, err
}

// Probe connects, asks the query and looks at the connections in use.
func (p *prober) Probe(ctx context.Context) (sdk.Result, error) {
	at, err := p.target()
	if err != nil {
		return sdk.Result{}, err
	}
	ctx, cancel, limit, ok := p.limited(ctx)
	defer cancel()
	if !ok {
		return sdk.Result{}, fmt.Errorf("ask %s: no time is left to ask", p.name(at))
	}
	begin := sdk.Monotonic()
	conn, err := p.connect(ctx, at)
	if err != nil {
		return p.judgeError(at, "connect", err, limit)
	}
	defer hangUp(conn)
	connected := sdk.Monotonic()
	rows, err := conn.Query(ctx, p.cfg.Probe.Query)
	if err == nil {
		for rows.Next() { // the whole answer counts
		}
		err = rows.Err()
	}
	if err != nil {
		return p.judgeError(at, "query", err, limit)
	}
	answered := sdk.Monotonic()
	values := map[string]float64{
		"connect_seconds": (connected - begin).Seconds(), "query_seconds": (answered - connected).Seconds(),
	}
	status, message := p.judge(at, answered-begin, p.load(ctx, conn, values))
	return sdk.Result{Status: status, Message: message, Values: values}, nil
}

// hangUp never lets a silent server hold the caller.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_ = conn.Close(ctx)
}

// load adds what the server says of itself; a server that does not is not at fault.
func (p *prober) load(ctx context.Context, conn *pgx.Conn, values map[string]float64) (used float64) {
	var clients, most float64
	var recovery bool
	err := conn.QueryRow(ctx, `SELECT count(*)::float8, current_setting('max_connections')::float8, pg_is_in_recovery()
		FROM pg_stat_activity WHERE backend_type = 'client backend'`).Scan(&clients, &most, &recovery)
	if err != nil || most == 0 {
		return 0
	}
	values["connections"], values["connections_ratio"] = clients, clients/most
	values["in_recovery"] = 0
	if recovery {
		values["in_recovery"] = 1
	}
	return clients / most
}

func (p *prober) judge(at where, took time.Duration, used float64) (sdk.Status, string) {
	switch {
	case p.cfg.Probe.ConnectionsWarn > 0 && used >= p.cfg.Probe.ConnectionsWarn:
		return sdk.Degraded, fmt.Sprintf("%s uses %.0f %% of its connections", p.name(at), used*100)
	case p.cfg.Probe.Slow > 0 && took >= p.cfg.Probe.Slow.Std():
		return sdk.Degraded, fmt.Sprintf("%s answered slowly: after %s", p.name(at), spoken.Duration(took))
	}
	return sdk.OK, fmt.Sprintf("%s answered in %s", p.name(at), spoken.Duration(took))
}

func (p *prober) name(at where) string {
	return fmt.Sprintf("database %s at %s:%d", p.cfg.Probe.Database, at.host, at.port)
}

// judgeError tells a dead server from a question that could not be asked or
// that the server rightly refuses: a wrong password says nothing about its health.
func (p *prober) judgeError(at where, verb string, err error, limit time.Duration) (sdk.Result, error) {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch {
		case said.Code == codeStarting:
			return sdk.Result{Status: sdk.Degraded, Message: p.name(at) + " does not take connections yet: " + said.Message}, nil
		case strings.HasPrefix(said.Code, classAccess), said.Code == codeNoDatabase, strings.HasPrefix(said.Code, classSyntax):
			return sdk.Result{}, fmt.Errorf("%s %s: the server refuses the probe: %w", verb, p.name(at), said)
		}
		return sdk.Result{Status: sdk.Down, Message: p.name(at) + " answered: " + said.Message}, nil
	}
	switch {
	case neterr.CannotAsk(err):
		return sdk.Result{}, fmt.Errorf("%s %s: %w", verb, p.name(at), err)
	case neterr.Timeout(err):
		return sdk.Result{Status: sdk.Down, Message: fmt.Sprintf("no answer from %s within %s", p.name(at), spoken.Duration(limit.Round(time.Millisecond)))}, nil
	case neterr.Refused(err):
		return sdk.Result{Status: sdk.Down, Message: p.name(at) + " refuses connections"}, nil
	}
	return sdk.Result{Status: sdk.Down, Message: fmt.Sprintf("no answer from %s: %v", p.name(at), err)}, nil
}
