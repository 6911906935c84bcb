package main

import "github.com/storeward/storeward/core/config"

// exampleText is the store that the sample describes, in the fewest words; the
// sample adds every other key with its comment. Addresses are of RFC 5737.
const exampleText = `
store: s0001
nodes:
  - {name: alpha, role: primary, address: 192.0.2.1, interface: eth0, services: ["192.0.2.1:22"]}
  - {name: beta, role: secondary, address: 192.0.2.2, interface: eth0, services: ["192.0.2.2:22"]}
key: {file: /etc/storeward/cluster.key}
links:
  - name: cable
    plugin: heartbeat
    direct: true
    with:
      interface: eth1
      alpha: {address: "198.51.100.1:694", peer: "198.51.100.2:694"}
      beta: {address: "198.51.100.2:694", peer: "198.51.100.1:694"}
  - name: lan
    plugin: heartbeat
    with:
      interface: eth0
      alpha: {address: "192.0.2.1:694", peer: "192.0.2.2:694"}
      beta: {address: "192.0.2.2:694", peer: "192.0.2.1:694"}
  - name: serial
    plugin: serial
    with:
      device: /dev/ttyS0
      baud: 115200
fencing:
  - name: ups-alpha
    plugin: ups
    feeds: [alpha]
    order_life: 1s
    with:
      address: 192.0.2.11:161
      community: {file: /etc/storeward/ups.community}
  - name: ups-beta
    plugin: ups
    feeds: [beta]
    order_life: 1s
    with:
      address: 192.0.2.12:161
      community: {file: /etc/storeward/ups.community}
ping_group: [192.0.2.254, 192.0.2.50]
watchdog:
  timeout: 10s
resources:
  - name: vip-shop
    plugin: vip
    layer: address
    with:
      address: 192.0.2.101/24
      interface: eth0
  - name: vip-database
    plugin: vip
    layer: address
    with:
      address: 192.0.2.102/24
      interface: eth0
  - name: data
    plugin: mount
    layer: storage
    with:
      source: /dev/drbd0
      target: /srv/database
      type: ext4
  - name: database
    plugin: postgres
    layer: database
    after: [vip-database, data]
    on_failure: failover
    with:
      data: /srv/database/main
      bin: /usr/lib/postgresql/15/bin
  - name: web
    plugin: service
    mode: active-active
    layer: http
    on_failure: failover
    with:
      unit: nginx.service
probes:
  - name: shop
    plugin: http
    every: 10s
    verify: true
    with:
      url: http://192.0.2.101/health
  - name: machine
    plugin: host
    every: 10s
    with:
      mounts: [/, /srv/database]
report:
  consoles:
    - name: hq
      url: tls://console.example:4222
      ca: /etc/storeward/ca.pem
      certificate: /etc/storeward/node.pem
      private_key: /etc/storeward/node.key
  influx:
    - name: metrics
      url: http://192.0.2.60:8428
      org: retail
      bucket: stores
      token: {file: /etc/storeward/influx.token}
  traps:
    - address: 192.0.2.61:162
      community: {file: /etc/storeward/trap.community}
`

func example() (*config.Config, error) {
	return config.Parse("example", []byte(exampleText))
}
