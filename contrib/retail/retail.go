// Package retail is a till: it looks prices up over HTTP and records sales in
// PostgreSQL, both through a store's virtual IPs, as a cash register does. A
// sale that cannot be recorded is tried again, the same one, until its commit is
// confirmed: after any failure each acknowledged sale is in the database exactly
// once. It knows nothing of the cluster behind the addresses.
package retail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config says where the till buys and how it reports.
type Config struct {
	// Prices is the address of the price list, e.g. "http://10.77.1.101/prices.json".
	Prices string
	// Database is the address of the sales, e.g. "postgres://till@10.77.1.102/store".
	Database string
	// Till names this register; it begins the identifier of every sale.
	Till string
	// Every is the time between two sales.
	Every time.Duration
	// Attempt bounds one try of one step.
	Attempt time.Duration
	// Stall is the time without a finished sale after which the till says that it waits.
	Stall time.Duration
	// Report is called with everything worth telling.
	Report func(Report)
}

// Report is something worth telling: the till stalls, buys again, or has audited.
type Report struct {
	Kind  string        `json:"kind"` // "stall", "resume", "audit"
	Text  string        `json:"text"`
	Gap   time.Duration `json:"gap,omitempty"` // between the last sale before and the first after
	Sales int           `json:"sales"`         // acknowledged so far
}

// ErrLost is wrapped by an audit's error when acknowledged sales are missing or doubled.
var ErrLost = errors.New("sales are not in the database exactly once")

// Till is one register.
type Till struct {
	Config
	web   *http.Client
	db    *pgx.Conn
	sales []string // identifiers of acknowledged sales
	last  time.Time
	stall bool
}

// New returns a till that has sold nothing yet.
func New(c Config) *Till {
	// A new connection for each look-up: a kept one would hang on a dead node.
	return &Till{Config: c, last: time.Now(), web: &http.Client{Timeout: c.Attempt, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// Sell sells until ctx ends. Nothing but ctx ends it: a till waits for its store.
func (t *Till) Sell(ctx context.Context) {
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	for number := 1; ; number++ {
		if !t.sell(ctx, fmt.Sprintf("%s-%d-%06d", t.Till, time.Now().Unix(), number)) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sell carries one sale to its confirmed commit; false when ctx ended first.
func (t *Till) sell(ctx context.Context, id string) bool {
	var price int
	article := -1
	for {
		err := error(nil)
		if article < 0 {
			article, price, err = t.lookUp(ctx)
		}
		if err == nil {
			err = t.record(ctx, id, article, price)
		}
		if err == nil {
			t.acknowledged(id)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		t.waits(err)
		pause := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return false
		case <-pause.C:
		}
	}
}

// lookUp asks the price list for the price of one article.
func (t *Till) lookUp(ctx context.Context) (article, cents int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.Prices, nil)
	if err != nil {
		return -1, 0, err
	}
	response, err := t.web.Do(request)
	if err != nil {
		return -1, 0, err
	}
	defer response.Body.Close()
	var prices []int
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&prices); err != nil || len(prices) == 0 {
		return -1, 0, fmt.Errorf("read price list: %w", errors.Join(err, errors.New(response.Status)))
	}
	article = rand.IntN(len(prices))
	return article, prices[article], nil
}

// record commits the sale. A sale that an earlier, unconfirmed attempt already
// committed meets its own key and counts as recorded.
func (t *Till) record(ctx context.Context, id string, article, cents int) error {
	ctx, cancel := context.WithTimeout(ctx, t.Attempt)
	defer cancel()
	db, err := t.connection(ctx)
	if err != nil {
		return err
	}
	if _, err := db.Exec(ctx, `insert into sale (id, article, cents) values ($1, $2, $3) on conflict (id) do nothing`, id, article, cents); err != nil {
		t.hangUp()
		return fmt.Errorf("record sale: %w", err)
	}
	return nil
}

func (t *Till) connection(ctx context.Context) (*pgx.Conn, error) {
	if t.db != nil {
		return t.db, nil
	}
	db, err := pgx.Connect(ctx, t.Database)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	t.db = db
	return db, nil
}

func (t *Till) hangUp() {
	if t.db == nil {
		return
	}
	// The other side may be dead: do not wait for a farewell.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_ = t.db.Close(ctx)
	t.db = nil
}

func (t *Till) acknowledged(id string) {
	now := time.Now()
	t.sales = append(t.sales, id)
	if t.stall {
		gap := now.Sub(t.last)
		t.stall = false
		t.Report(Report{Kind: "resume", Text: fmt.Sprintf("till buys again after %d ms", gap.Milliseconds()), Gap: gap, Sales: len(t.sales)})
	}
	t.last = now
}

func (t *Till) waits(err error) {
	if t.stall || time.Since(t.last) < t.Stall {
		return
	}
	t.stall = true
	t.Report(Report{Kind: "stall", Text: "till waits: " + firstLine(err), Sales: len(t.sales)})
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// Audit compares what was acknowledged with what the database holds.
func (t *Till) Audit(ctx context.Context) error {
	t.hangUp()
	db, err := t.connection(ctx)
	if err != nil {
		return err
	}
	defer t.hangUp()
	rows, err := db.Query(ctx, `select id from sale where id like $1`, t.Till+"-%")
	if err != nil {
		return fmt.Errorf("read sales: %w", err)
	}
	recorded, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read sales: %w", err)
	}
	missing, doubled := compare(t.sales, recorded)
	text := fmt.Sprintf("audit: %d sales acknowledged, %d of them missing, %d recorded more than once", len(t.sales), missing, doubled)
	t.Report(Report{Kind: "audit", Text: text, Sales: len(t.sales)})
	if missing+doubled > 0 {
		return fmt.Errorf("%w: %s", ErrLost, text)
	}
	return nil
}

// compare counts acknowledged sales that are not recorded, and recorded ones that occur twice.
func compare(acknowledged, recorded []string) (missing, doubled int) {
	count := make(map[string]int, len(recorded))
	for _, id := range recorded {
		if count[id]++; count[id] == 2 {
			doubled++
		}
	}
	for _, id := range acknowledged {
		if count[id] == 0 {
			missing++
		}
	}
	return missing, doubled
}

// Schema makes the table of the sales.
const Schema = `create table sale (id text primary key, article int not null, cents int not null, at timestamptz not null default now())`
