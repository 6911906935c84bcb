package peer

import (
	"net"
	"sync"
	"time"
)

// Anybody on the store's network can open connections, and a stranger says who it is
// only in its handshake.
const (
	handshakeBound = 3 * time.Second
	guestsMost     = 64 // connections at once; one costs some 14 KiB before its handshake
	guestsOfOne    = 16 // of one address: the peer has one, and after cut cables a few that are dead
)

// crowd is a listener that closes at once what would be too many connections: of one
// address, so that a stranger does not keep the peer out, and of all.
type crowd struct {
	net.Listener
	mu     sync.Mutex
	guests map[string]int // by address
	all    int
}

func newCrowd(listener net.Listener) *crowd {
	return &crowd{Listener: listener, guests: map[string]int{}}
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := conn.RemoteAddr().String()
		if host, _, err := net.SplitHostPort(from); err == nil {
			from = host
		}
		if c.enter(from) {
			return &guest{Conn: conn, leave: sync.OnceFunc(func() { c.leave(from) })}, nil
		}
		_ = conn.Close()
	}
}

func (c *crowd) enter(from string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= guestsMost || c.guests[from] >= guestsOfOne {
		return false
	}
	c.all++
	c.guests[from]++
	return true
}

func (c *crowd) leave(from string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if c.guests[from]--; c.guests[from] == 0 {
		delete(c.guests, from)
	}
}

// guest is a connection that counts until it is closed.
type guest struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	g.leave()
	return g.Conn.Close()
}
