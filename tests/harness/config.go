package harness

import (
	"fmt"
	"net"
	"strings"
	"text/template"
	"time"

	"github.com/storeward/storeward/tests/lab"
)

// Timing is the part of a configuration that a failover's speed depends on.
type Timing struct {
	Name                                            string
	Interval, Warntime, Deadtime, Initdead, Analyse time.Duration
	NoCarrier                                       bool // the direct cable's carrier shortens no wait
}

// The timings that everything is measured with. Fastest is the limit of what a machine
// keeps up with, not a setting for a store.
var (
	Fast = Timing{
		Name: "fast", Interval: 50 * time.Millisecond, Warntime: 120 * time.Millisecond,
		Deadtime: 200 * time.Millisecond, Initdead: 10 * time.Second, Analyse: 50 * time.Millisecond,
	}
	Default = Timing{
		Name: "default", Interval: 200 * time.Millisecond, Warntime: 500 * time.Millisecond,
		Deadtime: time.Second, Initdead: 10 * time.Second, Analyse: 300 * time.Millisecond,
	}
	Fastest = Timing{
		Name: "fastest", Interval: 10 * time.Millisecond, Warntime: 25 * time.Millisecond,
		Deadtime: 50 * time.Millisecond, Initdead: 10 * time.Second, Analyse: 20 * time.Millisecond,
	}
)

// Services says what the store runs.
type Services int

// What a store may run.
const (
	Echo Services = iota // one virtual IP and the trivial TCP service
	Shop                 // nginx behind the first virtual IP, PostgreSQL behind the second
)

// Places inside the nodes.
const (
	programs   = "/usr/libexec/storeward"
	sharedDisk = "/srv/shared"   // the storage that both servers are wired to
	mounted    = "/srv/postgres" // where the active one mounts it
)

