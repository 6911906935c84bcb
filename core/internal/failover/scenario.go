package failover

import "io"

// RunScenario reads a scenario (or a node's ring of decision inputs: lines
// "policy ...", "state ...", "boot ...", then "TIME event") and returns what
// the machine decided, as text.
func RunScenario(r io.Reader) (string, error) { return "", nil }
