package heartbeat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// wireState is what is known of the link's interface.
type wireState struct {
	index   int // 0: there is none
	carrier sdk.Power
	problem string // why nothing can be said about the peer; "" where it can
}

// watch follows the interface by the kernel's own messages, so that a lost carrier
// is known at once, and pokes changed when the socket should be looked at again.
func (l *link) watch(ctx context.Context, changed chan<- struct{}) {
	for ctx.Err() == nil {
		err := l.follow(ctx, changed)
		if ctx.Err() != nil {
			return
		}
		l.look(wireState{problem: fmt.Sprintf("cannot watch %s: %v", l.config.Interface, err)}, changed)
		pause := time.NewTimer(retry)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// follow subscribes, reads the present state, and returns when the subscription breaks.
func (l *link) follow(ctx context.Context, changed chan<- struct{}) error {
	updates := make(chan netlink.LinkUpdate, 16)
	failed := make(chan error, 1)
	done := make(chan struct{})
	err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
		ErrorCallback: func(err error) {
			select {
			case failed <- err:
			default:
			}
		},
	})
	if err != nil {
		close(done)
		return fmt.Errorf("subscribe to links: %w", err)
	}
	defer func() {
		close(done)
		for range updates { // the subscription ends by closing it
		}
	}()
	if err := l.readLink(changed); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case update, ok := <-updates:
			if !ok {
				return errors.New("the subscription ended")
			}
			if update.Attrs().Name == l.config.Interface || update.Attrs().Index == l.index() {
				l.take(update, changed)
			}
		}
	}
}

// readLink asks for the present state: the subscription only tells changes.
func (l *link) readLink(changed chan<- struct{}) error {
	found, err := netlink.LinkByName(l.config.Interface)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		l.look(absent(l.config.Interface), changed)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read link: %w", err)
	}
	l.look(wireOf(found.Attrs()), changed)
	return nil
}

func (l *link) take(update netlink.LinkUpdate, changed chan<- struct{}) {
	attrs := update.Attrs()
	if update.Header.Type == unix.RTM_DELLINK || attrs.Name != l.config.Interface {
		l.look(absent(l.config.Interface), changed) // gone, or renamed
		return
	}
	l.look(wireOf(attrs), changed)
}

func absent(name string) wireState {
	return wireState{problem: fmt.Sprintf("there is no interface %s", name)}
}

// wireOf reads carrier from IFF_LOWER_UP (netdevice(7)). An interface that was
// switched off on this side says nothing about the cable.
func wireOf(attrs *netlink.LinkAttrs) wireState {
	w := wireState{index: attrs.Index}
	switch {
	case attrs.RawFlags&unix.IFF_UP == 0:
		w.problem = fmt.Sprintf("%s is switched off on this node", attrs.Name)
	case attrs.RawFlags&unix.IFF_LOWER_UP == 0:
		w.carrier = sdk.PowerOff
	default:
		w.carrier = sdk.PowerOn
	}
	return w
}

func (l *link) index() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wire.index
}

// look takes a new state of the interface. A socket is bound to the interface that
// had the name when it was opened: when another one has it, it is opened anew.
func (l *link) look(now wireState, changed chan<- struct{}) {
	before := l.index()
	l.update(func() { l.wire = now })
	if now.index == before {
		return
	}
	if socket := l.socket.Swap(nil); socket != nil {
		_ = socket.conn.Close() // receive then returns and says why
	}
	select {
	case changed <- struct{}{}:
	default:
	}
}