var configuration = template.Must(template.New("storeward.yaml").Funcs(template.FuncMap{
	"numbers": func(n int) []int {
		list := make([]int, n)
		for i := range list {
			list[i] = i + 1
		}
		return list
	},
}).Parse(`store: {{.Store.Name}}
nodes:
{{- range $i, $n := .Store.Nodes}}
  - name: {{$n.Name}}
    role: {{if eq $i 0}}primary{{else}}secondary{{end}}
    address: {{$n.Address}}
    interface: eth0
    services: ["{{$n.Address}}:{{$.PeerPort}}"]
{{- end}}
key: {file: /etc/storeward/cluster.key}
timing:
  interval: {{.Timing.Interval}}
  warntime: {{.Timing.Warntime}}
  deadtime: {{.Timing.Deadtime}}
  initdead: {{.Timing.Initdead}}
  analyse: {{.Timing.Analyse}}
links:
  - name: cable
    plugin: heartbeat
    direct: true
    with:
      interface: eth1
      alpha: {address: "{{.Alpha.CableAddress}}:694", peer: "{{.Beta.CableAddress}}:694"}
      beta: {address: "{{.Beta.CableAddress}}:694", peer: "{{.Alpha.CableAddress}}:694"}
  - name: lan
    plugin: heartbeat
    with:
      interface: eth0
{{- if .Multicast}}
      group: 239.255.6.94
{{- end}}
      alpha: {address: "{{.Alpha.Address}}:694", peer: "{{.Beta.Address}}:694"}
      beta: {address: "{{.Beta.Address}}:694", peer: "{{.Alpha.Address}}:694"}
{{- if .SerialBaud}}
  - name: serial
    plugin: serial
    with:
      baud: {{.SerialBaud}}
      alpha: {device: {{.Alpha.SerialPort}}}
      beta: {device: {{.Beta.SerialPort}}}
{{- end}}
fencing:
{{- range .Store.UPSes}}
  - name: {{.Name}}
{{- if .Serial}}
    plugin: upsserial
    feeds: [{{.Feeds}}]
    order_life: 8s
    monitor: 5s
    with:
      protocol: {{.Serial}}
      {{.Feeds}}: {device: none}
      {{.Survivor}}: {device: {{.Port}}}
{{- else if .Agent}}
    plugin: fenceagent
    feeds: [{{.Feeds}}]
    order_life: 8s
    monitor: 5s
    with:
      agent: {{.Agent}}
      options: {ip: {{.Host}}, plug: {{.Plug}}, snmp_version: 1}
      secrets: {community: {file: /etc/storeward/ups.community}}
{{- else}}
    plugin: ups
    feeds: [{{.Feeds}}]
    order_life: 1s
    monitor: 5s
    with:
      address: {{.Address}}
{{- if .Outlets}}
      outlets: {{.Outlets}}
{{- end}}
{{- if .Secure}}
      version: "3"
      user: {{.User}}
      auth_password: {file: /etc/storeward/ups.auth}
      privacy_password: {file: /etc/storeward/ups.privacy}
{{- else}}
      community: {file: /etc/storeward/ups.community}
{{- end}}
{{- end}}
{{- end}}
ping_group: [{{.Store.Gateway}}]
policy:
  after_fence: cycle
  off_time: {{.OffTime}}
  power_ons: {max: 100, within: 1h} # a lab's nodes are cut again and again
{{- if .Timing.NoCarrier}}
  carrier_beats: 0
{{- end}}
{{- .Policy}}
peer:
  port: {{.PeerPort}}
  ca: /etc/storeward/peer-ca.pem
  certificate: /etc/storeward/peer.pem
  private_key: /etc/storeward/peer.key
resources:
{{- if eq .Services 0}}
  - name: ip
    plugin: vip
    layer: address
    with: {address: "{{.Store.VIP 1}}/24", interface: eth0, probe: {count: 1, wait: 20ms}}
  - name: echo
    plugin: service
    layer: service
    after: [ip]
    with:
      command: [{{.EchoCommand}}]
{{- if .Balancer}}
  - name: keepalived
    plugin: service
    mode: active-active
    layer: loadbalancer
    with:
      command:
        [{{.Keepalived}}, --use-file, /etc/storeward/keepalived.conf, --pid, /run/keepalived.pid, --vrrp_pid, /run/vrrp.pid]
  - name: balancer
    plugin: lbwatch
    mode: active-active
    layer: loadbalancer
    after: [keepalived]
    monitor_every: 500ms
    with: {vrrp: {interface: eth0, id: 51, interval: 200ms}}
{{- end}}
{{- else}}
  - name: ip-shop
    plugin: vip
    layer: address
    with: {address: "{{.Store.VIP 1}}/24", interface: eth0, probe: {count: 1, wait: 20ms}}
  - name: web
    plugin: service
    mode: active-active
    layer: http
    on_failure: failover
    stop_timeout: 5s
    with:
      command: [/usr/sbin/nginx, -c, /etc/storeward/nginx.conf]
      ready: {tcp: "127.0.0.1:80"}
  - name: ip-data
    plugin: vip
    layer: address
    with: {address: "{{.Store.VIP 2}}/24", interface: eth0, probe: {count: 1, wait: 20ms}}
  - name: data
    plugin: mount
    layer: storage
    with: {source: {{.SharedDisk}}, target: {{.Mounted}}, type: bind, make_target: true}
  - name: sales
    plugin: postgres
    layer: database
    after: [data]
    with:
      data: {{.Mounted}}/pg
      bin: /usr/lib/postgresql/15/bin
      port: 5432
      user: postgres
      probe: {address: "{{.Store.VIP 2}}", database: store, user: till, query: "select 1"}
{{- end}}
{{- .Resources}}
{{- if .Watchdog}}
watchdog: {device: {{.WatchdogDevice}}, timeout: {{.Watchdog}}}
{{- end}}
probes:
{{- if eq .Services 0}}
  - name: service
    plugin: reach
    every: 1s
    timeout: 500ms
    on: active
    verify: true
    with: {method: tcp, targets: ["{{.Store.VIP 1}}:{{.EchoPort}}"], interface: eth0}
{{- else}}
  - name: prices
    plugin: http
    every: 1s
    timeout: 500ms
    on: active
    verify: true
    with: {url: "http://{{.Store.VIP 1}}/prices.json"}
  - name: sales
    plugin: postgres
    every: 5s
    timeout: 1s
    on: active
    with:
      data: {{.Mounted}}/pg
      bin: /usr/lib/postgresql/15/bin
      port: 5432
      user: postgres
      probe: {address: "{{.Store.VIP 2}}", database: store, user: till, query: "select 1"}
{{- end}}
  - name: host
    plugin: host
    every: 5s
    with: {}
{{- range $i := numbers .ExtraProbes}}
  - name: gateway-{{$i}}
    plugin: reach
    every: 10s
    with: {method: icmp, targets: ["{{$.Store.Gateway}}"], interface: eth0}
{{- end}}
report:
  points_every: {{.PointsEvery}}
{{- if .Console}}
  consoles:
    - name: hq
      url: tls://{{.HQ}}:4222
      ca: /etc/storeward/console/ca.pem
      certificate: /etc/storeward/console/node.pem
      private_key: /etc/storeward/console/node.key
{{- end}}
{{- if .NMS}}
  influx:
    - {name: victoria, url: "http://{{.HQ}}:8428", org: retail, bucket: stores, token: demo}
  traps:
    - {address: "{{.HQ}}:162", community: public}
{{- end}}
{{.Extra}}`))

