import { Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import type { NodeDetail } from "../api/types";
import { formatElapsed } from "../format/duration";
import { formatCount } from "../format/quantity";
import { ageSeconds } from "../format/time";
import { isWord } from "../glossary/glossary";
import { Term } from "../glossary/Term";
import { Badge, HealthBadge, RoleBadge } from "../health/Badge";
import { nodePresence } from "../health/health";
import { Icon } from "../ui/Icon";
import { useNow } from "../ui/useNow";
import { Ago } from "../ui/When";
import classes from "./NodeCard.module.css";

const SILENT = { tone: "bad", word: "Silent", icon: "down" } as const;

export function NodeCard({ node, peer }: { node: NodeDetail; peer: NodeDetail | undefined }) {
  const now = useNow();
  const presence = nodePresence(node, now);
  const status = node.status;
  const role = status?.role ?? "";
  return (
    <article className={classes.card} data-role={presence === "present" ? role : "silent"}>
      <header className={classes.head}>
        <Icon name="server" size={20} stroke={1.6} />
        <h3 className={classes.name}>{node.node}</h3>
        {presence === "present" ? isWord(role) ? <Term word={role} quiet><RoleBadge role={role} /></Term> : <RoleBadge role={role} /> : <Badge look={SILENT} />}
      </header>
      <p className={classes.decision} title={status?.decision}>
        {presence === "present" ? status?.decision : <SilentNote node={node} peer={peer} />}
      </p>
      <dl className={classes.facts}>
        <Fact label="Runs for">{status?.started && presence === "present" ? formatElapsed(ageSeconds(status.started, now)) : "–"}</Fact>
        <Fact label={<Term word="ping group">Ping group</Term>}>{status && presence === "present" ? <HealthBadge health={status.pingGroup} size="sm" quiet /> : "–"}</Fact>
        <Fact label={<Term word="outbox">Outbox</Term>}>{status ? (status.outboxPending === 0 ? "empty" : formatCount(status.outboxPending)) : "–"}</Fact>
        <Fact label="Version">
          <Tooltip label={`Boot ${status?.kernelBootId ?? "–"}, run ${status?.incarnation ?? "–"}`} disabled={!status}>
            <span>{status?.version || "–"}</span>
          </Tooltip>
        </Fact>
      </dl>
    </article>
  );
}

/** What is known of a node the console does not hear: perhaps its peer still does. */
function SilentNote({ node, peer }: { node: NodeDetail; peer: NodeDetail | undefined }) {
  const heard = peer?.online && peer.status?.peer === node.node ? peer.status.peerHeard : undefined;
  return (
    <>
      {node.lastSeen ? (
        <>
          The console last heard it <Ago at={node.lastSeen} />.
        </>
      ) : (
        "The console has never heard it."
      )}{" "}
      {heard === true && `${peer?.node} hears it.`}
      {heard === false && `${peer?.node} does not hear it either.`}
    </>
  );
}

function Fact({ label, children }: { label: ReactNode; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
