package spoken

import "strings"

// Brief is the beginning of a text that is longer than so many bytes, up to a whole
// character, and "…".
func Brief(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
