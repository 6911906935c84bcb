import type { Status } from "../api/types";
import { Term } from "../glossary/Term";
import { HealthBadge, RoleBadge } from "../health/Badge";
import { asSentence } from "../format/quantity";
import { anchor } from "./evidence";
import classes from "./Snapshots.module.css";

/** What the node was and what it had decided, in the moment of its snapshot. */
export function NodeFacts({ status, node }: { status: Status; node: string }) {
  const id = (part: string) => anchor("snapshot", node, "status", part);
  return (
    <dl className={classes.pairs}>
      <dt id={id("role")}>Role</dt>
      <dd>
        <RoleBadge role={status.role} size="sm" />
      </dd>
      <dt id={id("decision")}>Decision</dt>
      <dd>{asSentence(status.decision) || "–"}</dd>
      <dt id={id("ping_group")}>
        <Term word="ping group">Ping group</Term>
      </dt>
      <dd>
        <HealthBadge health={status.pingGroup} size="sm" quiet />
      </dd>
      <dt id={id("generation")}>
        <Term word="generation">Generation</Term>
      </dt>
      <dd>{status.generation}</dd>
      <dt id={id("configuration_digest")}>Configuration</dt>
      <dd className={classes.mono}>{status.configurationDigest.slice(0, 16) || "–"}</dd>
      <dt>Version</dt>
      <dd>{status.version || "–"}</dd>
    </dl>
  );
}
