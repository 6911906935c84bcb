package lbwatch

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/mdlayher/packet"
	"github.com/sirupsen/logrus"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/storeward/storeward/core/sdk"
)

// reopen is how often an interface that cannot be listened to is tried again.
const reopen = time.Second

var (
	vrrpGroup4 = netip.MustParseAddr("224.0.0.18")
	vrrpGroup6 = netip.MustParseAddr("ff02::12")
)

// vrrpWatch listens to the advertisements of one virtual router. A packet socket for
// every protocol is the only one that also sees what this node itself sends; the
// kernel passes on nothing but VRRP.
type vrrpWatch struct {
	cfg  VRRP
	log  logrus.FieldLogger
	now  func() time.Duration
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	masters *masters
	began   time.Duration // of the listening
	fault   error         // why nobody listens; nil: somebody does
	news    chan struct{} // closed when any of these changed
}

func newVRRPWatch(cfg VRRP, log logrus.FieldLogger) *vrrpWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &vrrpWatch{
		cfg: cfg, log: log, now: sdk.Monotonic, stop: cancel, masters: newMasters(cfg.ID),
		news: make(chan struct{}),
	}
	w.began = w.now()
	w.work.Go(func() { w.listen(ctx) })
	return w
}

// Close ends the listening.
func (w *vrrpWatch) Close() error {
	w.stop()
	w.work.Wait()
	return nil
}

// listen listens until ctx ends, whatever happens to the interface.
func (w *vrrpWatch) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.listenOnce(ctx)
		w.update(func() { w.fault = fmt.Errorf("listen on %s: %w", w.cfg.Interface, err) })
		pause := time.NewTimer(reopen)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

func (w *vrrpWatch) listenOnce(ctx context.Context) error {
	device, err := net.InterfaceByName(w.cfg.Interface)
	if err != nil {
		return err
	}
	group, err := w.join(device)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(group) }()
	program, err := bpf.Assemble(w.filter())
	if err != nil {
		return err
	}
	conn, err := packet.Listen(device, packet.Datagram, unix.ETH_P_ALL, &packet.Config{Filter: program})
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	w.update(func() { w.masters, w.began, w.fault = newMasters(w.cfg.ID), w.now(), nil })
	buffer := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(buffer)
		at := w.now()
		if err != nil {
			return err
		}
		if a, ok := parseAdvert(buffer[:n]); ok {
			w.update(func() { w.masters.hear(a, at) })
		}
	}
}

func (w *vrrpWatch) update(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
	close(w.news)
	w.news = make(chan struct{})
}

// join has the group's packets delivered to the interface; the socket holds the membership.
func (w *vrrpWatch) join(device *net.Interface) (fd int, err error) {
	family := unix.AF_INET
	if w.cfg.Family == "ipv6" {
		family = unix.AF_INET6
	}
	if fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	if family == unix.AF_INET {
		err = unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{
			Multiaddr: vrrpGroup4.As4(), Ifindex: int32(device.Index), //nolint:gosec // an interface's index
		})
	} else {
		err = unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &unix.IPv6Mreq{
			Multiaddr: vrrpGroup6.As16(), Interface: uint32(device.Index), //nolint:gosec // an interface's index
		})
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("join the group of VRRP: %w", err)
	}
	return fd, nil
}

// filter passes IP packets of the family whose protocol is VRRP.
func (w *vrrpWatch) filter() []bpf.Instruction {
	version, protocolAt := uint32(4), uint32(9)
	if w.cfg.Family == "ipv6" {
		version, protocolAt = 6, 6
	}
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: version, SkipTrue: 3},
		bpf.LoadAbsolute{Off: protocolAt, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: vrrpProtocol, SkipTrue: 1},
		bpf.RetConstant{Val: 2048},
		bpf.RetConstant{Val: 0},
	}
}

// look tells who is the master. While nothing can have been heard yet it waits.
func (w *vrrpWatch) look(ctx context.Context) (view, error) {
	for {
		present, early, news, err := w.heard()
		if err != nil {
			return view{}, err
		}
		if early <= 0 {
			own, err := ownAddresses()
			if err != nil {
				return view{}, err
			}
			return vrrpView(w.cfg, present, own, w.now()), nil
		}
		patience := time.NewTimer(early)
		select {
		case <-news:
		case <-patience.C:
		case <-ctx.Done():
			err = fmt.Errorf("listen for virtual router %d on %s: nothing yet: %w", w.cfg.ID, w.cfg.Interface, ctx.Err())
		}
		patience.Stop()
		if err != nil {
			return view{}, err
		}
	}
}

// heard returns who is the master now; for how long it is too early to say that there
// is none; and what is closed when that changes.
func (w *vrrpWatch) heard() (present []master, early time.Duration, news <-chan struct{}, err error) {
	device, err := net.InterfaceByName(w.cfg.Interface)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("find interface %s: %w", w.cfg.Interface, err)
	}
	if device.Flags&net.FlagRunning == 0 {
		return nil, 0, nil, fmt.Errorf("%s is down or has no carrier: nobody can be heard", w.cfg.Interface)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if present = w.masters.present(w.now()); len(present) == 0 {
		early = w.began + 4*w.cfg.Interval.Std() - w.now()
	}
	return present, early, w.news, w.fault
}

func ownAddresses() (map[netip.Addr]bool, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list own addresses: %w", err)
	}
	own := map[netip.Addr]bool{}
	for _, a := range list {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			own[prefix.Addr()] = true
		}
	}
	return own, nil
}

// vrrpView judges who is there.
func vrrpView(cfg VRRP, present []master, own map[netip.Addr]bool, now time.Duration) view {
	router := fmt.Sprintf("virtual router %d on %s", cfg.ID, cfg.Interface)
	v := view{values: map[string]float64{"masters": float64(len(present)), "master_here": 0}}
	var names []string
	for _, m := range present {
		whose := ""
		if own[m.source] {
			v.here, v.values["master_here"] = true, 1
			whose = ", this node"
		}
		names = append(names, fmt.Sprintf("%s (priority %d%s)", m.source, m.priority, whose))
		v.text += fmt.Sprintf("%s priority %d version %d every %v for %v, last %v ago: %v\n",
			m.source, m.priority, m.version, m.interval, (now - m.since).Round(time.Millisecond), (now - m.last).Round(time.Millisecond), m.addresses)
	}
	switch len(present) {
	case 0:
		v.status, v.message = sdk.Down, "nobody is the master of "+router
	case 1:
		m := present[0]
		v.running, v.status = true, sdk.OK
		v.message = fmt.Sprintf("%s is the master of %s", names[0], router)
		v.values["master_priority"], v.values["master_age_seconds"] = float64(m.priority), (now - m.last).Seconds()
		v.values["advertisement_seconds"] = m.interval.Seconds()
	default:
		v.running, v.status = true, sdk.Down
		v.message = fmt.Sprintf("%s has %d masters at once: %s", router, len(present), strings.Join(names, " and "))
	}
	return v
}
