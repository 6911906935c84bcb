package snapshot

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/storeward/storeward/core/sdk/spoken"
)

// maxLine bounds one log line in a snapshot.
const maxLine = 500

// LogRing is a logrus hook that keeps the newest log lines for a snapshot.
type LogRing struct {
	mu    sync.Mutex
	lines []string
	next  int
	size  int
}

// NewLogRing returns a hook that keeps the newest n lines.
func NewLogRing(n int) *LogRing { return &LogRing{size: n} }

// Levels implements logrus.Hook: everything that is logged at all, but for each probe's debug line.
func (*LogRing) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel}
}

// Fire implements logrus.Hook.
func (r *LogRing) Fire(e *logrus.Entry) error {
	var b strings.Builder
	b.WriteString(e.Time.UTC().Format("2006-01-02T15:04:05.000Z"))
	b.WriteString(" " + e.Level.String() + " " + e.Message)
	for _, key := range slices.Sorted(maps.Keys(e.Data)) {
		fmt.Fprintf(&b, " %s=%v", key, e.Data[key])
	}
	line := spoken.Brief(strings.ToValidUTF8(b.String(), "?"), maxLine)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) < r.size {
		r.lines = append(r.lines, line)
		return nil
	}
	r.lines[r.next] = line
	r.next = (r.next + 1) % r.size
	return nil
}

// Lines returns the lines kept, oldest first.
func (r *LogRing) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(slices.Clone(r.lines[r.next:]), r.lines[:r.next]...)
}
