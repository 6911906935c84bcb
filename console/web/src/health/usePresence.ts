import type { NodeDetail } from "../api/types";
import { useNow } from "../ui/useNow";
import { presenceOf, type Presence } from "./health";

/** Each node's presence, in the order of the nodes. */
export function usePresence(nodes: readonly NodeDetail[]): Presence[] {
  const now = useNow();
  return nodes.map((node) => presenceOf(node, nodes, now));
}
