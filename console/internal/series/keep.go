package series

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// logs are the folders of the database's logs.
var logs = []string{"wal", "wbl"}

// kept is what was in the logs before the database looked at them. It repairs a
// damaged log by cutting off the damage and all that comes after it; links to the
// old files cost nothing and keep it all. It never writes to a file it found.
type kept struct{ dir string }

func (k kept) folder(log string) string { return filepath.Join(k.dir, "."+log+"-before") }

// keepLogs links the files of every log into a folder beside it.
func keepLogs(dir string) (kept, error) {
	k := kept{dir}
	for _, log := range logs {
		if err := os.RemoveAll(k.folder(log)); err != nil { // a console died at its start
			return k, fmt.Errorf("remove old links: %w", err)
		}
		if err := linkFiles(filepath.Join(dir, log), k.folder(log)); err != nil {
			return k, fmt.Errorf("keep the log of the time series: %w", errors.Join(err, k.release()))
		}
	}
	return k, nil
}

func linkFiles(from, to string) error {
	files, err := os.ReadDir(from)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, f := range files {
		source, target := filepath.Join(from, f.Name()), filepath.Join(to, f.Name())
		if f.IsDir() {
			err = linkFiles(source, target) // a checkpoint
		} else {
			err = os.Link(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// release removes the links.
func (k kept) release() error {
	var errs []error
	for _, log := range logs {
		errs = append(errs, os.RemoveAll(k.folder(log)))
	}
	return errors.Join(errs...)
}

// setAside gives the links a name that stays, and returns the names.
func (k kept) setAside(now time.Time) (names []string, err error) {
	for _, log := range logs {
		name := filepath.Join(k.dir, log+".corrupt-"+now.UTC().Format("20060102T150405Z"))
		switch err := os.Rename(k.folder(log), name); {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return names, fmt.Errorf("set the damaged log aside: %w", err)
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

// repaired tells whether the database found a log damaged when it opened.
func repaired(metrics prometheus.Gatherer) (bool, error) {
	families, err := metrics.Gather()
	if err != nil {
		return false, fmt.Errorf("read metrics of the time series: %w", err)
	}
	for _, f := range families {
		if f.GetName() == "prometheus_tsdb_wal_corruptions_total" {
			return f.GetMetric()[0].GetCounter().GetValue() > 0, nil
		}
	}
	return false, nil
}
