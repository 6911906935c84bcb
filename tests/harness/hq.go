package harness

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/storeward/storeward/tests/lab"
)

// Ports at the headquarters.
const (
	consoleHTTP  = "127.0.0.1:8443" // loopback of the headquarters' namespace
	consoleLink  = "4222"
	trapPort     = "162"
	victoriaPort = "8428"
)

// ConsoleUser is who the lab logs in as.
const ConsoleUser = "demo"

// Headquarters is what runs behind the WAN.
type Headquarters struct {
	// Password opens the console to ConsoleUser; it is made anew at every start.
	Password string
	Console  *lab.Service
	Traps    *lab.Service
	Victoria *lab.Service

	site *Site
	data string
}

// joinHeadquarters starts the headquarters, or makes this store known to those that run.
func (s *Site) joinHeadquarters(ctx context.Context) (err error) {
	switch {
	case s.HQ != nil && s.Console:
		err = s.HQ.enroll(ctx, s)
	case s.Console || s.NMS:
		s.HQ, err = startHeadquarters(ctx, s)
	}
	return err
}

func startHeadquarters(ctx context.Context, s *Site) (*Headquarters, error) {
	random := make([]byte, 12)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	h := &Headquarters{Password: base64.RawURLEncoding.EncodeToString(random), site: s, data: filepath.Join(s.Lab.DataDir(), "hq")}
	if err := os.MkdirAll(h.data, 0o755); err != nil {
		return nil, err
	}
	if s.NMS {
		s.Say("starting snmptrapd with our MIB and VictoriaMetrics at the headquarters")
		if err := errors.Join(h.startTraps(ctx), h.startVictoria(ctx)); err != nil {
			return nil, err
		}
	}
	if s.Console {
		s.Say("starting the console at the headquarters")
		if err := h.prepareConsole(ctx); err != nil {
			return nil, err
		}
		if err := h.StartConsole(ctx); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// startTraps runs Debian's snmptrapd as the customer's existing NMS.
func (h *Headquarters) startTraps(ctx context.Context) error {
	base := filepath.Join(h.site.Root, "build/mibs/base")
	if out, err := exec.CommandContext(ctx, filepath.Join(h.site.Root, "mibs/base.sh"), base).CombinedOutput(); err != nil {
		return fmt.Errorf("fetch the base MIBs: %w: %s", err, out)
	}
	state := filepath.Join(h.data, "snmp")
	if err := os.MkdirAll(filepath.Join(state, "cert_indexes"), 0o700); err != nil {
		return err
	}
	configFile := filepath.Join(h.data, "snmptrapd.conf")
	if err := os.WriteFile(configFile, []byte("authCommunity log public\ndoNotLogTraps no\n"), 0o600); err != nil {
		return err
	}
	root, err := filepath.Abs(h.site.Root)
	if err != nil {
		return err
	}
	mibs := strings.Join([]string{filepath.Join(root, "build/mibs/base"), "/usr/share/snmp/mibs", filepath.Join(root, "mibs")}, ":")
	h.Traps, err = h.site.Lab.Serve(h.site.Lab.HQ, lab.ServiceSpec{
		Name: "snmptrapd",
		Arguments: []string{
			"/usr/sbin/snmptrapd", "-f", "-C", "-c", configFile, "-n", "-M", mibs, "-m", "STOREWARD-MIB:SNMPv2-MIB",
			"-Lo", lab.HQAddress + ":" + trapPort,
		},
		Env: []string{"SNMP_PERSISTENT_DIR=" + state},
	})
	return err
}

// startVictoria runs Debian's victoria-metrics as the customer's existing InfluxDB v2 endpoint.
func (h *Headquarters) startVictoria(ctx context.Context) error {
	var err error
	h.Victoria, err = h.site.Lab.Serve(h.site.Lab.HQ, lab.ServiceSpec{
		Name: "victoria-metrics",
		Arguments: []string{
			"/usr/bin/victoria-metrics", "-storageDataPath=" + filepath.Join(h.data, "victoria"),
			"-httpListenAddr=" + lab.HQAddress + ":" + victoriaPort, "-retentionPeriod=1d", "-memory.allowedPercent=5",
			"-search.latencyOffset=0s",
		},
	})
	if err != nil {
		return err
	}
	return h.awaitPort(ctx, h.Victoria, lab.HQAddress+":"+victoriaPort)
}

func (h *Headquarters) consoleData() string { return filepath.Join(h.data, "console") }

// prepareConsole makes the console's CA, the nodes' certificates and the user, as an operator would.
func (h *Headquarters) prepareConsole(ctx context.Context) error {
	if err := h.enroll(ctx, h.site); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(h.site.Programs, "storeward-console"),
		"user", "add", ConsoleUser, "--role", "operator", "--data", h.consoleData(), "--password-file", "-")
	command.Stdin = strings.NewReader(h.Password + "\n")
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("make the console's user: %w: %s", err, out)
	}
	return nil
}

// enroll makes the certificates with which a store's nodes speak to the console.
func (h *Headquarters) enroll(ctx context.Context, s *Site) error {
	for _, n := range s.Store.Nodes {
		out := filepath.Join(n.Etc(), "console")
		if err := s.run(ctx, "storeward-console", "enroll", s.Store.Name, n.Name, "--data", h.consoleData(), "--out", out); err != nil {
			return err
		}
	}
	return nil
}

// StartConsole starts the console, again after it was killed, and waits until it answers.
func (h *Headquarters) StartConsole(ctx context.Context) error {
	program, err := filepath.Abs(filepath.Join(h.site.Programs, "storeward-console"))
	if err != nil {
		return err
	}
	h.Console, err = h.site.Lab.Serve(h.site.Lab.HQ, lab.ServiceSpec{
		Name: "console",
		Arguments: []string{
			program, "serve", "--data", h.consoleData(), "--http", consoleHTTP, "--link", net.JoinHostPort(lab.HQAddress, consoleLink),
			"--link-name", lab.HQAddress,
		},
	})
	if err != nil {
		return err
	}
	return h.awaitPort(ctx, h.Console, consoleHTTP)
}

// awaitPort waits until a service listens, at most 30 seconds.
func (h *Headquarters) awaitPort(ctx context.Context, service *lab.Service, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		connection, err := h.site.Lab.HQ.Dial(ctx, "tcp4", address)
		if err == nil {
			return connection.Close()
		}
		select {
		case <-service.Ended():
			return fmt.Errorf("%s ended at once: %w, see %s", service.Name, service.Err(), h.site.Lab.LogOf(service.Name))
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer on %s: %w", service.Name, address, ctx.Err())
		case <-tick.C:
		}
	}
}
