package sdk

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sirupsen/logrus"
)

// logFormat writes one JSON object per line with the keys that go-plugin's hosts
// read (@level, @message, @timestamp), so that a plugin's levels and fields
// survive the way to any of them.
type logFormat struct{}

// Format implements logrus.Formatter.
func (logFormat) Format(entry *logrus.Entry) ([]byte, error) {
	line := make(map[string]any, len(entry.Data)+3)
	for key, value := range entry.Data {
		line[key] = plain(value)
	}
	line["@level"] = levelName(entry.Level)
	line["@message"] = entry.Message
	line["@timestamp"] = entry.Time.Format("2006-01-02T15:04:05.000000Z07:00")
	text, err := json.Marshal(line)
	if err != nil { // a value that is no JSON in spite of plain
		return nil, fmt.Errorf("write log line: %w", err)
	}
	return append(text, '\n'), nil
}

// levelName returns the level's name as hclog knows it.
func levelName(level logrus.Level) string {
	switch level {
	case logrus.TraceLevel:
		return "trace"
	case logrus.DebugLevel:
		return "debug"
	case logrus.InfoLevel:
		return "info"
	case logrus.WarnLevel:
		return "warn"
	default:
		return "error"
	}
}

func plain(value any) any {
	switch v := value.(type) {
	case nil, bool, string, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return v
	case time.Duration:
		return v.String()
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

// EnvLogLevel names the environment variable by which the host tells a plugin
// which lines it wants: trace, debug, info, warning or error. Default info.
const EnvLogLevel = "STOREWARD_LOG_LEVEL"

func newLog(out io.Writer) *logrus.Logger {
	level, err := logrus.ParseLevel(os.Getenv(EnvLogLevel))
	if err != nil {
		level = logrus.InfoLevel
	}
	log := logrus.New()
	log.SetOutput(out)
	log.SetFormatter(logFormat{})
	log.SetLevel(level)
	return log
}
