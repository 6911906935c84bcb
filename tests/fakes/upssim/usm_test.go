package upssim

import (
	"encoding/hex"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var testUsers = func() []User {
	users := []User{
		{Name: "nobody-special", Write: true},
		{Name: "reader", Auth: "sha", AuthPassword: "authentic1"},
	}
	for _, auth := range []string{"md5", "sha", "sha224", "sha256", "sha384", "sha512"} {
		users = append(users, User{Name: auth, Auth: auth, AuthPassword: "authentic1", Write: true})
	}
	for _, auth := range []string{"md5", "sha", "sha256"} {
		for _, privacy := range []string{"des", "aes", "aes192", "aes256", "aes192c", "aes256c"} {
			users = append(users, User{
				Name: auth + "-" + privacy, Auth: auth, AuthPassword: "authentic1", Privacy: privacy, PrivacyPassword: "private-1", Write: true,
			})
		}
	}
	return users
}()

// TestKeys: RFC 3414, appendix A.3.1 and A.3.2.
func TestKeys(t *testing.T) {
	engine := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}
	for auth, want := range map[string]string{
		"md5": "526f5eed9fcce26f8964c2930787d82b", "sha": "6695febc9288e36282235fc7151f128497b38f3f",
	} {
		newHash := authProtocols[auth].hash
		if got := hex.EncodeToString(localize(newHash, passwordKey(newHash, "maplesyrup"), engine)); got != want {
			t.Errorf("%s: %s, want %s", auth, got, want)
		}
	}
}

// discovery is what a manager asks first (RFC 3414, section 4).
func discovery(id int64) []byte {
	u := usm{device: &Device{}}
	u.device.card = card{started: time.Now(), boots: -1}
	m := secure{id: id, request: request{version: version3, id: id}}
	return u.seal(m, nil, flagReportable, m.pdu(tagGet, 0, 0, nil))
}

// manager is the other end of the security model, as far as the tests need it.
type manager struct {
	t    *testing.T
	a    *Agent
	user *account
	id   int64
	// what the manager believes of the engine
	engineID     []byte
	boots, clock int64
}

func newManager(t *testing.T, a *Agent, name string) *manager {
	t.Helper()
	return &manager{t: t, a: a, user: a.usm.users[name], engineID: a.usm.engineID, boots: a.usm.boots(), clock: a.usm.clock()}
}

// packet makes a request at the user's level.
func (m *manager) packet(kind byte, bindings ...binding) []byte {
	m.id++
	u := usm{device: &Device{}, engineID: m.engineID, salt: m.a.usm.salt}
	u.device.card.boots, u.device.card.started = m.boots-1, time.Now().Add(-time.Duration(m.clock)*time.Second)
	asked := secure{id: m.id, user: m.user.Name, request: request{version: version3, id: m.id}}
	return u.seal(asked, m.user, m.user.level()|flagReportable, asked.pdu(kind, 0, 0, bindings))
}

// ask returns the answer, or the counter of the report that came instead.
func (m *manager) ask(packet []byte) (request, OID) {
	m.t.Helper()
	reply := m.a.Handle(packet)
	if reply == nil {
		m.t.Fatal("no answer")
	}
	answer, err := decodeSecure(reply)
	if err != nil {
		m.t.Fatal(err)
	}
	scoped := answer.data
	if answer.flags&flagAuth != 0 && !m.user.authentic(reply, answer.mac) {
		m.t.Fatal("the answer is not authentic")
	}
	if answer.flags&flagPriv != 0 {
		var ok bool
		if scoped, ok = m.user.decrypt(&answer); !ok {
			m.t.Fatal("the answer cannot be decrypted")
		}
	}
	if err := answer.open(scoped); err != nil {
		m.t.Fatal(err)
	}
	if answer.kind == tagReport {
		return request{}, answer.bindings[0].name
	}
	return answer.request, nil
}

func TestReports(t *testing.T) {
	a, device, _ := newAgent(t)
	source := integerBinding(upsMIB+"4.1.0", 0)
	good := func() *manager { return newManager(t, a, "sha-aes") }
	for name, test := range map[string]struct {
		change func(m *manager) []byte
		want   OID
	}{
		"all is well": {func(m *manager) []byte { return m.packet(tagGet, source) }, nil},
		"discovery":   {func(*manager) []byte { return discovery(9) }, unknownEngine},
		"another engine": {func(m *manager) []byte {
			m.engineID = []byte{1, 2, 3, 4, 5}
			return m.packet(tagGet, source)
		}, unknownEngine},
		"wrong user": {func(m *manager) []byte {
			stranger := *m.user
			stranger.Name = "stranger"
			m.user = &stranger
			return m.packet(tagGet, source)
		}, unknownUser},
		"wrong digest": {func(m *manager) []byte {
			packet := m.packet(tagGet, source)
			packet[len(packet)-1] ^= 1
			return packet
		}, wrongDigest},
		"an hour ago": {func(m *manager) []byte { m.clock -= 3600; return m.packet(tagGet, source) }, notInWindow},
		"before the card restarted": {func(m *manager) []byte {
			device.RestartCard(0)
			return m.packet(tagGet, source)
		}, notInWindow},
	} {
		m := good()
		if _, report := m.ask(test.change(m)); !slices.Equal(report, test.want) {
			t.Errorf("%s: report %v, want %v", name, report, test.want)
		}
	}
}

// TestReplayIsRefused: a recorded order does not switch anything later.
func TestReplayIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, device, supply := newAgent(t)
		m := newManager(t, a, "sha256-aes")
		order := m.packet(tagSet, integerBinding(upsMIB+"8.2.0", 0))
		if _, report := m.ask(slices.Clone(order)); report != nil {
			t.Fatal(report)
		}
		synctest.Wait()
		_ = device.Switch(true)
		<-time.After((timeWindow + 10) * time.Second)
		if _, report := m.ask(order); !slices.Equal(report, notInWindow) {
			t.Errorf("report %v", report)
		}
		synctest.Wait()
		if !device.On() || supply.Offs.Load() != 1 {
			t.Error("a replayed order was carried out")
		}
	})
}

func TestNoPrivilegeWithoutTheUsersLevel(t *testing.T) {
	a, device, _ := newAgent(t)
	m := newManager(t, a, "sha-aes")
	lower := *m.user
	lower.Privacy = ""
	m.user = &lower
	answer, report := m.ask(m.packet(tagSet, integerBinding(upsMIB+"8.2.0", 0)))
	if report != nil || answer.first != authorizationError || !device.On() {
		t.Errorf("answer %+v, report %v", answer, report)
	}
}
