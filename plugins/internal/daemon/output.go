package daemon

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func (d *Daemon) outputPath() string { return filepath.Join(d.spec.StateDir, "output.log") }

// openOutput opens the file for appending: it can then be cut while the process writes to it.
func (d *Daemon) openOutput() (*os.File, error) {
	d.trimOutput()
	file, err := os.OpenFile(d.outputPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open output: %w", err)
	}
	return file, nil
}

// trimOutput keeps the end of an output that grew beyond its bound and empties the file.
func (d *Daemon) trimOutput() {
	info, err := os.Stat(d.outputPath())
	if err != nil || info.Size() <= d.spec.OutputLimit {
		return
	}
	end, err := readEnd(d.outputPath(), d.spec.OutputLimit)
	if err == nil {
		err = os.WriteFile(d.outputPath()+".1", end, 0o600)
	}
	if err == nil {
		err = os.Truncate(d.outputPath(), 0)
	}
	if err != nil {
		d.log.WithError(err).Warn("output not trimmed")
	}
}

func readEnd(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		if _, err := file.Seek(-limit, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(file, limit))
}

// LastLines returns the last lines of the output, at most n.
func (d *Daemon) LastLines(n int) string { return LastLines(d.outputPath(), n) }

// LastLines returns the last lines of a file, at most n and 64 KiB; "" where there is none.
func LastLines(path string, n int) string {
	end, err := readEnd(path, 64<<10)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(bytes.TrimRight(end, "\n")), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
