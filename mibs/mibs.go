// Package mibs holds STOREWARD-MIB and the object identifiers generated from
// it. It is a leaf: it imports nothing of the module.
package mibs

//go:generate go run ./gen STOREWARD-MIB.txt oids_gen.go

// Notification returns the identifier of the notification for a kind of event.
// A kind that the MIB does not know, because it is newer, gives the general one.
func Notification(kind string) string {
	if oid, ok := notifications[kind]; ok {
		return oid
	}
	return notifications["alarm"]
}

// Known tells whether the MIB has a notification of its own for a kind of event.
func Known(kind string) bool {
	_, ok := notifications[kind]
	return ok
}
