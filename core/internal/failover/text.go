package failover

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

func (BeatHeard) String() string     { return "" }
func (SignOfLife) String() string    { return "" }
func (LinkState) String() string     { return "" }
func (PingGroup) String() string     { return "" }
func (Analysis) String() string      { return "" }
func (FenceAnswer) String() string   { return "" }
func (ActionDone) String() string    { return "" }
func (ResourceState) String() string { return "" }
func (ServiceProbe) String() string  { return "" }
func (Command) String() string       { return "" }
func (Persisted) String() string     { return "" }
func (PolicyChanged) String() string { return "" }
func (Late) String() string          { return "" }
func (Tick) String() string          { return "" }

// ParseEvent reads an event's text form.
func ParseEvent(line string) (Event, error) { return Tick{}, nil }

// String is the action's text form.
func (a Action) String() string { return "" }

// String is the state's text form; ParseState reads it.
func (s State) String() string { return "" }

// ParseState reads a state's text form, e.g. from the journal.
func ParseState(line string) (State, error) { return State{}, nil }

// String is the policy's text form, one line; ParsePolicy reads it.
func (p Policy) String() string { return "" }

// ParsePolicy reads a policy's text form.
func ParsePolicy(line string) (Policy, error) { return Policy{}, nil }

// String is the boot's text form, one line; ParseBoot reads it.
func (b Boot) String() string { return "" }

// ParseBoot reads a boot's text form.
func ParseBoot(line string) (Boot, error) { return Boot{}, nil }

// String reads e.g. "S6 turn-1 ups-alpha 50ms".
func (r Reason) String() string { return "" }
