package series

import (
	"context"
	"log/slog"

	"github.com/sirupsen/logrus"
)

// slogTo gives the database's log lines to logrus. What it calls information is
// of no interest to an operator, so that becomes debug.
func slogTo(log logrus.FieldLogger) *slog.Logger { return slog.New(&bridge{log: log}) }

type bridge struct{ log logrus.FieldLogger }

func (b *bridge) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (b *bridge) Handle(_ context.Context, r slog.Record) error {
	fields := logrus.Fields{}
	r.Attrs(func(a slog.Attr) bool {
		fields[a.Key] = a.Value.Any()
		return true
	})
	log := b.log.WithFields(fields)
	switch {
	case r.Level >= slog.LevelError:
		log.Error("time series: " + r.Message)
	case r.Level >= slog.LevelWarn:
		log.Warn("time series: " + r.Message)
	default:
		log.Debug("time series: " + r.Message)
	}
	return nil
}

func (b *bridge) WithAttrs(attrs []slog.Attr) slog.Handler {
	log := b.log
	for _, a := range attrs {
		log = log.WithField(a.Key, a.Value.Any())
	}
	return &bridge{log: log}
}

func (b *bridge) WithGroup(string) slog.Handler { return b }