// configText is the store's one configuration file.
func (s *Site) configText() (string, error) {
	type ups struct {
		Name, Feeds, Address, Outlets, User string
		Secure                              bool
		Serial, Survivor, Port              string
		Agent, Host                         string
		Plug                                int
	}
	var devices []ups
	for _, n := range s.Store.Nodes {
		device := ups{Name: "ups-" + n.Name, Feeds: n.Name, Address: n.UPS().Address, User: lab.WriteUser, Secure: s.Secure[n.Name]}
		outlets := s.Options.Lab.Fences[n.Name].Outlets
		if device.Agent = s.Agents[n.Name]; device.Agent != "" {
			host, _, err := net.SplitHostPort(device.Address)
			if err != nil || len(outlets) != 1 {
				return "", fmt.Errorf("%s: an agent wants one outlet and has %v at %s", n.Name, outlets, device.Address)
			}
			device.Host, device.Plug = host, outlets[0]
		}
		if len(outlets) > 0 {
			device.Outlets = "[" + strings.Trim(strings.ReplaceAll(fmt.Sprint(outlets), " ", ", "), "[]") + "]"
		}
		if device.Serial = s.Options.Lab.Fences[n.Name].Serial; device.Serial != "" {
			device.Survivor, device.Port = s.Store.Peer(n).Name, n.UPS().SerialPort()
		}
		devices = append(devices, device)
	}
	store := struct {
		*lab.Store
		UPSes []ups
	}{s.Store, devices}
	quoted := make([]string, 0, 3)
	for _, word := range lab.EchoCommand() {
		quoted = append(quoted, fmt.Sprintf("%q", word))
	}
	var text strings.Builder
	err := configuration.Execute(&text, map[string]any{
		"Store": store, "Alpha": s.Store.Node("alpha"), "Beta": s.Store.Node("beta"),
		"Timing": s.Timing, "Services": int(s.Services), "OffTime": s.OffTime, "PointsEvery": s.PointsEvery,
		"PeerPort": 7694, "EchoPort": lab.EchoPort, "EchoCommand": strings.Join(quoted, ", "),
		"SharedDisk": sharedDisk, "Mounted": mounted, "ExtraProbes": s.ExtraProbes, "Balancer": s.Balancer, "Keepalived": strings.Join(keepalivedCommand, ", "),
		"Multicast": s.Multicast, "SerialBaud": s.SerialBaud,
		"Console": s.Console, "NMS": s.NMS, "HQ": lab.HQAddress,
		"Policy": s.Policy, "Resources": s.Resources, "Watchdog": s.Options.Lab.Watchdog, "WatchdogDevice": lab.WatchdogDevice, "Extra": s.Extra,
	})
	return text.String(), err
}
