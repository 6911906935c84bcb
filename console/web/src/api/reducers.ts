// How live messages change what is already on the screen. Pure: a message and
// the old value in, the new value out; the old value itself when nothing changed.
import {
  list,
  type Alarm,
  type IncidentRow,
  type Status,
  type StoreDetail,
  type StoreEvent,
  type StoreList,
  type StoreSummary,
} from "./types";

export const EVENTS_KEPT = 200;

/** True when a status changes what the console concludes about the whole store. */
export function statusMatters(old: Status | undefined, status: Status): boolean {
  if (old === undefined) return true;
  return (
    old.role !== status.role ||
    old.redundant !== status.redundant ||
    old.peerHeard !== status.peerHeard ||
    JSON.stringify(old.modes) !== JSON.stringify(status.modes) ||
    old.generation !== status.generation
  );
}

export function statusIntoDetail(detail: StoreDetail, status: Status, received: string): StoreDetail {
  const nodes = list(detail.nodes);
  const known = nodes.some((node) => node.node === status.node);
  const fresh = { online: true, missed: false, lastSeen: received, status };
  return {
    ...detail,
    summary: { ...detail.summary, lastSeen: received },
    nodes: known
      ? nodes.map((node) => (node.node === status.node ? { ...node, ...fresh } : node))
      : [...nodes, { node: status.node, inventory: {}, journals: [], ...fresh }],
  };
}

/** The console's own conclusion about a store and its nodes: it is always newer than what the page made of a status. */
export function summaryIntoDetail(detail: StoreDetail, summary: StoreSummary): StoreDetail {
  const judged = new Map(list(summary.nodes).map(({ node, online, missed }) => [node, { online, missed }]));
  return { ...detail, summary, nodes: list(detail.nodes).map((node) => ({ ...node, ...judged.get(node.node) })) };
}

export function statusIntoStores(stores: StoreList, status: Status, received: string): StoreList {
  const fresh = { online: true, missed: false, role: status.role, lastSeen: received };
  return {
    ...stores,
    stores: list(stores.stores).map((store) =>
      store.store === status.store
        ? {
            ...store,
            lastSeen: received,
            nodes: list(store.nodes).map((node) => (node.node === status.node ? { ...node, ...fresh } : node)),
          }
        : store,
    ),
  };
}

/** Puts an event in its place, newest first; one that is there already changes nothing. */
export function insertEvent(events: readonly StoreEvent[], event: StoreEvent): readonly StoreEvent[] {
  if (events.some((known) => known.key === event.key)) return events;
  const at = events.findIndex((known) => known.key < event.key);
  const next = at < 0 ? [...events, event] : [...events.slice(0, at), event, ...events.slice(at)];
  return next.slice(0, EVENTS_KEPT);
}

/** Replaces an incident by its newer revision, or puts it in by its time, newest first. */
export function upsertIncident(rows: readonly IncidentRow[], row: IncidentRow): readonly IncidentRow[] {
  const known = rows.find((old) => old.id === row.id);
  if (known !== undefined) {
    if (known.revision > row.revision) return rows;
    return rows.map((old) => (old.id === row.id ? row : old));
  }
  const opened = Date.parse(row.opened);
  const at = rows.findIndex((old) => Date.parse(old.opened) <= opened);
  return at < 0 ? [...rows, row] : [...rows.slice(0, at), row, ...rows.slice(at)];
}

const SEVERITIES = ["cleared", "indeterminate", "warning", "minor", "major", "critical"];

/** 0 cleared … 5 critical; unknown words count as indeterminate. */
export function severityRank(severity: string): number {
  const rank = SEVERITIES.indexOf(severity);
  return rank < 0 ? 1 : rank;
}

/** Worst first, then the one raised last first. */
export function byUrgency(a: Alarm, b: Alarm): number {
  return severityRank(b.severity) - severityRank(a.severity) || Date.parse(b.raised) - Date.parse(a.raised);
}

/** Replaces an alarm, adds it, or removes it when it was cleared. */
export function upsertAlarm(alarms: readonly Alarm[], alarm: Alarm): readonly Alarm[] {
  const others = alarms.filter((known) => known.id !== alarm.id);
  if (alarm.severity === "cleared" || alarm.cleared !== undefined) return others;
  return [...others, alarm].sort(byUrgency);
}
