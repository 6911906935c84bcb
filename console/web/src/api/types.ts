// The API's shapes under short names. They are generated: see `npm run generate`.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["SessionView"];
export type StoreSummary = Schemas["StoreSummary"];
export type StoreList = Schemas["StoreList"];
export type StoreDetail = Schemas["StoreDetail"];
export type NodeSummary = Schemas["NodeSummary"];
export type NodeDetail = Schemas["NodeDetail"];
export type Status = Schemas["StatusView"];
export type Mode = Schemas["ModeView"];
export type Link = Schemas["LinkView"];
export type Resource = Schemas["ResourceView"];
export type Probe = Schemas["ProbeView"];
export type FenceDevice = Schemas["FenceDeviceView"];
export type Drill = Schemas["DrillView"];
export type StoreEvent = Schemas["EventView"];
export type EventList = Schemas["EventList"];
export type Alarm = Schemas["AlarmView"];
export type AlarmList = Schemas["AlarmList"];
export type IncidentRow = Schemas["IncidentRow"];
export type IncidentList = Schemas["IncidentList"];
export type FailoverSummary = Schemas["FailoverSummary"];
export type IncidentDetail = Schemas["IncidentDetail"];
export type Phase = Schemas["PhaseView"];
export type TimelineEntry = Schemas["TimelineEntryView"];
export type Finding = Schemas["FindingView"];
export type Snapshot = Schemas["SnapshotView"];
export type Host = Schemas["HostView"];
export type Sample = Schemas["SampleView"];

export type HealthWord = "ok" | "degraded" | "down" | "unknown";

/** A list that may be missing in the answer. */
export function list<T>(items: readonly T[] | null | undefined): readonly T[] {
  return items ?? [];
}
