package failover

import (
	"fmt"
	"strconv"
	"strings"
)

// The words of the text forms, in the order of the constants.
var (
	actionNames = []string{
		"none", "persist", "analyse", "fence-off", "fence-read", "fence-on", "fence-test",
		"start", "stop", "restart", "monitor", "verify", "promote", "demote", "reset-self", "shutdown",
	}
	verbNames = []string{
		"none", "switchover", "standby", "unstandby", "maintenance-on", "maintenance-off", "manage", "unmanage",
		"cleanup", "restart", "fence", "fence-confirm", "remove", "readmit", "adopt", "leave", "drill",
	}
	severityNames = []string{"cleared", "warning", "minor", "major", "critical"}
)

func (k ActionKind) String() string { return actionNames[k] }
func (v Verb) String() string       { return verbNames[v] }
func (s Severity) String() string   { return severityNames[s] }

// ParseVerb reads a verb as operators write it, e.g. "fence-confirm".
func ParseVerb(s string) (Verb, error) { return parseWord[Verb](s, verbNames) }

func (BeatHeard) isEvent()     {}
func (SignOfLife) isEvent()    {}
func (LinkState) isEvent()     {}
func (PingGroup) isEvent()     {}
func (Analysis) isEvent()      {}
func (FenceAnswer) isEvent()   {}
func (ActionDone) isEvent()    {}
func (ResourceState) isEvent() {}
func (ServiceProbe) isEvent()  {}
func (Command) isEvent()       {}
func (Persisted) isEvent()     {}
func (PolicyChanged) isEvent() {}
func (Late) isEvent()          {}
func (Tick) isEvent()          {}

func (e BeatHeard) String() string     { return write("beat", e.fields) }
func (e SignOfLife) String() string    { return write("life", e.fields) }
func (e LinkState) String() string     { return write("link", e.fields) }
func (e PingGroup) String() string     { return write("ping", e.fields) }
func (e Analysis) String() string      { return write("analysis", e.fields) }
func (e FenceAnswer) String() string   { return write("fence", e.fields) }
func (e ActionDone) String() string    { return write("done", e.fields) }
func (e ResourceState) String() string { return write("resource", e.fields) }
func (e ServiceProbe) String() string  { return write("service", e.fields) }
func (e Command) String() string       { return write("command", e.fields) }
func (e Persisted) String() string     { return write("persisted", e.fields) }
func (e PolicyChanged) String() string { return write("policy", e.Policy.fields) }
func (e Late) String() string          { return write("late", e.fields) }
func (Tick) String() string            { return "tick" }

// String is the policy's text form, one line; ParsePolicy reads it.
func (p Policy) String() string { return write("policy", p.fields) }

// String is the state's text form, one line; ParseState reads it.
func (s State) String() string { return write("state", s.fields) }

// String is the boot's text form, one line; ParseBoot reads it.
func (b Boot) String() string { return write("boot", b.fields) }

// String is the action's text form, for logs and scenarios.
func (a Action) String() string {
	f := &form{writing: true}
	f.text("resource", &a.Resource)
	f.text("device", &a.Device)
	f.span("expiry", &a.Expiry)
	f.span("deadline", &a.Deadline)
	f.text("mark", &a.Mark)
	s := a.ID + " " + f.out.String()
	if a.Kind == Persist {
		s += " " + a.State.String()
	}
	return s
}

// String reads e.g. "S6 turn-1 ping group not reached".
func (r Reason) String() string {
	s := r.Rule + " " + r.Code
	if r.Subject != "" {
		s += " " + r.Subject
	}
	if r.Span != 0 {
		s += " " + r.Span.String()
	}
	return s
}

func (a Alarm) String() string {
	return a.Severity.String() + " " + a.Object + " " + a.Key + ": " + a.Text
}

func (n Note) String() string { return n.Kind + " " + n.Object + ": " + n.Text }

func write(head string, fields func(*form)) string {
	f := &form{writing: true}
	fields(f)
	if f.out.Len() == 0 {
		return head
	}
	return head + " " + f.out.String()
}

// ParsePolicy reads a policy's text form.
func ParsePolicy(line string) (p Policy, err error) {
	err = parse(line, "policy", p.fields)
	return p, err
}

// ParseState reads a state's text form, e.g. from the journal.
func ParseState(line string) (s State, err error) {
	err = parse(line, "state", s.fields)
	return s, err
}

// ParseBoot reads a boot's text form.
func ParseBoot(line string) (b Boot, err error) {
	err = parse(line, "boot", b.fields)
	return b, err
}

// parse reads a line that begins with head.
func parse(line, head string, fields func(*form)) error {
	first, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	if first != head {
		return fmt.Errorf("%q: want a line that begins with %q", first, head)
	}
	f, err := readForm(rest)
	if err == nil {
		fields(f)
		err = f.done()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", head, err)
	}
	return nil
}

// fielder is a pointer to an event whose fields can be written and read.
type fielder[T any] interface {
	*T
	fields(f *form)
}

func event[T Event, P fielder[T]](line, head string) (Event, error) {
	var e T
	if err := parse(line, head, P(&e).fields); err != nil {
		return nil, err
	}
	return e, nil
}

// ParseEvent reads an event's text form.
func ParseEvent(line string) (Event, error) {
	head, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch head {
	case "beat":
		return event[BeatHeard](line, head)
	case "life":
		return event[SignOfLife](line, head)
	case "link":
		return event[LinkState](line, head)
	case "ping":
		return event[PingGroup](line, head)
	case "analysis":
		return event[Analysis](line, head)
	case "fence":
		return event[FenceAnswer](line, head)
	case "done":
		return event[ActionDone](line, head)
	case "resource":
		return event[ResourceState](line, head)
	case "service":
		return event[ServiceProbe](line, head)
	case "command":
		return event[Command](line, head)
	case "persisted":
		return event[Persisted](line, head)
	case "policy":
		return event[PolicyChanged](line, head)
	case "late":
		return event[Late](line, head)
	case "tick":
		return Tick{}, nil
	}
	return nil, fmt.Errorf("%q: no such event", head)
}

// digestText is a configuration's digest as beats carry it: the beginning of what status shows.
func digestText(v uint64) string { return fmt.Sprintf("%016x", v) }

func itoa(v uint64) string { return strconv.FormatUint(v, 10) }

func pidText(pid int) string {
	if pid == 0 {
		return ""
	}
	return " process " + strconv.Itoa(pid)
}
