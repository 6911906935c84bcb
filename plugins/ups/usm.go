package ups

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/storeward/storeward/core/sdk"
)

// What the options of version 3 may say (RFC 3414, RFC 3826, RFC 7860; AES with
// longer keys after the drafts of Blumenthal and Reeder).
var (
	levels = map[string]gosnmp.SnmpV3MsgFlags{
		"noAuthNoPriv": gosnmp.NoAuthNoPriv, "authNoPriv": gosnmp.AuthNoPriv, "authPriv": gosnmp.AuthPriv,
	}
	authProtocols = map[string]gosnmp.SnmpV3AuthProtocol{
		"md5": gosnmp.MD5, "sha": gosnmp.SHA, "sha224": gosnmp.SHA224, "sha256": gosnmp.SHA256, "sha384": gosnmp.SHA384, "sha512": gosnmp.SHA512,
	}
	privacyProtocols = map[string]gosnmp.SnmpV3PrivProtocol{
		"des": gosnmp.DES, "aes": gosnmp.AES, "aes192": gosnmp.AES192, "aes256": gosnmp.AES256, "aes192c": gosnmp.AES192C, "aes256c": gosnmp.AES256C,
	}
)

// minPassword is the shortest password that agents take (RFC 3414, section 11.2).
const minPassword = 8

func (c *Config) checkUser() error {
	level, known := levels[c.Security]
	if !known {
		return fmt.Errorf("security: %q is not known: use authPriv, authNoPriv or noAuthNoPriv", c.Security)
	}
	var faults []error
	if c.User == "" {
		faults = append(faults, errors.New("user: is missing: version 3 needs the name of a user with the right to write"))
	}
	if level&gosnmp.AuthNoPriv != 0 {
		faults = append(faults, checkProtocol("auth", c.AuthProtocol, c.AuthPassword, slices.Sorted(maps.Keys(authProtocols))))
	}
	if level == gosnmp.AuthPriv {
		faults = append(faults, checkProtocol("privacy", c.PrivacyProtocol, c.PrivacyPassword, slices.Sorted(maps.Keys(privacyProtocols))))
	}
	return errors.Join(faults...)
}

func checkProtocol(path, protocol string, password sdk.Secret, known []string) error {
	switch {
	case !slices.Contains(known, protocol):
		return fmt.Errorf("%s_protocol: %q is not known: use %s", path, protocol, strings.Join(known, ", "))
	case password.IsZero():
		return fmt.Errorf("%s_password: is missing: e.g. {file: /etc/storeward/ups.%s}", path, path)
	}
	return nil
}

// user is who speaks, with its secrets revealed, and what is known of the
// device's engine, so that an order needs no discovery first.
type user struct {
	name, context    string
	level            gosnmp.SnmpV3MsgFlags
	auth             gosnmp.SnmpV3AuthProtocol
	privacy          gosnmp.SnmpV3PrivProtocol
	authPassword     string
	privacyPassword  string
	mu               sync.Mutex
	engine           string
	boots, engineNow uint32        // snmpEngineBoots, and snmpEngineTime in seconds
	at               time.Duration // CLOCK_MONOTONIC when it was engineNow
}

// newUser reveals the secrets of version 3.
func newUser(c *Config) (*user, error) {
	u := &user{name: c.User, context: c.Context, level: levels[c.Security], auth: gosnmp.NoAuth, privacy: gosnmp.NoPriv}
	var err error
	if u.level&gosnmp.AuthNoPriv != 0 {
		u.auth = authProtocols[c.AuthProtocol]
		if u.authPassword, err = password("auth_password", c.AuthPassword); err != nil {
			return nil, err
		}
	}
	if u.level == gosnmp.AuthPriv {
		u.privacy = privacyProtocols[c.PrivacyProtocol]
		if u.privacyPassword, err = password("privacy_password", c.PrivacyPassword); err != nil {
			return nil, err
		}
	}
	return u, nil
}

