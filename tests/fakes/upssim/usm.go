package upssim

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// User is one user of the User-based Security Model (RFC 3414).
type User struct {
	Name string
	// Auth is md5, sha, sha224, sha256, sha384 or sha512; empty: no authentication.
	Auth, AuthPassword string
	// Privacy is des, aes, aes192, aes256 (Blumenthal), aes192c or aes256c (Reeder); empty: none.
	Privacy, PrivacyPassword string
	// Write says that the user may write at its own level of security and above.
	Write bool
}

// Flags of a message (RFC 3412, section 6.4).
const (
	flagAuth       = 1
	flagPriv       = 2
	flagReportable = 4
	usmModel       = 3
	timeWindow     = 150 // seconds (RFC 3414, section 2.2.3)
	secureOverhead = 160 // what a message of version 3 has more than one of version 2c
)

// Counters that reports name (RFC 3414, section 5; RFC 3413, section 4.1.2).
var (
	unsupportedLevel = ParseOID("1.3.6.1.6.3.15.1.1.1.0")
	notInWindow      = ParseOID("1.3.6.1.6.3.15.1.1.2.0")
	unknownUser      = ParseOID("1.3.6.1.6.3.15.1.1.3.0")
	unknownEngine    = ParseOID("1.3.6.1.6.3.15.1.1.4.0")
	wrongDigest      = ParseOID("1.3.6.1.6.3.15.1.1.5.0")
	decryptionError  = ParseOID("1.3.6.1.6.3.15.1.1.6.0")
	unknownContext   = ParseOID("1.3.6.1.6.3.12.1.5.0")
)

// authProtocols: the hash, and how much of its MAC a message carries (RFC 3414, section 6; RFC 7860).
var authProtocols = map[string]struct {
	hash func() hash.Hash
	size int
}{
	"md5": {md5.New, 12}, "sha": {sha1.New, 12}, "sha224": {sha256.New224, 16}, "sha256": {sha256.New, 24},
	"sha384": {sha512.New384, 32}, "sha512": {sha512.New, 48},
}

// usm is the engine and its users.
type usm struct {
	device   *Device
	engineID []byte
	users    map[string]*account
	salt     *atomic.Uint64
	reports  *atomic.Int64
}

// account is a user whose keys are made when they are first needed.
type account struct {
	User
	authKey, privacyKey func() []byte
}

func (a *account) level() byte {
	switch {
	case a.Auth == "":
		return 0
	case a.Privacy == "":
		return flagAuth
	}
	return flagAuth | flagPriv
}

func newUSM(device *Device, users []User) usm {
	// An engine id of format 4, text (RFC 3411, SnmpEngineID), below net-snmp's number.
	u := usm{
		device: device, engineID: append([]byte{0x80, 0, 0x1f, 0x88, 4}, device.name...), users: map[string]*account{},
		salt: &atomic.Uint64{}, reports: &atomic.Int64{},
	}
	for _, user := range users {
		u.users[user.Name] = &account{
			User:       user,
			authKey:    sync.OnceValue(func() []byte { return authKey(user, u.engineID) }),
			privacyKey: sync.OnceValue(func() []byte { return privacyKey(user, u.engineID) }),
		}
	}
	return u
}

// passwordKey stretches a password over a megabyte (RFC 3414, appendix A.2).
func passwordKey(newHash func() hash.Hash, password string) []byte {
	const megabyte = 1 << 20
	h := newHash()
	if password == "" {
		return h.Sum(nil)
	}
	repeated := make([]byte, 0, megabyte+len(password))
	for len(repeated) < megabyte {
		repeated = append(repeated, password...)
	}
	h.Write(repeated[:megabyte])
	return h.Sum(nil)
}

// localize binds a key to one engine (RFC 3414, section 2.6).
func localize(newHash func() hash.Hash, key, engineID []byte) []byte {
	h := newHash()
	h.Write(slices.Concat(key, engineID, key))
	return h.Sum(nil)
}

