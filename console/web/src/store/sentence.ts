// A store's state in one sentence. Pure.
import { asSentence } from "../format/quantity";
import { localTimes } from "../format/time";
import type { NodeDetail, StoreSummary } from "../api/types";

/** Joins the console's reason with what an operator would ask next: a running mode and its end. */
export function stateSentence(summary: StoreSummary): string {
  const reason = localTimes(summary.reason.trim());
  if (reason === "") return "The console has no judgement of this store yet.";
  return asSentence(reason);
}

/** The nodes that are in standby or maintenance mode, with the end of it. */
export function modes(nodes: readonly NodeDetail[]): { node: string; mode: string; until: string | undefined }[] {
  return nodes.flatMap((node) =>
    node.status?.mode ? [{ node: node.node, mode: node.status.mode, until: node.status.modeUntil }] : [],
  );
}
