package ups

import (
	"flag"
	"fmt"
	"net"
	"os"
	"testing"

	"github.com/storeward/storeward/core/sdk/sdktest"
)

// TestMain lets several tests run at once: they wait for devices more than they compute.
func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "4")
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	a := newAgent(t)
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	sdktest.Run(t, sdktest.Case{
		Plugin:    New(),
		Config:    fmt.Sprintf("address: %s\ncommunity: private\n", a.address()),
		BlackHole: fmt.Sprintf("address: %s\ncommunity: private\n", silent.LocalAddr()),
		Fence: &sdktest.Fence{
			Output: func(on bool) {
				a.with(func() {
					a.objects[oidSource] = number(oidSource, 2)
					if on {
						a.objects[oidSource] = number(oidSource, 3)
					}
				})
			},
			Obey:   func(obey bool) { a.with(func() { a.lies = !obey }) },
			Answer: func(answer bool) { a.with(func() { a.mute = !answer }) },
			Orders: a.offOrders,
		},
	})
}
