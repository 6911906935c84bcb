// What an incident means, in words and numbers. Pure.
import type { Finding, IncidentDetail, IncidentRow, Snapshot } from "../api/types";
import { formatDuration } from "../format/duration";
import { toMillis } from "../format/time";
import type { Look } from "../health/health";

/** Where an incident's page is; two stores may have used the same id. */
export function incidentPath(incident: { id: string; store: string }): string {
  return `/incidents/${encodeURIComponent(incident.id)}?store=${encodeURIComponent(incident.store)}`;
}

/** Closed with its evidence, and never about the pair: what it is about (a UPS on its battery) may last. */
export function recordedOnly(incident: IncidentRow): boolean {
  return incident.closed !== undefined && incident.redundant === undefined && incident.recoverySeconds === 0;
}

/** Open, served but without redundancy, recorded, or over. */
export function incidentState(incident: IncidentRow): Look {
  if (recordedOnly(incident)) return { tone: "neutral", word: "Recorded", icon: "info" };
  if (incident.closed !== undefined) return { tone: "ok", word: "Over", icon: "ok" };
  if ((incident.kind === "failover" || incident.kind === "outage") && incident.recoverySeconds > 0)
    return { tone: "warn", word: "Sells, no redundancy", icon: "degraded" };
  return { tone: "bad", word: "Open", icon: "incident" };
}

const KINDS: Record<string, string> = {
  failover: "Failover",
  switchover: "Switchover",
  drill: "Drill",
  outage: "Outage",
  service: "Service failure",
  degraded: "Degraded",
  fence: "Fencing",
};

export function kindName(kind: string): string {
  return KINDS[kind] ?? kind;
}

/** The finding that explains most: the surest among the most severe comes first in the list as sent. */
export function cause(findings: readonly Finding[]): Finding | undefined {
  return [...findings].sort((a, b) => b.confidence - a.confidence)[0];
}

/** One sentence: what happened. */
export function whatHappened(incident: IncidentDetail): string {
  const { failedNode, survivor, recoverySeconds } = incident;
  const time = recoverySeconds > 0 ? formatDuration(recoverySeconds) : "";
  if (incident.kind === "") return "No node has told yet what happened.";
  if (incident.kind === "failover") {
    if (time === "") {
      const took = incident.closed === undefined ? "has not taken over yet" : "did not take over";
      return `${failedNode || "A node"} fell silent; ${survivor || "its peer"} ${took}.`;
    }
    if (reachesBack(incident))
      return `${failedNode} was silent as ${survivor} started; ${survivor} made sure that it was off, and served ${time} after it last knew a node active.${wholeAgain(incident)}`;
    return `${failedNode} fell silent; ${survivor} made sure that it was off, took over its work and served again after ${time}.${wholeAgain(incident)}`;
  }
  if (incident.kind === "switchover") {
    return `The work moved from ${failedNode || "one node"} to ${survivor || "the other"} as planned${time === "" ? "" : `, in ${time}`}.${wholeAgain(incident)}`;
  }
  if (incident.kind === "outage") {
    const away = `No node was active${time === "" ? "" : ` for ${time}`}`;
    const starts = (incident.phases ?? []).some((phase) => phase.name === "verify" && phase.ok) ? "until" : "and";
    return `${away}, ${starts} ${survivor || "one of them"} started the service.${wholeAgain(incident)}`;
  }
  if (incident.kind === "drill") {
    return `A failover was rehearsed${time === "" ? "" : `; ${survivor} served after ${time}`}.${wholeAgain(incident)}`;
  }
  if (incident.kind === "service")
    return `A service on ${failedNode || "a node"} failed${time === "" ? "" : ` and served again after ${time}`}.`;
  if (incident.kind === "fence") return `Switching off ${failedNode || "a node"} did not go as ordered.`;
  return `${failedNode || "A node"} works worse than it should.`;
}

