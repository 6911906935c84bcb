//go:build race

package failover

// raced: the race detector is on. It has nothing to find in a machine that is one
// goroutine's, and makes it ten times slower.
const raced = true