func authKey(user User, engineID []byte) []byte {
	newHash := authProtocols[user.Auth].hash
	return localize(newHash, passwordKey(newHash, user.AuthPassword), engineID)
}

// secure is one decoded message of version 3.
type secure struct {
	id, maxSize  int64
	flags        byte
	engineID     []byte
	boots, clock int64
	user         string
	mac          []byte // inside the packet
	salt         []byte
	data         element // a scoped PDU, plain or encrypted
	contextID    []byte
	context      string
	request
}

// decodeSecure reads what needs no key.
func decodeSecure(packet []byte) (secure, error) {
	var m secure
	_, parts, err := versionOf(packet)
	if err != nil || len(parts) != 4 || parts[1].tag != tagSequence || parts[2].tag != tagOctetString {
		return m, errors.New("no SNMP v3 message")
	}
	header, err := children(parts[1].body, 4)
	if err != nil || len(header) != 4 || len(header[2].body) != 1 {
		return m, errors.New("no header of version 3")
	}
	model := int64(0)
	for i, target := range map[int]*int64{0: &m.id, 1: &m.maxSize, 3: &model} {
		if *target, err = header[i].integer(); err != nil {
			return m, err
		}
	}
	if m.flags = header[2].body[0]; model != usmModel || m.flags&(flagAuth|flagPriv) == flagPriv {
		return m, errors.New("no message of the user-based security model")
	}
	outer, _, err := next(parts[2].body)
	if err != nil {
		return m, err
	}
	fields, err := children(outer.body, 6)
	if err != nil || len(fields) != 6 {
		return m, errors.New("no security parameters")
	}
	if m.boots, err = fields[1].integer(); err != nil {
		return m, err
	}
	if m.clock, err = fields[2].integer(); err != nil {
		return m, err
	}
	m.engineID, m.user, m.mac, m.salt, m.data = fields[0].body, string(fields[3].body), fields[4].body, fields[5].body, parts[3]
	m.version = version3
	return m, nil
}

// open reads the scoped PDU.
func (m *secure) open(scoped element) error {
	parts, err := children(scoped.body, 3)
	if err != nil || len(parts) != 3 || scoped.tag != tagSequence {
		return errors.New("no scoped PDU")
	}
	m.contextID, m.context = parts[0].body, string(parts[1].body)
	return m.decodePDU(parts[2])
}

// handleSecure answers a message of version 3 (RFC 3414, section 3.2).
func (a *Agent) handleSecure(packet []byte) []byte {
	m, err := decodeSecure(packet)
	if err != nil {
		a.device.log.WithError(err).Debug("packet dropped")
		return nil
	}
	user, report, level, err := a.usm.admit(packet, &m)
	switch {
	case err != nil:
		a.device.log.WithError(err).Debug("packet dropped")
		return nil
	case report != nil:
		if len(m.engineID) > 0 { // else it is a discovery
			a.device.log.WithField("report", report.String()).WithField("user", m.user).Info("denied")
		}
		return a.usm.report(m, user, level, report)
	case m.context != "":
		return a.usm.report(m, user, m.flags&(flagAuth|flagPriv), unknownContext)
	}
	level = m.flags & (flagAuth | flagPriv)
	m.write = user.Write && level >= user.level()
	status, index, bindings, silent := a.process(m.request)
	if silent {
		return nil
	}
	reply := a.usm.seal(m, user, level, m.pdu(tagResponse, status, index, bindings))
	if len(reply) > maxMessage {
		return a.usm.seal(m, user, level, m.pdu(tagResponse, tooBig, 0, nil))
	}
	return reply
}

