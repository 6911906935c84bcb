// Package remote is the caller's side of the wire: it turns a gRPC connection to
// a plugin process into typed handles. It starts no process, restarts nothing and
// sets no deadline of its own; the host does that.
package remote

// Instance is one configured use of a plugin on the other side of a connection.
// It has the methods of every role; one that the plugin does not offer fails.
type Instance struct{}
