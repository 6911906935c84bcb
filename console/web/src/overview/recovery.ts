// What the overview says of the failovers of the last days. Pure.
import type { FailoverSummary } from "../api/types";
import { plural } from "../format/quantity";

/** The window that the overview looks at and names. */
export const DAYS = 7;

/** Of how many failovers it is the slowest, in words that name the window. */
export function failoverNote(summary: FailoverSummary | undefined): string {
  if (summary === undefined) return `in ${DAYS} days`;
  if (summary.count === 0) return `no failover in ${DAYS} days`;
  const underWay = summary.underWay > 0 ? `, ${summary.underWay} under way` : "";
  return `of ${plural(summary.count, "failover")} in ${DAYS} days${underWay}`;
}
