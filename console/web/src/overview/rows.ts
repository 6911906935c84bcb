// The overview's rows: filter and order, pure.
import { list, type IncidentRow, type StoreSummary } from "../api/types";
import { severityRank } from "../api/reducers";
import { asHealth, healthRank } from "../health/health";
import type { HealthWord } from "../api/types";
import { toMillis } from "../format/time";

export type SortKey = "health" | "store" | "failover" | "alarms" | "seen";
export type Direction = "asc" | "desc";

export interface Sort {
  key: SortKey;
  direction: Direction;
}

export interface Row {
  store: StoreSummary;
  failover: IncidentRow | undefined;
}

/** Each store with its last failover: the newest of the known ones. */
export function joinRows(stores: readonly StoreSummary[], failovers: readonly IncidentRow[]): Row[] {
  const newest = new Map<string, IncidentRow>();
  const consider = (row: IncidentRow | undefined) => {
    if (row?.kind !== "failover") return;
    const known = newest.get(row.store);
    if (known === undefined || Date.parse(known.opened) < Date.parse(row.opened)) newest.set(row.store, row);
  };
  failovers.forEach(consider);
  for (const store of stores) consider(store.lastIncident);
  return stores.map((store) => ({ store, failover: newest.get(store.store) }));
}

function matches(row: Row, words: string[]): boolean {
  const text = [row.store.store, row.store.active, row.store.reason, ...list(row.store.nodes).map((node) => node.node)]
    .join(" ")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

export function filterRows(rows: readonly Row[], search: string, health: HealthWord | "all"): Row[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => (health === "all" || asHealth(row.store.health) === health) && matches(row, words));
}

const since = (moment: string | undefined) => toMillis(moment) ?? 0;

const ORDERS: Record<SortKey, (a: Row, b: Row) => number> = {
  health: (a, b) => healthRank(a.store.health) - healthRank(b.store.health),
  store: (a, b) => a.store.store.localeCompare(b.store.store, undefined, { numeric: true }),
  failover: (a, b) => since(b.failover?.opened) - since(a.failover?.opened),
  alarms: (a, b) =>
    severityRank(b.store.worstSeverity || "cleared") - severityRank(a.store.worstSeverity || "cleared") ||
    b.store.alarms - a.store.alarms,
  seen: (a, b) => since(a.store.lastSeen) - since(b.store.lastSeen),
};

/** Ascending puts first what matters most: worst health, newest failover, most alarms, longest silence. Ties go by name. */
export function sortRows(rows: readonly Row[], sort: Sort): Row[] {
  const order = ORDERS[sort.key];
  const sign = sort.direction === "asc" ? 1 : -1;
  return [...rows].sort((a, b) => sign * order(a, b) || ORDERS.store(a, b));
}
