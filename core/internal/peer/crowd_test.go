package peer

import (
	"context"
	"net"
	"testing"
	"time"
)

// TestStrangersThatSayNothing: they are let go after the time of a handshake, too many are
// not let in, and the peer gets in meanwhile.
func TestStrangersThatSayNothing(t *testing.T) {
	tls := certificates(t, "alpha", "beta")
	address := freePort(t)
	run := func(o Options) *Channel {
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		return c
	}
	run(Options{Log: quietLog(), Node: "alpha", Peer: "beta", Listen: address, Dial: freePort(t), TLS: tls["alpha"], Own: &fakeNode{name: "alpha"}})
	ended := make(chan time.Duration)
	began := time.Now()
	for range 4 * guestsOfOne {
		conn := dialled(t, address)
		go func() {
			defer func() { _ = conn.Close() }()
			_ = conn.SetReadDeadline(began.Add(4 * handshakeBound))
			_, _ = conn.Read(make([]byte, 1))
			ended <- time.Since(began)
		}()
	}
	atOnce := 0
	for range 4 * guestsOfOne {
		took := <-ended
		if took < handshakeBound/2 {
			atOnce++
		}
		if took > 3*handshakeBound {
			t.Errorf("a stranger that said nothing was let go after %v", took)
		}
	}
	if atOnce < 2*guestsOfOne {
		t.Errorf("%d strangers were refused at once", atOnce)
	}
	beta := run(Options{Log: quietLog(), Node: "beta", Peer: "alpha", Listen: freePort(t), Dial: address, TLS: tls["beta"], Own: &fakeNode{name: "beta"}})
	for deadline := time.Now().Add(20 * time.Second); ; {
		if news, _ := beta.Latest(); news != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the peer did not get in")
		}
		<-time.After(20 * time.Millisecond)
	}
}

// dialled connects once somebody listens.
func dialled(t *testing.T, address string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestCrowdLetsOthersIn(t *testing.T) {
	c := newCrowd(nil)
	for range guestsOfOne {
		if !c.enter("a") {
			t.Fatal("refused too early")
		}
	}
	if c.enter("a") || !c.enter("b") {
		t.Error("one address takes all places, or more than its own")
	}
	c.leave("a")
	if !c.enter("a") {
		t.Error("a place that was left is not free")
	}
}
