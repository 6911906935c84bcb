// Package vip moves a virtual address: it adds the address to an interface after
// asking whether somebody else uses it (RFC 5227, RFC 4862), tells the neighbours
// at once and repeatedly, and removes it again. It never takes an address that
// another machine answers for, and never touches any other address.
package vip

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// New describes the plugin.
func New() sdk.Plugin {
	return sdk.Plugin{
		Name:          "vip",
		Version:       "0.2.0",
		Summary:       "Moves a virtual IPv4 or IPv6 address, with duplicate address detection and announcements to the neighbours.",
		DefaultConfig: DefaultConfig,
		New:           open,
	}
}

type instance struct {
	cfg    *Config
	prefix netip.Prefix
	log    logrus.FieldLogger

	mu           sync.Mutex // one action at a time
	stopAnnounce context.CancelFunc
	announcing   sync.WaitGroup
}

func open(_ context.Context, env sdk.Env, config any) (sdk.Instance, error) {
	cfg, ok := config.(*Config)
	if !ok {
		return nil, fmt.Errorf("open vip %s: configuration is a %T", env.Instance, config)
	}
	prefix, err := cfg.prefix()
	if err != nil {
		return nil, err
	}
	return &instance{cfg: cfg, prefix: prefix, log: env.Log, stopAnnounce: func() {}}, nil
}

// Close ends the announcements; the address stays.
func (v *instance) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.quiet()
	return nil
}

// quiet ends announcements that still run.
func (v *instance) quiet() {
	v.stopAnnounce()
	v.announcing.Wait()
}

// Start adds the address unless it is there or somebody else has it.
func (v *instance) Start(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	link, err := netlink.LinkByName(v.cfg.Interface)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", v.cfg.Interface, err)
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		return fmt.Errorf("add %s: interface %s is switched off", v.prefix, v.cfg.Interface)
	}
	held, err := v.find(link)
	if err != nil {
		return err
	}
	var on segment // nil: there is nobody to ask or tell
	if isEthernet(link) {
		if on, err = v.openSegment(); err != nil {
			return err
		}
	}
	if held == nil {
		if err := v.take(ctx, link, on); err != nil {
			if on != nil {
				on.close()
			}
			return err
		}
		v.log.WithFields(logrus.Fields{"address": v.prefix.String(), "interface": v.cfg.Interface}).Info("address added")
	}
	if on != nil {
		v.announce(on)
	}
	return nil
}

// segment is the network that an interface is on, in the language of an address's family.
type segment interface {
	// ask asks who has the address, from no address.
	ask(address netip.Addr) error
	// listen returns the MAC of whoever claims the address before the deadline, nil if nobody does.
	listen(address netip.Addr, deadline time.Time) (net.HardwareAddr, error)
	// announce tells every neighbour that this interface has the address now.
	announce(address netip.Addr) error
	close()
}

func (v *instance) openSegment() (segment, error) {
	if v.prefix.Addr().Is4() {
		return openARP(v.cfg.Interface)
	}
	return openNDP(v.cfg.Interface, v.prefix.Addr())
}

// take checks for a duplicate and adds the address.
func (v *instance) take(ctx context.Context, link netlink.Link, on segment) error {
	if err := v.heldElsewhere(link); err != nil {
		return err
	}
	if on != nil && hasCarrier(link) {
		who, err := conflict(ctx, on, v.prefix.Addr(), v.cfg.Probe)
		if err != nil {
			return err
		}
		if who != nil {
			return fmt.Errorf("add %s: %s answers for this address on %s", v.prefix, who, v.cfg.Interface)
		}
	}
	address := v.address()
	if err := netlink.AddrAdd(link, address); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add %s to %s: %w", v.prefix, v.cfg.Interface, err)
	}
	return nil
}

// conflict returns the MAC of whoever claims the address, nil if nobody does: the
// check of RFC 5227 section 2.1.1 or of RFC 4862 section 5.4.
func conflict(ctx context.Context, on segment, address netip.Addr, probe Probe) (net.HardwareAddr, error) {
	for range probe.Count {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("check for a duplicate of %s: %w", address, ctx.Err())
		}
		if err := on.ask(address); err != nil {
			return nil, fmt.Errorf("check for a duplicate of %s: %w", address, err)
		}
		if who, err := on.listen(address, time.Now().Add(probe.Wait.Std())); err != nil || who != nil {
			return who, err
		}
	}
	return nil, nil
}

// address is what the interface is given. The kernel's own check of an address of
// IPv6 would keep it unusable for a second or two; ours has just been made. Its
// preferred life is over, so that this node takes it for no connection of its own
// (RFC 4862 section 5.5.4), which would break when the address moves on.
func (v *instance) address() *netlink.Addr {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: v.prefix.Addr().AsSlice(), Mask: net.CIDRMask(v.prefix.Bits(), v.prefix.Addr().BitLen())}}
	if v.prefix.Addr().Is4() {
		a.Label = v.cfg.label()
		return a
	}
	a.Flags, a.ValidLft, a.PreferedLft = unix.IFA_F_NODAD, math.MaxUint32, 0
	return a
}

