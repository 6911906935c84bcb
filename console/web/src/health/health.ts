// What the words for health mean to an operator, and how they are shown.
import type { IconName } from "../ui/Icon";
import {
  list,
  type Alarm,
  type FenceDevice,
  type HealthWord,
  type Link,
  type NodeDetail,
  type NodeSummary,
  type StoreSummary,
} from "../api/types";
import { ageSeconds, toMillis } from "../format/time";

export type Tone = "ok" | "warn" | "bad" | "unknown" | "neutral";

/** A node that says nothing for this long is not counted as present. It reports every 5 s. */
export const SILENT_AFTER_SECONDS = 15;

export interface Look {
  tone: Tone;
  word: string;
  icon: IconName;
}

const LOOKS: Record<HealthWord, Look> = {
  ok: { tone: "ok", word: "OK", icon: "ok" },
  degraded: { tone: "warn", word: "Degraded", icon: "degraded" },
  down: { tone: "bad", word: "Down", icon: "down" },
  unknown: { tone: "unknown", word: "Unknown", icon: "unknown" },
};

export function asHealth(word: string): HealthWord {
  return word === "ok" || word === "degraded" || word === "down" ? word : "unknown";
}

export function healthLook(word: string): Look {
  return LOOKS[asHealth(word)];
}

const STORE_LOOKS: Record<HealthWord, Look> = {
  ok: { tone: "ok", word: "Selling", icon: "ok" },
  degraded: { tone: "warn", word: "At risk", icon: "degraded" },
  down: { tone: "bad", word: "Not selling", icon: "down" },
  unknown: { tone: "unknown", word: "Not known", icon: "unknown" },
};

/** How a store's health answers the question "is it selling?". */
export function storeLook(word: string): Look {
  return STORE_LOOKS[asHealth(word)];
}

/** Whether the store would tell of a change: some node of it was heard lately. */
export function hasContact(store: StoreSummary): boolean {
  return list(store.nodes).some((node) => node.online);
}

/** Nothing came of the node for too long, or its peer misses it. */
export function isSilent(node: NodeSummary): boolean {
  return !node.online || node.missed;
}

/** Who told an alarm, and whether that node is silent: it would not tell of its end. */
export function tellerNote(alarm: Alarm, store: StoreSummary | undefined): string {
  const teller = list(store?.nodes).find((node) => node.node === alarm.node);
  return `told by ${alarm.node}${teller !== undefined && isSilent(teller) ? ", which is silent now" : ""}`;
}

const ORDER: HealthWord[] = ["down", "unknown", "degraded", "ok"];

/** 0 is worst. */
export function healthRank(word: string): number {
  return ORDER.indexOf(asHealth(word));
}

export function worst(words: readonly string[]): HealthWord {
  return words.map(asHealth).sort((a, b) => healthRank(a) - healthRank(b))[0] ?? "unknown";
}

export type Counts = Record<HealthWord, number>;

export function countStores(stores: readonly StoreSummary[]): Counts {
  const counts: Counts = { ok: 0, degraded: 0, down: 0, unknown: 0 };
  for (const store of stores) counts[asHealth(store.health)]++;
  return counts;
}

/** The overview's headline: one sentence that answers "is every store selling?". */
export function headline(counts: Counts): { tone: Tone; text: string; icon: IconName } {
  const total = counts.ok + counts.degraded + counts.down + counts.unknown;
  if (total === 0) return { tone: "neutral", text: "No store has reported yet", icon: "empty" };
  if (counts.down > 0) {
    const of =
      total === 1
        ? "The store is not selling"
        : `${counts.down} of ${total} stores ${counts.down === 1 ? "is" : "are"} not selling`;
    return { tone: "bad", text: of, icon: "down" };
  }
  if (counts.unknown === total)
    return {
      tone: "unknown",
      text: total === 1 ? "It is not known whether the store is selling" : "It is not known whether any store is selling",
      icon: "unknown",
    };
  if (counts.unknown > 0) {
    const others = counts.ok === 1 ? "the other one is" : "all others are";
    const rest = counts.degraded === 0 ? others : `${counts.degraded} ${counts.degraded === 1 ? "is" : "are"} at risk`;
    const are = counts.unknown === 1 ? "is" : "are";
    return {
      tone: "unknown",
      text: `It is not known whether ${counts.unknown} of ${total} stores ${are} selling, ${rest}`,
      icon: "unknown",
    };
  }
  if (counts.degraded === 0)
    return { tone: "ok", text: total === 1 ? "The store is selling" : `All ${total} stores are selling`, icon: "ok" };
  const are = counts.degraded === 1 ? "is" : "are";
  return {
    tone: "warn",
    text: total === 1 ? "The store is at risk" : `${counts.degraded} of ${total} stores ${are} at risk`,
    icon: "degraded",
  };
}

