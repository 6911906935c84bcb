// Package api is what a store's nodes and a console say to each other: the
// protobuf messages with their JSON mapping, the subjects they travel on, the
// kinds of events and the names of measurements. It holds no behaviour.
package api

//go:generate protoc --proto_path=. --go_out=. --go_opt=paths=source_relative api.proto

import (
	"fmt"
	"strings"
)

// Every subject of the link between stores and consoles lies below this one.
const subjectRoot = "storeward.v1"

// The last words of the subjects a node speaks on.
const (
	SubjectBatch  = "batch"  // request with a Batch, answered by an Ack
	SubjectStatus = "status" // a Status, not durable
	SubjectAsk    = "ask"    // below it the console's questions: ask.status, ask.snapshot
)

// HeaderError is the header of an answer that says why a question has none.
const HeaderError = "Storeward-Error"

// Subject returns the subject on which a node says what, e.g. storeward.v1.s0001.alpha.batch.
func Subject(store, node, what string) string {
	return strings.Join([]string{subjectRoot, store, node, what}, ".")
}

// NodeSubjects returns the wildcard that covers everything one node may speak on.
func NodeSubjects(store, node string) string { return Subject(store, node, ">") }

// AllSubjects returns the wildcard that covers what every node says of one kind.
func AllSubjects(what string) string { return Subject("*", "*", what) }

// InboxPrefix returns the prefix of the inboxes a node may listen on.
func InboxPrefix(store, node string) string {
	return strings.Join([]string{"_INBOX", store, node}, ".")
}

// ParseSubject takes a subject apart. It fails on anything that is not
// storeward.v1.STORE.NODE.WHAT.
func ParseSubject(subject string) (store, node, what string, err error) {
	rest, ok := strings.CutPrefix(subject, subjectRoot+".")
	if !ok {
		return "", "", "", fmt.Errorf("subject %q is not below %s", subject, subjectRoot)
	}
	parts := strings.SplitN(rest, ".", 3)
	if len(parts) != 3 || !ValidName(parts[0]) || !ValidName(parts[1]) || parts[2] == "" {
		return "", "", "", fmt.Errorf("subject %q is not %s.STORE.NODE.WHAT", subject, subjectRoot)
	}
	return parts[0], parts[1], parts[2], nil
}

// ValidName tells whether a store's or node's name may stand in a subject, a
// certificate and a file name: 1 to 63 lower-case letters, digits, hyphens and
// underscores, beginning with a letter or digit (a host name's label, RFC 1123, 2.1).
func ValidName(name string) bool {
	if name == "" || len(name) > 63 || name[0] == '-' || name[0] == '_' {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
