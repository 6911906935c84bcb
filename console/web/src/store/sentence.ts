// A store's state in one sentence. Pure.
import { asSentence } from "../format/quantity";
import { localTimes } from "../format/time";
import { list, type Mode, type NodeDetail, type StoreSummary } from "../api/types";

/** Joins the console's reason with what an operator would ask next: a running mode and its end. */
export function stateSentence(summary: StoreSummary): string {
  const reason = localTimes(summary.reason.trim());
  if (reason === "") return "The console has no judgement of this store yet.";
  return asSentence(reason);
}

/** To which node the active one hands back by itself, and when, if all stays as it is. */
export function failback(nodes: readonly NodeDetail[], active: string): { to: string; at: string } | undefined {
  const status = nodes.find((node) => node.node === active)?.status;
  return status?.failback === undefined ? undefined : { to: status.peer, at: status.failback };
}

/** What operators asked for and still holds, as either node knows it: each mode once. */
export function modes(nodes: readonly NodeDetail[]): Mode[] {
  const all = new Map<string, Mode>();
  for (const mode of nodes.flatMap((node) => list(node.status?.modes))) {
    all.set(`${mode.mode} ${mode.name}`, mode);
  }
  return [...all.values()];
}