func (v *instance) family() int {
	if v.prefix.Addr().Is4() {
		return netlink.FAMILY_V4
	}
	return netlink.FAMILY_V6
}

// find returns the address as the interface holds it, nil if it does not.
func (v *instance) find(link netlink.Link) (*netlink.Addr, error) {
	held, err := netlink.AddrList(link, v.family())
	if err != nil {
		return nil, fmt.Errorf("list addresses of %s: %w", v.cfg.Interface, err)
	}
	for i := range held {
		if held[i].IP.Equal(v.prefix.Addr().AsSlice()) {
			return &held[i], nil
		}
	}
	return nil, nil
}

// heldElsewhere refuses an address that another interface of this node carries.
func (v *instance) heldElsewhere(link netlink.Link) error {
	all, err := netlink.AddrList(nil, v.family())
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, one := range all {
		if one.LinkIndex != link.Attrs().Index && one.IP.Equal(v.prefix.Addr().AsSlice()) {
			return fmt.Errorf("add %s to %s: interface %d of this node carries this address", v.prefix, v.cfg.Interface, one.LinkIndex)
		}
	}
	return nil
}

// announce tells the neighbours at once and goes on in the background for as
// long as the plugin lives. It takes over the segment.
func (v *instance) announce(on segment) {
	v.quiet()
	if err := on.announce(v.prefix.Addr()); err != nil {
		v.log.WithError(err).Warn("address not announced")
	}
	ctx, cancel := context.WithCancel(context.Background())
	v.stopAnnounce = cancel
	v.announcing.Go(func() {
		defer on.close()
		ticker := time.NewTicker(v.cfg.Announce.Every.Std())
		defer ticker.Stop()
		for range v.cfg.Announce.Count - 1 {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				if err := on.announce(v.prefix.Addr()); err != nil {
					v.log.WithError(err).Warn("address not announced")
				}
			}
		}
	})
}

// Stop removes the address. What is not there is stopped.
func (v *instance) Stop(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.quiet()
	link, err := netlink.LinkByName(v.cfg.Interface)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find interface %s: %w", v.cfg.Interface, err)
	}
	removed := false
	for { // somebody may have added it with another prefix length, too
		held, err := v.find(link)
		if err != nil {
			return err
		}
		if held == nil {
			break
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("remove %s from %s: %w", v.prefix, v.cfg.Interface, err)
		}
		v.keepOthers(held)
		if err := netlink.AddrDel(link, held); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove %s from %s: %w", v.prefix, v.cfg.Interface, err)
		}
		removed = true
	}
	if !removed {
		return nil
	}
	v.log.WithFields(logrus.Fields{"address": v.prefix.String(), "interface": v.cfg.Interface}).Info("address removed")
	return nil
}

// keepOthers: when the address came first on its network, the kernel removes
// the network's other addresses, the node's own among them, together with it;
// unless it is told to promote one of them.
func (v *instance) keepOthers(held *netlink.Addr) {
	if !v.prefix.Addr().Is4() || held.Flags&unix.IFA_F_SECONDARY != 0 {
		return
	}
	path := "/proc/sys/net/ipv4/conf/" + v.cfg.Interface + "/promote_secondaries"
	if err := os.WriteFile(path, []byte("1\n"), 0o644); err != nil {
		v.log.WithError(err).Warn("interface not told to keep its other addresses")
	}
}

// Monitor tells whether the address is there and the link works.
func (v *instance) Monitor(context.Context) (sdk.State, error) {
	link, err := netlink.LinkByName(v.cfg.Interface)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return sdk.State{Status: sdk.Down, Message: fmt.Sprintf("interface %s does not exist", v.cfg.Interface)}, nil
	}
	if err != nil {
		return sdk.State{}, fmt.Errorf("find interface %s: %w", v.cfg.Interface, err)
	}
	held, err := v.find(link)
	switch {
	case err != nil:
		return sdk.State{}, err
	case held == nil:
		return sdk.State{Status: sdk.Down, Message: fmt.Sprintf("%s is not on %s", v.prefix.Addr(), v.cfg.Interface)}, nil
	case link.Attrs().Flags&net.FlagUp == 0:
		return v.degraded("is switched off")
	case !hasCarrier(link):
		return v.degraded("has no carrier")
	}
	return sdk.State{Running: true, Status: sdk.OK, Message: fmt.Sprintf("%s is on %s", v.prefix.Addr(), v.cfg.Interface)}, nil
}

// degraded: the address is there and nobody reaches it. Whether the node is cut
// off is the ping group's question; restarting the address would not help.
func (v *instance) degraded(why string) (sdk.State, error) {
	return sdk.State{
		Running: true, Status: sdk.Degraded,
		Message: fmt.Sprintf("%s is on %s, which %s", v.prefix.Addr(), v.cfg.Interface, why),
	}, nil
}

func hasCarrier(link netlink.Link) bool { return link.Attrs().RawFlags&unix.IFF_LOWER_UP != 0 }

func isEthernet(link netlink.Link) bool {
	a := link.Attrs()
	return a.RawFlags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) == 0 && len(a.HardwareAddr) == 6
}
