package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two configurations.
type Change struct {
	// Path is the setting, the entry of a list, or the list whose entries stand in another order.
	Path string `json:"path"`
	// Kind says what happened at Path.
	Kind ChangeKind `json:"kind"`
	// Was and Will are the values of a setting, empty where there is none.
	Was  string `json:"was,omitempty"`
	Will string `json:"will,omitempty"`
	// Settings are those of an added entry that are not its defaults, as KEY: VALUE.
	Settings []string `json:"settings,omitempty"`
	// Restart tells that a running daemon cannot take it: it counts from the daemon's next start.
	Restart bool `json:"restart"`
}

// ChangeKind is what happened at a path.
type ChangeKind string

// The kinds of changes.
const (
	Changed   ChangeKind = "changed"
	Added     ChangeKind = "added"     // an entry of a list
	Removed   ChangeKind = "removed"   // an entry of a list
	Reordered ChangeKind = "reordered" // the nodes' digests go by the order too
)

// Diff lists what changes from one configuration to another, in the order of the
// reference page. Comments, and the way a value is written, are no difference.
func Diff(was, will *Config) []Change {
	old, next := was.list(nil), will.list(nil)
	changes := DiffSettings(old.out, next.out)
	changes = inOrder(append(changes, unseen(changes, old.sections, next.sections)...))
	for i := range changes {
		c := &changes[i]
		// The watchdog was told how late a round of the loop may be, and plugin reach how long
		// to wait for answers.
		c.Restart = !atOnce(c) || c.Path == "timing.deadtime" && was.Watchdog.Timeout > 0 || c.Path == "timing.analyse"
	}
	return changes
}

// unseen are the sections that differ as a whole where no value of theirs was told to:
// a change that is not told would be taken at once and never made.
func unseen(told []Change, was, will map[string]string) (out []Change) {
	for _, path := range slices.Sorted(maps.Keys(was)) {
		below := func(c Change) bool { return strings.HasPrefix(c.Path, path) }
		if next, stays := will[path]; stays && next != was[path] && !slices.ContainsFunc(told, below) {
			out = append(out, Change{Path: path, Kind: Changed, Was: "section", Will: "section"})
		}
	}
	return out
}

// DiffSettings is Diff by what Settings returned, both under the same salt. It does not
// tell what needs a restart.
func DiffSettings(was, will []Setting) []Change {
	old, next := index(was), index(will)
	var out []Change
	for _, s := range was {
		n, stays := next.settings[s.Path]
		switch {
		case s.Entry != "" && !next.has(s.Entry):
			if old.first(s) {
				out = append(out, Change{Path: s.Entry, Kind: Removed})
			}
		case !stays:
			out = append(out, Change{Path: s.Path, Kind: Changed, Was: s.Value})
		case n.Value != s.Value || n.Mark != s.Mark:
			out = append(out, Change{Path: s.Path, Kind: Changed, Was: s.Value, Will: n.Value})
		}
	}
	for _, s := range will {
		_, known := old.settings[s.Path]
		switch {
		case s.Entry != "" && !old.has(s.Entry):
			if next.first(s) {
				out = append(out, Change{Path: s.Entry, Kind: Added, Settings: next.told(s.Entry)})
			}
		case !known:
			out = append(out, Change{Path: s.Path, Kind: Changed, Will: s.Value})
		}
	}
	out = append(out, reordered(old, next)...)
	return inOrder(out)
}

func inOrder(changes []Change) []Change {
	slices.SortStableFunc(changes, func(a, b Change) int { return rank(a.Path) - rank(b.Path) })
	return changes
}

// indexed is a configuration's settings by their paths.
type indexed struct {
	settings map[string]Setting
	entries  []string // in their order
	of       map[string][]Setting
}

func index(settings []Setting) indexed {
	x := indexed{settings: map[string]Setting{}, of: map[string][]Setting{}}
	for _, s := range settings {
		x.settings[s.Path] = s
		if s.Entry == "" {
			continue
		}
		if !x.has(s.Entry) {
			x.entries = append(x.entries, s.Entry)
		}
		x.of[s.Entry] = append(x.of[s.Entry], s)
	}
	return x
}

func (x indexed) has(entry string) bool { return len(x.of[entry]) > 0 }

// first tells whether a setting is its entry's first.
func (x indexed) first(s Setting) bool { return x.of[s.Entry][0].Path == s.Path }

// told are an entry's settings but for those that are its defaults or its name.
func (x indexed) told(entry string) (out []string) {
	presets := entryDefaults(listOf(entry))
	for _, s := range x.of[entry] {
		key := strings.TrimPrefix(s.Path, entry+".")
		if s.Value != presets[key] && entry != listOf(entry)+"["+s.Value+"]" {
			out = append(out, key+": "+s.Value)
		}
	}
	return out
}

// entryDefaults are the values that an entry of a list has when nothing is said.
func entryDefaults(list string) map[string]string {
	var entry any
	switch list {
	case "fencing":
		entry = DefaultFenceDevice()
	case "resources":
		entry = DefaultResource()
	case "probes":
		entry = DefaultProbe()
	case "links":
		entry = Link{}
	default:
		return nil
	}
	l := lister{sections: map[string]string{}}
	l.structure("", reflect.ValueOf(entry))
	out := map[string]string{}
	for _, s := range l.out {
		out[s.Path] = s.Value
	}
	return out
}

// reordered finds the lists whose common entries stand in another order.
func reordered(old, next indexed) (out []Change) {
	for _, list := range []string{"nodes", "links", "fencing", "resources", "probes", "report.consoles", "report.influx", "report.traps"} {
		was, will := common(old, next, list), common(next, old, list)
		if !slices.Equal(was, will) {
			out = append(out, Change{Path: list, Kind: Reordered, Was: strings.Join(was, ", "), Will: strings.Join(will, ", ")})
		}
	}
	return out
}

// common are the names of a list's entries that the other configuration has too.
func common(x, other indexed, list string) (names []string) {
	for _, e := range x.entries {
		name, inside := strings.CutPrefix(e, list+"[")
		name, closed := strings.CutSuffix(name, "]")
		if inside && closed && other.has(e) { // the peer's may be anything
			names = append(names, name)
		}
	}
	return names
}

func listOf(entry string) string {
	list, _, _ := strings.Cut(entry, "[")
	return list
}

// Part is the top-level key of a path.
func Part(path string) string {
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return path
}

var parts, _ = fields(reflect.TypeFor[Config]())

func rank(path string) int { return slices.Index(parts, Part(path)) }

// onlyPolicy are the keys of a resource that the policy alone reads.
var onlyPolicy = []string{"after", "start_timeout", "stop_timeout", "failures_to_down", "restarts", "on_failure", "failovers", "stop_failed"}

// atOnce tells whether a running daemon takes a change: times, the policy's choices,
// drills, and what only the policy reads of resources that stay.
func atOnce(c *Change) bool {
	switch Part(c.Path) {
	case "timing", "policy", "drills":
		return true
	case "resources":
		_, key, inside := strings.Cut(c.Path, "].")
		return c.Kind == Changed && inside && slices.Contains(onlyPolicy, Part(key))
	}
	return false
}