func password(path string, secret sdk.Secret) (string, error) {
	text, err := secret.Reveal()
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) < minPassword {
		return "", fmt.Errorf("read %s: it has fewer than %d characters", path, minPassword)
	}
	return text, nil
}

// introduce makes a conversation one of this user, with what is known of the engine.
func (u *user) introduce(s *gosnmp.GoSNMP) {
	u.mu.Lock()
	defer u.mu.Unlock()
	parameters := &gosnmp.UsmSecurityParameters{
		UserName:               u.name,
		AuthenticationProtocol: u.auth, AuthenticationPassphrase: u.authPassword,
		PrivacyProtocol: u.privacy, PrivacyPassphrase: u.privacyPassword,
		AuthoritativeEngineID: u.engine,
	}
	if u.engine != "" {
		passed := uint32((sdk.Monotonic() - u.at) / time.Second) //nolint:gosec // less than the 31 bits of an engine's time
		parameters.AuthoritativeEngineBoots, parameters.AuthoritativeEngineTime = u.boots, u.engineNow+passed
	}
	s.SecurityModel, s.MsgFlags, s.SecurityParameters = gosnmp.UserSecurityModel, u.level, parameters
	s.ContextName, s.ContextEngineID = u.context, u.engine
}

// learn keeps what an authentic answer said of the engine.
func (u *user) learn(s *gosnmp.GoSNMP) {
	parameters, ok := s.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	if !ok {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.engine, u.boots = parameters.AuthoritativeEngineID, parameters.AuthoritativeEngineBoots
	u.engineNow, u.at = parameters.AuthoritativeEngineTime, sdk.Monotonic()
}

// forget makes the next conversation discover the engine anew.
func (u *user) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.engine = ""
}

// report is what an agent of version 3 says instead of an answer.
type report struct {
	oid  string
	name []byte // oid as BER encodes it
	says string
	// passes says that it may be gone with the next packet, which learns the
	// engine's id and clock anew.
	passes bool
}

// A report about a user, a digest or an engine cannot be authenticated (RFC
// 3414, section 3.2), so it explains a failure and is never believed.
var reports = []report{
	{usmStats + "1.0", usmStat(1), "unsupported security level: the device does not let this user speak with it", false},
	{usmStats + "2.0", usmStat(2), "not in time window: the device's engine and this node disagree about its clock", true},
	{usmStats + "3.0", usmStat(3), "wrong user: the device does not know this name", false},
	{usmStats + "4.0", usmStat(4), "unknown engine: the device has a new engine id", true},
	{usmStats + "5.0", usmStat(5), "wrong digest: the device has another auth_password or auth_protocol", false},
	{usmStats + "6.0", usmStat(6), "decryption error: the device has another privacy_password or privacy_protocol", false},
	{".1.3.6.1.6.3.12.1.4.0", []byte{0x2b, 6, 1, 6, 3, 12, 1, 4, 0}, "unavailable context: the device has it, and not now", false},
	{".1.3.6.1.6.3.12.1.5.0", []byte{0x2b, 6, 1, 6, 3, 12, 1, 5, 0}, "unknown context: the device has none of this name", false},
}

// unknownEngine is also the answer to a discovery.
var unknownEngine = &reports[3]

const usmStats = ".1.3.6.1.6.3.15.1.1."

func usmStat(n byte) []byte { return []byte{0x2b, 6, 1, 6, 3, 15, 1, 1, n, 0} }

// reportIn looks for a report in a message whose authenticity nobody knows.
func reportIn(message []byte) *report {
	for i := range reports {
		if bytes.Contains(message, reports[i].name) {
			return &reports[i]
		}
	}
	return nil
}

// reportOf names an answer that is a report.
func reportOf(answer *gosnmp.SnmpPacket) *report {
	if answer == nil || answer.PDUType != gosnmp.Report || len(answer.Variables) == 0 {
		return nil
	}
	for i := range reports {
		if answer.Variables[0].Name == reports[i].oid {
			return &reports[i]
		}
	}
	return &report{says: "a report about " + answer.Variables[0].Name}
}
