package api

// The measurements a node writes, with base units: seconds, bytes, ratios of
// one. A series' name in the console's database is
// storeward_MEASUREMENT_FIELD with the point's tags as labels.
const (
	MeasureHost       = "host"       // cpu_used_ratio, load1, memory_available_bytes, memory_used_ratio
	MeasureFilesystem = "filesystem" // {mount} used_ratio
	MeasureNetwork    = "network"    // {interface} received_bytes_total, sent_bytes_total
	MeasureLink       = "link"       // {link} lateness_seconds, heard_total, lost_total, dropped_total, up
	MeasureResource   = "resource"   // {resource} up, restarts_total
	MeasureProbe      = "probe"      // {probe} up (1 ok, 0.5 degraded, 0 down; absent when unknown), took_seconds
	MeasureFence      = "fence"      // {device} power_on and the device's own values
	MeasureNode       = "node"       // active (of a node that was read off its peer says 0), generation, peer_heard, redundant
	MeasureFailover   = "failover"   // recovery_seconds and PHASE_seconds
)

// The tags every point carries.
const (
	TagStore = "store"
	TagNode  = "node"
)

// SeriesName returns the name under which a field is kept in the console's time series database.
func SeriesName(measurement, field string) string {
	return "storeward_" + measurement + "_" + field
}
