package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// MinPassword is the shortest password that is taken, in bytes.
const MinPassword = 10

// cost of one argon2id hash: 19 MiB, two passes, one lane (the OWASP password
// storage cheat sheet's first choice).
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

var standard = cost{memory: 19 * 1024, passes: 2, threads: 1}

const (
	saltBytes = 16
	keyBytes  = 32
)

// errHash says that a stored hash cannot be read.
var errHash = errors.New("stored password hash is not argon2id in PHC form")

// hash returns the password's argon2id hash in the PHC string form.
func hash(password string, c cost) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails, see crypto/rand
	key := argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, keyBytes)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads, b64(salt), b64(key))
}

// matches tells whether the password has this hash.
func matches(password, phc string) (bool, error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errHash
	}
	var version int
	var c cost
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.threads); err != nil {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, errHash
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) == 0 || c.passes == 0 || c.threads == 0 {
		return false, errHash
	}
	got := argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// GeneratePassword returns a new random password of 128 bits.
func GeneratePassword() string { return strings.ToLower(rand.Text()) }
