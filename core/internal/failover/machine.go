package failover

import "time"

// Machine is one node's decision maker.
type Machine struct{ policy Policy }

// New makes a machine from what survived (State; zero on a first start) and
// what the daemon knows of its start.
func New(p Policy, s State, b Boot, now time.Duration) *Machine { return &Machine{policy: p} }

// Apply folds one fact. It never acts.
func (m *Machine) Apply(now time.Duration, e Event) {}

// Decide says what to do now.
func (m *Machine) Decide(now time.Duration) Plan { return Plan{Wake: now + m.policy.Interval} }

// View shows the machine to people.
func (m *Machine) View(now time.Duration) View { return View{} }