function wholeAgain(incident: IncidentDetail): string {
  const redundant = toMillis(incident.redundant);
  const opened = toMillis(incident.opened);
  if (opened === null) return "";
  if (redundant === null) return incident.closed === undefined ? " The pair is not whole yet." : "";
  return ` The pair was whole again after ${formatDuration((redundant - opened) / 1000)}.`;
}

/** The moment that charts and offsets refer to: the start of the first phase, else the opening. */
export function momentOf(incident: IncidentDetail): number {
  const first = incident.phases?.[0];
  const start = first === undefined ? null : toMillis(first.start);
  return (start === null ? null : start - (first?.offsetSeconds ?? 0) * 1000) ?? toMillis(incident.opened) ?? 0;
}

/** A change that somebody asked for, in which no node failed. */
export function isPlanned(incident: IncidentRow): boolean {
  return incident.kind === "switchover" || incident.kind === "drill";
}

/** Told by a node that was down itself before. */
function reachesBack(incident: IncidentDetail): boolean {
  return incident.phases?.[0]?.name === "down";
}

/** What the phases and the recovery time count from. */
export function countsFrom(incident: IncidentDetail): string {
  if (incident.kind === "outage" || reachesBack(incident)) return "from the last known second with an active node";
  return isPlanned(incident) ? "from the first stop" : "from the last sign of life of the failed node";
}

/** What a node's part in the incident was; undefined: none that sets it apart. */
export function partOf(node: string, incident: IncidentRow): Look | undefined {
  if (isPlanned(incident)) {
    if (incident.recoverySeconds <= 0) return undefined;
    const took = node === incident.survivor;
    return { tone: "neutral", word: took ? "Took over" : "Handed over", icon: took ? "power" : "shield" };
  }
  if (incident.failedNode === "") return undefined;
  return node === incident.failedNode
    ? { tone: "bad", word: "Failed", icon: "down" }
    : { tone: "ok", word: "Survivor", icon: "ok" };
}

/** Says what of a snapshot is not there; the parts themselves tell why. */
export function whatIsMissing(snapshot: Snapshot): string {
  const missing = snapshot.missing ?? [];
  return missing.length === 0 ? "Not complete." : `Not complete. Missing: ${missing.join("; ")}.`;
}

/** Says where a snapshot comes from and how old it was in the moment of the failure, or as what was planned began. */
export function snapshotSource(snapshot: Snapshot, moment: number, incident: IncidentRow): string {
  const what = incident.failedNode === "" ? "it began" : "the failure";
  const taken = toMillis(snapshot.taken);
  const offset = taken === null ? null : (taken - moment) / 1000;
  const when =
    offset === null
      ? ""
      : offset < 0
        ? `, ${formatDuration(-offset)} before ${what}`
        : `, ${formatDuration(offset)} after ${what}`;
  if (snapshot.source === "self") return `Taken by ${snapshot.node} itself${when}`;
  return `The last that ${snapshot.node} sent over the peer channel${when}`;
}

/** Which snapshot shows best what was in the moment: the one taken nearest to it. */
export function nearest(snapshots: readonly Snapshot[], moment: number): number {
  const distances = snapshots.map((snapshot) => Math.abs((toMillis(snapshot.taken) ?? 0) - moment));
  return Math.max(0, distances.indexOf(Math.min(...distances)));
}

/** The nodes of an incident, the failed one first. */
export function nodesOf(incident: IncidentDetail): string[] {
  const named = [
    incident.failedNode,
    incident.survivor,
    ...(incident.snapshots ?? []).map((s) => s.node),
    ...(incident.timeline ?? []).map((t) => t.node),
  ];
  return [...new Set(named.filter((name) => name !== ""))].slice(0, 2);
}

/** A list of text's lines as a file name may carry it. */
export function scenarioFileName(incident: IncidentRow): string {
  return `${incident.store}-${incident.id}.txt`.replaceAll(/[^A-Za-z0-9._-]+/g, "-");
}
