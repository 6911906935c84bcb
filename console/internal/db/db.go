// Package db is the console's database: its schema, its rows and how it is
// opened. It knows tables, not what they mean: merging, alarms and health live
// in their own packages. Nothing here is particular to SQLite but Open.
package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"modernc.org/sqlite" // also the driver of that name
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations/*.sql
var migrations embed.FS

// File is the database's name in the data directory.
const File = "console.db"

const readers = 4

// DB is the open database. SQLite takes one writer at a time, so there is one
// connection to write with and a few to read with; a reader never waits for the
// writer.
type DB struct {
	Write *bun.DB
	Read  *bun.DB
}

// Open opens the database in dir, creates it if it is missing and brings its
// schema up to date. A commit is on the disk when it returns (synchronous=FULL).
func Open(ctx context.Context, dir string) (*DB, error) {
	path := filepath.Join(dir, File)
	if err := forOwner(path); err != nil {
		return nil, err
	}
	write, err := connect(path, 1, "immediate", "")
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, write.DB); err != nil {
		err = fmt.Errorf("bring schema of %s up to date: %w", path, err)
		if damaged(err) {
			err = fmt.Errorf("%w: restore it from a backup, or move it and its -wal and -shm files away to begin anew", err)
		}
		return nil, errors.Join(err, write.Close())
	}
	read, err := connect(path, readers, "deferred", "query_only(1)")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &DB{Write: write, Read: read}, nil
}

// damaged tells whether SQLite cannot make sense of the file.
func damaged(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB)
}

// forOwner makes sure that nobody but the console reads the file, which holds
// sessions and hashed passwords; what SQLite puts beside it gets the same mode.
func forOwner(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in the data directory
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

func connect(path string, connections int, lock, pragma string) (*bun.DB, error) {
	q := url.Values{"_txlock": {lock}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	if pragma != "" {
		q.Add("_pragma", pragma)
	}
	pool, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return bun.NewDB(pool, sqlitedialect.New()), nil
}

func migrate(ctx context.Context, pool *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("run migrations: %w", err)
	}
	return nil
}

// Close closes every connection.
func (d *DB) Close() error { return errors.Join(d.Read.Close(), d.Write.Close()) }

// Nanos is t as the database keeps it; the zero time is 0.
func Nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// Time is the inverse of Nanos.
func Time(nanos int64) time.Time {
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}
