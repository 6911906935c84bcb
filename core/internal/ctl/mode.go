package ctl

import (
	"strings"
	"time"

	"github.com/storeward/storeward/core/api"
)

// byMode names the mode that keeps a node from taking over; empty: none does.
func byMode(s *api.Status, node string) string {
	for _, m := range s.GetModes() {
		switch {
		case m.GetMode() == "maintenance":
			return ": maintenance is on"
		case m.GetName() == node && m.GetMode() == "standby":
			return ": it is in standby mode"
		case m.GetName() == node && m.GetMode() == "removed":
			return ": it is removed"
		}
	}
	return ""
}

// modeText is a mode with its end.
func modeText(m *api.ModeStatus, now time.Time) string {
	what := map[string]string{"maintenance": "maintenance", "standby": "%s in standby mode", "unmanaged": "%s unmanaged", "removed": "%s removed"}[m.GetMode()]
	what = strings.Replace(what, "%s", m.GetName(), 1)
	until := m.GetUntil().AsTime().Local()
	form := "15:04:05"
	if until.Sub(now).Abs() > 12*time.Hour {
		form = "Mon 2006-01-02 15:04"
	}
	switch {
	case m.GetUntil() == nil:
		return what + " until it is readmitted"
	case until.Before(now):
		return what + ", over its time since " + until.Format(form)
	}
	return what + " until " + until.Format(form)
}