// admit checks who speaks. It returns the report that is due, and at which level it may be sent.
func (u usm) admit(packet []byte, m *secure) (user *account, report OID, level byte, err error) {
	if !slices.Equal(m.engineID, u.engineID) {
		if m.data.tag == tagSequence { // for the request's id
			_ = m.open(m.data)
		}
		return nil, unknownEngine, 0, nil
	}
	user, known := u.users[m.user]
	switch {
	case !known:
		return nil, unknownUser, 0, nil
	case m.flags&^user.level()&(flagAuth|flagPriv) != 0:
		return nil, unsupportedLevel, 0, nil
	}
	if m.flags&flagAuth != 0 {
		if !user.authentic(packet, m.mac) {
			return nil, wrongDigest, 0, nil
		}
		if late := m.clock - u.clock(); m.boots != u.boots() || late > timeWindow || late < -timeWindow {
			return user, notInWindow, flagAuth, nil
		}
	}
	if m.flags&flagPriv == 0 {
		return user, nil, 0, m.open(m.data)
	}
	scoped, ok := user.decrypt(m)
	if ok {
		ok = m.open(scoped) == nil
	}
	if !ok {
		return user, decryptionError, flagAuth, nil
	}
	return user, nil, 0, nil
}

func (u usm) clock() int64 {
	u.device.mu.Lock()
	defer u.device.mu.Unlock()
	return int64(u.device.uptime() / time.Second)
}

func (u usm) boots() int64 {
	u.device.mu.Lock()
	defer u.device.mu.Unlock()
	return u.device.card.boots + 1
}

// authentic computes the MAC of a packet whose own MAC lies in mac.
func (a *account) authentic(packet, mac []byte) bool {
	protocol := authProtocols[a.Auth]
	if len(mac) != protocol.size {
		return false
	}
	return hmac.Equal(a.sign(packet, mac), mac)
}

// sign is the MAC of a packet in which the place of the MAC holds zeros.
func (a *account) sign(packet, place []byte) []byte {
	protocol := authProtocols[a.Auth]
	blank := slices.Clone(packet)
	at := cap(packet) - cap(place) // both end where the packet's memory ends
	clear(blank[at : at+len(place)])
	h := hmac.New(protocol.hash, a.authKey())
	h.Write(blank)
	return h.Sum(nil)[:protocol.size]
}

// report answers with a counter instead of a response.
func (u usm) report(m secure, user *account, level byte, counter OID) []byte {
	if m.flags&flagReportable == 0 {
		return nil
	}
	count, _, _ := next(encodeInteger(tagCounter32, u.reports.Add(1)))
	return u.seal(m, user, level, m.pdu(tagReport, noError, 0, []binding{{counter, count}}))
}

// seal makes a message of version 3 with a PDU in it, as secure as its flags say.
func (u usm) seal(m secure, user *account, flags byte, pdu []byte) []byte {
	boots, clock := u.boots(), u.clock()
	scoped := encode(tagSequence, slices.Concat(encode(tagOctetString, u.engineID), encode(tagOctetString, []byte(m.context)), pdu))
	var mac, salt []byte
	if flags&flagPriv != 0 {
		scoped, salt = user.encrypt(scoped, boots, clock, u.salt.Add(1))
	}
	if flags&flagAuth != 0 {
		mac = make([]byte, authProtocols[user.Auth].size)
	}
	parameters := encode(tagSequence, slices.Concat(
		encode(tagOctetString, u.engineID), encodeInteger(tagInteger, boots), encodeInteger(tagInteger, clock),
		encode(tagOctetString, []byte(m.user)), encode(tagOctetString, mac), encode(tagOctetString, salt)))
	header := encode(tagSequence, slices.Concat(
		encodeInteger(tagInteger, m.id), encodeInteger(tagInteger, maxMessage),
		encode(tagOctetString, []byte{flags}), encodeInteger(tagInteger, usmModel)))
	message := slices.Clip(encode(tagSequence, slices.Concat(
		encodeInteger(tagInteger, version3), header, encode(tagOctetString, parameters), scoped)))
	if flags&flagAuth != 0 {
		sealed, err := decodeSecure(message)
		if err != nil {
			panic("own message is not readable: " + err.Error())
		}
		copy(sealed.mac, user.sign(message, sealed.mac))
	}
	return message
}
