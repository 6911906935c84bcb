package lbwatch

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/storeward/storeward/core/sdk"
)

// Config is the plugin's section of a probe or a resource. It names one balancer.
type Config struct {
	// VRRP listens to the routers of one virtual router, e.g. keepalived's.
	VRRP VRRP `yaml:"vrrp"`
	// HAProxy asks HAProxy for its statistics.
	HAProxy HAProxy `yaml:"haproxy"`
	// Edge asks IBM's Load Balancer (Edge Components) for its high availability.
	Edge Edge `yaml:"edge"`
}

// VRRP is one virtual router.
type VRRP struct {
	// Interface is where the advertisements are.
	Interface string `yaml:"interface"`
	// ID is the virtual router's, 1 to 255.
	ID int `yaml:"id"`
	// Family is ipv4 or ipv6.
	Family string `yaml:"family"`
	// Interval is the longest time between two advertisements, for the wait until the first one.
	Interval sdk.Duration `yaml:"interval"`
}

// HAProxy is where it answers, one of socket and url, and what is looked at.
type HAProxy struct {
	// Socket is the path of the statistics socket.
	Socket string `yaml:"socket"`
	// URL is the statistics page's address, with or without ";csv" at its end.
	URL string `yaml:"url"`
	// User and Password are the page's, if it has any.
	User     string     `yaml:"user"`
	Password sdk.Secret `yaml:"password"`
	// Backends are looked at; none named: all.
	Backends []string `yaml:"backends"`
	// Timeout bounds the question.
	Timeout sdk.Duration `yaml:"timeout"`
}

// Edge is IBM's command.
type Edge struct {
	// Command is the full path of dscontrol. It and the folders above it must belong to root and be writable by root alone.
	Command string `yaml:"command"`
	// Timeout bounds the command.
	Timeout sdk.Duration `yaml:"timeout"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() *Config {
	return &Config{
		VRRP:    VRRP{Family: "ipv4", Interval: sdk.Duration(time.Second)},
		HAProxy: HAProxy{Timeout: sdk.Duration(2 * time.Second)},
		Edge:    Edge{Timeout: sdk.Duration(5 * time.Second)},
	}
}

// A balancer is given where any of its options is: none is without effect.
func (v *VRRP) given() bool    { return *v != DefaultConfig().VRRP }
func (h *HAProxy) given() bool { return !reflect.DeepEqual(*h, DefaultConfig().HAProxy) }
func (e *Edge) given() bool    { return *e != DefaultConfig().Edge }

// Validate returns every fault, each with its path.
func (c *Config) Validate() error {
	given := 0
	var faults []error
	for _, section := range []interface {
		given() bool
		check() error
	}{&c.VRRP, &c.HAProxy, &c.Edge} {
		if section.given() {
			given++
			faults = append(faults, section.check())
		}
	}
	if given != 1 {
		faults = append(faults, fmt.Errorf("%d balancers are named: want one of vrrp, haproxy and edge", given))
	}
	return errors.Join(faults...)
}

func (v *VRRP) check() error {
	var faults []error
	if v.Interface == "" {
		faults = append(faults, errors.New("vrrp.interface: missing: advertisements are heard on one interface"))
	}
	if v.ID < 1 || v.ID > 255 {
		faults = append(faults, fmt.Errorf("vrrp.id: %d: want a virtual router's number, 1 to 255", v.ID))
	}
	if v.Family != "ipv4" && v.Family != "ipv6" {
		faults = append(faults, fmt.Errorf("vrrp.family: %q: want ipv4 or ipv6", v.Family))
	}
	return errors.Join(append(faults, within("vrrp.interval", v.Interval, 10*time.Millisecond, 4*time.Minute+15*time.Second))...)
}

func (h *HAProxy) check() error {
	return errors.Join(h.checkAddress(), h.checkUser(), within("haproxy.timeout", h.Timeout, time.Millisecond, time.Minute))
}

// checkAddress quotes no URL: it may hold a password.
func (h *HAProxy) checkAddress() error {
	if h.URL == "" {
		if !strings.HasPrefix(h.Socket, "/") {
			return fmt.Errorf("haproxy.socket: %q: want a full path, or a url", h.Socket)
		}
		return nil
	}
	u, err := url.Parse(h.URL)
	switch {
	case h.Socket != "":
		return errors.New("haproxy.url: socket is given too: want one of them")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("haproxy.url: want an address like http://127.0.0.1:8404/stats")
	case u.User != nil:
		return errors.New("haproxy.url: holds a password: use user and password")
	}
	return nil
}

func (h *HAProxy) checkUser() error {
	switch {
	case h.URL == "" && (h.User != "" || !h.Password.IsZero()):
		return errors.New("haproxy.user: a socket knows no users")
	case h.User == "" && !h.Password.IsZero():
		return errors.New("haproxy.user: is missing beside a password")
	}
	return nil
}

func (e *Edge) check() error {
	var fault error
	if !strings.HasPrefix(e.Command, "/") {
		fault = fmt.Errorf("edge.command: %q: want the full path of dscontrol", e.Command)
	}
	return errors.Join(fault, within("edge.timeout", e.Timeout, 100*time.Millisecond, time.Minute))
}

func within(path string, d sdk.Duration, least, most time.Duration) error {
	if d.Std() < least || d.Std() > most {
		return fmt.Errorf("%s: %v: want %v to %v", path, d, least, most)
	}
	return nil
}
