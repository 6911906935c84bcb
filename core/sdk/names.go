package sdk

import "fmt"

// String returns the state's name in lower case.
func (s Status) String() string {
	if s < Unknown || s > Down {
		return fmt.Sprintf("status %d", int(s))
	}
	return [...]string{"unknown", "ok", "degraded", "down"}[s]
}

// String returns "unknown", "on" or "off".
func (p Power) String() string {
	if p < PowerUnknown || p > PowerOff {
		return fmt.Sprintf("power %d", int(p))
	}
	return [...]string{"unknown", "on", "off"}[p]
}
