// Command storeward-plugins is every first-party plugin in one executable. The
// daemon starts it once per plugin, with the plugin's name as first argument:
// processes of one executable share its pages. "list" lists the plugins.
package main

import (
	"github.com/storeward/storeward/core/sdk"
	"github.com/storeward/storeward/plugins/fenceagent"
	"github.com/storeward/storeward/plugins/heartbeat"
	"github.com/storeward/storeward/plugins/host"
	"github.com/storeward/storeward/plugins/http"
	"github.com/storeward/storeward/plugins/lbwatch"
	"github.com/storeward/storeward/plugins/mount"
	"github.com/storeward/storeward/plugins/postgres"
	"github.com/storeward/storeward/plugins/reach"
	"github.com/storeward/storeward/plugins/serial"
	"github.com/storeward/storeward/plugins/service"
	"github.com/storeward/storeward/plugins/ups"
	"github.com/storeward/storeward/plugins/upsserial"
	"github.com/storeward/storeward/plugins/vip"
)

func main() {
	sdk.Main(
		fenceagent.New(), heartbeat.New(), host.New(), http.New(), lbwatch.New(), mount.New(), postgres.New(),
		reach.New(), serial.New(), service.New(), ups.New(), upsserial.New(), vip.New(),
	)
}