const SEVERITY_LOOKS: Record<string, Look> = {
  critical: { tone: "bad", word: "Critical", icon: "down" },
  major: { tone: "bad", word: "Major", icon: "degraded" },
  minor: { tone: "warn", word: "Minor", icon: "degraded" },
  warning: { tone: "warn", word: "Warning", icon: "degraded" },
  indeterminate: { tone: "neutral", word: "Info", icon: "info" },
  cleared: { tone: "ok", word: "Cleared", icon: "ok" },
};

export function severityLook(severity: string): Look {
  return SEVERITY_LOOKS[severity] ?? { tone: "neutral", word: "Info", icon: "info" };
}

/**
 * A node as the console may present it now. silent: nothing came for too long, or
 * its peer missed it, as the console judges (missed), and it has said nothing since;
 * off: besides, its peer read its power off, or took over from it.
 */
export type Presence = "present" | "silent" | "off" | "never";

export function presenceOf(node: NodeDetail, nodes: readonly NodeDetail[], now: number): Presence {
  if (node.lastSeen === undefined || node.status === undefined) return "never";
  const peer = nodes.find((one) => one.node !== node.node);
  if (!heardLately(node, now)) return "silent";
  if (!node.missed) return "present";
  return peer !== undefined && heardLately(peer, now) && tookOver(peer, node) ? "off" : "silent";
}

/** Whether the peer hears the node, by the peer's own last word; undefined: it has none that counts. */
export function peerHears(node: NodeDetail, peer: NodeDetail | undefined): boolean | undefined {
  return peer?.online && peer.status?.peer === node.node ? peer.status.peerHeard : undefined;
}

/** When the peer heard the node last, on whichever link, in milliseconds since 1970; null: not known. */
export function lastBeat(peer: NodeDetail | undefined): number | null {
  const ages = list(peer?.status?.links)
    .map((link) => link.lastHeardSeconds)
    .filter((age) => age >= 0);
  return peer?.status === undefined || ages.length === 0
    ? null
    : Date.parse(peer.status.time) - Math.min(...ages) * 1000;
}

function heardLately(node: NodeDetail, now: number): boolean {
  return node.online && ageSeconds(node.lastSeen, now) <= SILENT_AFTER_SECONDS * 2;
}

/** True when the peer no longer hears the node and knows it to be off, or serves in its place. */
function tookOver(peer: NodeDetail, node: NodeDetail): boolean {
  const [newer, older] = [peer.status, node.status];
  if (newer === undefined || older === undefined || newer.peerHeard) return false;
  if (Date.parse(newer.time) < Date.parse(older.time)) return false;
  const feeding = list(newer.fenceDevices).filter((device) => list(device.feeds).includes(node.node));
  const readOff = feeding.some((one) => feeding.every((device) => device.level !== one.level || device.power === "off"));
  return readOff || (newer.role === "active" && newer.generation > older.generation);
}

/** What a node said last, once it may hold no longer: the same words without their colour. */
export function lastKnown(look: Look, presence: Presence): Look {
  if (presence === "off") return { tone: "unknown", word: "Off", icon: "power" };
  return { tone: "unknown", word: `Last known: ${look.word.toLowerCase()}`, icon: "unknown" };
}

export function roleLook(role: string): Look {
  if (role === "active") return { tone: "ok", word: "Active", icon: "power" };
  if (role === "standby") return { tone: "neutral", word: "Standby", icon: "shield" };
  if (role === "joining") return { tone: "warn", word: "Joining", icon: "refresh" };
  if (role === "stopped") return { tone: "unknown", word: "Stopped", icon: "down" };
  return { tone: "unknown", word: "Unknown", icon: "unknown" };
}

/** A link as both of its ends see it. */
export interface LinkPair {
  name: string;
  direct: boolean;
  health: HealthWord;
  ends: (Link | undefined)[];
}

/** Joins the nodes' views of their links; the worse view counts. */
export function pairLinks(nodes: readonly NodeDetail[]): LinkPair[] {
  const names = [...new Set(nodes.flatMap((node) => list(node.status?.links).map((link) => link.name)))];
  return names
    .map((name) => {
      const ends = nodes.map((node) => list(node.status?.links).find((link) => link.name === name));
      const seen = ends.filter((end) => end !== undefined);
      return { name, direct: seen.some((end) => end.direct), health: worst(seen.map((end) => end.health)), ends };
    })
    .sort((a, b) => Number(b.direct) - Number(a.direct) || a.name.localeCompare(b.name));
}

export interface Feed {
  device: FenceDevice;
  /** The node that read it. */
  reader: NodeDetail;
}

/** The devices that feed a node, as seen by whoever read them last. */
export function feedsOf(node: string, nodes: readonly NodeDetail[]): Feed[] {
  const found = new Map<string, Feed>();
  const read = (feed: Feed) => toMillis(feed.device.read) ?? 0;
  for (const reader of nodes) {
    for (const device of list(reader.status?.fenceDevices)) {
      if (!list(device.feeds).includes(node)) continue;
      const [feed, known] = [{ device, reader }, found.get(device.name)];
      if (known === undefined || read(feed) > read(known)) found.set(device.name, feed);
    }
  }
  return [...found.values()];
}
