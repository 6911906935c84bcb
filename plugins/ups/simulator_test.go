package ups

import (
	"testing"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// simulator is a device whose agent and objects share no code with this plugin.
type simulator struct{ *upssim.Listener }

var usmUsers = []upssim.User{
	{Name: "storeward", Auth: "sha256", AuthPassword: "authentic1", Privacy: "aes", PrivacyPassword: "private-1", Write: true},
	{Name: "old", Auth: "md5", AuthPassword: "authentic1", Privacy: "des", PrivacyPassword: "private-1", Write: true},
	{Name: "signed", Auth: "sha512", AuthPassword: "authentic1", Write: true},
	{Name: "long", Auth: "sha", AuthPassword: "authentic1", Privacy: "aes256c", PrivacyPassword: "private-1", Write: true},
	{Name: "open", Write: true},
	{Name: "reader", Auth: "sha256", AuthPassword: "authentic1", Privacy: "aes", PrivacyPassword: "private-1"},
}

func newSimulator(t testing.TB, kind string, feeds ...int) *simulator {
	t.Helper()
	log, _ := test.NewNullLogger()
	l, err := upssim.Listen(t.Context(), upssim.Options{Name: "beta", Kind: kind, Feeds: feeds, Log: log}, upssim.Access{Write: "private", Users: usmUsers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &simulator{l}
}

// open makes an instance from the section's YAML, without the address.
func (s *simulator) open(t testing.TB, section string) *instance {
	t.Helper()
	config, err := New().Configure([]byte("address: " + s.Address + "\n" + section))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := open(t.Context(), sdk.Env{Instance: "ups-beta", StateDir: t.TempDir(), Log: quiet()}, config)
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*instance)
}

const (
	v2c      = "community: private\n"
	authPriv = "version: \"3\"\nuser: storeward\nauth_password: authentic1\nprivacy_password: private-1\n"
)

// patient is for what is asked once: on a busy machine an answer takes its time.
const patient = "timeout: 1s\n"

// sections are the ways to speak with the simulator.
var sections = map[string]string{
	"1":            "version: \"1\"\ncommunity: private\n",
	"2c":           v2c,
	"3 authPriv":   authPriv,
	"3 md5 des":    "version: \"3\"\nuser: old\nauth_protocol: md5\nauth_password: authentic1\nprivacy_protocol: des\nprivacy_password: private-1\n",
	"3 aes256c":    "version: \"3\"\nuser: long\nauth_protocol: sha\nauth_password: authentic1\nprivacy_protocol: aes256c\nprivacy_password: private-1\n",
	"3 authNoPriv": "version: \"3\"\nuser: signed\nsecurity: authNoPriv\nauth_protocol: sha512\nauth_password: authentic1\n",
	"3 open":       "version: \"3\"\nuser: open\nsecurity: noAuthNoPriv\ninsecure_orders: true\n",
}
