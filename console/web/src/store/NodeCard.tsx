import { Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import type { NodeDetail } from "../api/types";
import { formatElapsed } from "../format/duration";
import { asSentence, formatCount } from "../format/quantity";
import { ageSeconds } from "../format/time";
import { isWord } from "../glossary/glossary";
import { Term } from "../glossary/Term";
import { Badge, HealthBadge, RoleBadge } from "../health/Badge";
import { lastBeat, peerHears, type Presence } from "../health/health";
import { Icon } from "../ui/Icon";
import { useNow } from "../ui/useNow";
import { Ago, When } from "../ui/When";
import classes from "./NodeCard.module.css";

const MISSED = { tone: "bad", word: "Silent", icon: "down" } as const;
const UNHEARD = { tone: "unknown", word: "Silent", icon: "unknown" } as const;
const OFF = { tone: "bad", word: "Off", icon: "power" } as const;
const NEVER = { tone: "unknown", word: "Never heard", icon: "unknown" } as const;

/** Silence counts as bad news only when the peer misses the node too: a broken line to the enterprise is no dead node. */
function silentLook(node: NodeDetail, peer: NodeDetail | undefined, presence: Presence) {
  if (presence === "off") return OFF;
  if (node.lastSeen === undefined) return NEVER;
  return peerHears(node, peer) === false ? MISSED : UNHEARD;
}

interface NodeCardProps {
  node: NodeDetail;
  peer: NodeDetail | undefined;
  presence: Presence;
}

export function NodeCard({ node, peer, presence }: NodeCardProps) {
  const now = useNow();
  const status = node.status;
  const role = status?.role ?? "";
  return (
    <article className={classes.card} data-role={presence === "present" ? role : "silent"}>
      <header className={classes.head}>
        <Icon name="server" size={20} stroke={1.6} />
        <h3 className={classes.name}>{node.node}</h3>
        {presence === "present" ? (
          isWord(role) ? (
            <Term word={role} quiet>
              <RoleBadge role={role} />
            </Term>
          ) : (
            <RoleBadge role={role} />
          )
        ) : (
          <Badge look={silentLook(node, peer, presence)} />
        )}
      </header>
      <p className={classes.decision} title={status?.decision}>
        {presence === "present" ? (
          asSentence(status?.decision ?? "")
        ) : (
          <SilentNote node={node} peer={peer} off={presence === "off"} />
        )}
      </p>
      <dl className={classes.facts}>
        <Fact label="Runs for">
          {status?.started && presence === "present" ? formatElapsed(ageSeconds(status.started, now)) : "–"}
        </Fact>
        <Fact label={<Term word="ping group">Ping group</Term>}>
          {status && presence === "present" ? <HealthBadge health={status.pingGroup} size="sm" quiet /> : "–"}
        </Fact>
        <Fact label={<Term word="outbox">Outbox</Term>}>
          {status ? (status.outboxPending === 0 ? "empty" : formatCount(status.outboxPending)) : "–"}
        </Fact>
        <Fact label="Version">
          <Tooltip label={`Boot ${status?.kernelBootId ?? "–"}, run ${status?.incarnation ?? "–"}`} disabled={!status}>
            <span>{status?.version || "–"}</span>
          </Tooltip>
        </Fact>
      </dl>
    </article>
  );
}

/** What is known of a node that the console or its peer does not hear, and since when. */
function SilentNote({ node, peer, off }: { node: NodeDetail; peer: NodeDetail | undefined; off: boolean }) {
  if (off) return <>{`${peer?.node} no longer hears it, and took over.`}</>;
  if (node.lastSeen === undefined) return <>The console has never heard it.</>;
  if (node.missed && peerHears(node, peer))
    return (
      <>
        {peer?.node} hears it again; it has told the console nothing since <When at={node.lastSeen} />.
      </>
    );
  if (peerHears(node, peer) !== false)
    return (
      <>
        The console last heard it <Ago at={node.lastSeen} />. {peerHears(node, peer) && `${peer?.node} hears it.`}
      </>
    );
  return (
    <>
      Not heard by {peer?.node} since <When at={lastBeat(peer)} />, by the console since <When at={node.lastSeen} />.
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
