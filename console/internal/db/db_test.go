package db

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
)

func TestOpenTwiceAndDown(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	for range 2 {
		d, err := Open(ctx, dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, d.Write.DB, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.DownTo(ctx, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Up(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestPragmas(t *testing.T) {
	ctx := context.Background()
	d, err := Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := d.Write.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", pragma, got, err, want)
		}
	}
	if _, err := d.Read.ExecContext(ctx, "DELETE FROM stores"); err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("the reader writes: %v", err)
	}
}

func TestTimes(t *testing.T) {
	if Nanos(time.Time{}) != 0 || !Time(0).IsZero() {
		t.Error("the zero time is not 0")
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 123456789, time.UTC)
	if !Time(Nanos(at)).Equal(at) {
		t.Error("a time changed")
	}
}
