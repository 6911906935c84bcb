//go:build !race

package failover

const raced = false
