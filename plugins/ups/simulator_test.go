package ups

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/sirupsen/logrus/hooks/test"

	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/tests/fakes/upssim"
)

// bench is a supply that takes no time; it counts its cuts.
type bench struct{ cuts atomic.Int32 }

func (b *bench) Off() error { b.cuts.Add(1); return nil }
func (*bench) On() error    { return nil }

// simulator is a device whose agent and objects share no code with this plugin.
type simulator struct {
	*upssim.Device
	bench   *bench
	address string
}

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
	s := &simulator{bench: &bench{}}
	var err error
	s.Device, err = upssim.NewDevice(upssim.Options{Name: "beta", Kind: kind, Feeds: feeds, Supply: s.bench, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := upssim.NewAgent(s.Device, upssim.Access{Write: "private", Users: usmUsers}).Serve(conn); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-served
		s.Close()
	})
	s.address = conn.LocalAddr().String()
	return s
}

// open makes an instance from the section's YAML, without the address.
func (s *simulator) open(t testing.TB, section string) *instance {
	t.Helper()
	config, err := New().Configure([]byte("address: " + s.address + "\n" + section))
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
