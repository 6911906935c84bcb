package host

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
)

// Bounds of what is kept of a plugin's stderr.
const (
	lineBytes = 64 << 10
	tailLines = 40
)

// output reads a plugin's stderr: lines of the SDK's log format go to the core's
// log with their level and fields; anything else, such as a panic, is logged as a
// warning and its last lines are kept for the event.
type output struct {
	log    logrus.FieldLogger
	plugin string

	ended chan struct{} // closed when nobody holds the other end any more

	mu   sync.Mutex
	tail []string
}

func newOutput(log logrus.FieldLogger, plugin string) *output {
	return &output{log: log, plugin: plugin, ended: make(chan struct{})}
}

func (o *output) follow(from *os.File) {
	go func() {
		defer close(o.ended)
		defer from.Close()
		reader := bufio.NewReaderSize(from, lineBytes)
		for {
			line, err := reader.ReadSlice('\n')
			if len(line) > 0 {
				o.take(line)
			}
			if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // bufio returns it bare
				return
			}
		}
	}()
}

func (o *output) take(line []byte) {
	var fields logrus.Fields
	if line[0] != '{' || json.Unmarshal(line, &fields) != nil {
		o.stray(strings.TrimRight(string(line), "\r\n"))
		return
	}
	message, _ := fields["@message"].(string)
	level := levelOf(fields["@level"])
	for key := range fields {
		if strings.HasPrefix(key, "@") {
			delete(fields, key)
		}
	}
	if fields["plugin"] == nil {
		fields["plugin"] = o.plugin
	}
	entry := o.log.WithFields(fields)
	switch level {
	case logrus.ErrorLevel:
		entry.Error(message)
	case logrus.WarnLevel:
		entry.Warn(message)
	case logrus.InfoLevel:
		entry.Info(message)
	default:
		entry.Debug(message)
	}
}

func levelOf(name any) logrus.Level {
	switch name {
	case "error":
		return logrus.ErrorLevel
	case "warn":
		return logrus.WarnLevel
	case "info":
		return logrus.InfoLevel
	default:
		return logrus.DebugLevel
	}
}

func (o *output) stray(line string) {
	if line == "" {
		return
	}
	o.mu.Lock()
	o.tail = append(o.tail, line)
	if len(o.tail) > tailLines {
		o.tail = o.tail[1:]
	}
	o.mu.Unlock()
	o.log.WithFields(logrus.Fields{"plugin": o.plugin, "line": line}).Warn("plugin wrote beside its log")
}

func (o *output) last() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.tail...)
}
