// When a failover was rehearsed last, in words. Pure.
import type { Drill, NodeDetail } from "../api/types";
import { formatDuration } from "../format/duration";
import type { Look } from "../health/health";

/** What the active node knows of the drills; else what any node does. */
export function drillOf(nodes: readonly NodeDetail[], active: string): Drill | undefined {
  const told = nodes.filter((node) => node.status?.drill !== undefined);
  return (told.find((node) => node.node === active) ?? told[0])?.status?.drill;
}

export function drillLook(drill: Drill | undefined): Look {
  if (drill === undefined) return { tone: "unknown", word: "Unknown", icon: "unknown" };
  if (drill.overdue) return { tone: "warn", word: "Overdue", icon: "degraded" };
  if (drill.began === undefined) return { tone: "neutral", word: "Never", icon: "unknown" };
  if (drill.ended === undefined) return { tone: "neutral", word: "Under way", icon: "clock" };
  return drill.ok ? { tone: "ok", word: "Passed", icon: "ok" } : { tone: "bad", word: "Failed", icon: "incident" };
}

/** One sentence on how it came out. */
export function drillOutcome(drill: Drill): string {
  if (drill.began === undefined) return "None was ever held.";
  if (drill.ended === undefined) return `${drill.taker} is to take over.`;
  if (!drill.ok) return `It failed: ${drill.message}.`;
  return `${drill.taker} took over in ${formatDuration(drill.tookSeconds)}, and the fence devices of both nodes obeyed.`;
}
