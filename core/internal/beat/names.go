package beat

import "strconv"

// The words of the text forms, in the order of the constants.
var (
	RoleNames   = []string{"unknown", "joining", "standby", "active", "stopped"}
	TriNames    = []string{"unknown", "no", "yes"}
	HealthNames = []string{"unknown", "ok", "degraded", "down"}
	ModeNames   = []string{"none", "standby", "maintenance", "unmanaged", "removed"}
)

func (r Role) String() string     { return name(RoleNames, int(r)) }
func (t Tri) String() string      { return name(TriNames, int(t)) }
func (h Health) String() string   { return name(HealthNames, int(h)) }
func (k ModeKind) String() string { return name(ModeNames, int(k)) }

// String is the number in base 36: short, and a word in scenarios.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 36) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return strconv.Itoa(i)
}
