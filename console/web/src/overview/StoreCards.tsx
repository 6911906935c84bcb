import { Fragment } from "react";
import { Link } from "react-router";
import { list, type StoreSummary } from "../api/types";
import { formatDuration } from "../format/duration";
import { plural } from "../format/quantity";
import { localTimes } from "../format/time";
import { Badge, StoreBadge } from "../health/Badge";
import { hasContact, isSilent, roleLook, storeLook } from "../health/health";
import { incidentPath } from "../incident/incident";
import { Ago } from "../ui/When";
import { Icon } from "../ui/Icon";
import type { Row } from "./rows";
import classes from "./StoreCards.module.css";

const SILENT = { tone: "bad", word: "Silent", icon: "down" } as const;
const UNHEARD = { tone: "unknown", word: "Silent", icon: "unknown" } as const;
const NEVER = { tone: "unknown", word: "Never heard", icon: "unknown" } as const;

const BONDS = {
  whole: { icon: "shield", label: "redundant" },
  broken: { icon: "degraded", label: "no redundancy" },
  unknown: { icon: "unknown", label: "redundancy unknown" },
} as const;

export function StoreCards({ rows }: { rows: readonly Row[] }) {
  return (
    <ul className={classes.grid}>
      {rows.map((row) => (
        <li key={row.store.store}>
          <StoreCard row={row} />
        </li>
      ))}
    </ul>
  );
}

function StoreCard({ row: { store, failover } }: { row: Row }) {
  return (
    <article className={classes.card} data-tone={storeLook(store.health).tone}>
      <header className={classes.head}>
        <h2 className={classes.name}>
          <Link to={`/stores/${encodeURIComponent(store.store)}`} className={classes.link}>
            {store.store}
          </Link>
        </h2>
        <StoreBadge health={store.health} />
      </header>
      <p className={classes.reason}>{localTimes(store.reason)}</p>
      <Pair store={store} />
      <dl className={classes.facts}>
        <div>
          <dt>Last failover</dt>
          <dd>
            {failover === undefined ? (
              "none"
            ) : (
              <>
                <Link to={incidentPath(failover)} className={classes.inner}>
                  {failover.recoverySeconds > 0 ? formatDuration(failover.recoverySeconds) : "not recovered"}
                </Link>
                <span className={classes.dim}>
                  <Ago at={failover.opened} />
                </span>
              </>
            )}
          </dd>
        </div>
        <div>
          <dt>Alarms</dt>
          <dd data-tone={store.alarms > 0 ? "bad" : undefined}>
            {alarmsWord(store)}
          </dd>
        </div>
        <div>
          <dt>Last seen</dt>
          <dd>
            <Ago at={store.lastSeen} />
          </dd>
        </div>
      </dl>
    </article>
  );
}

/** A store without contact would not tell of its alarms. */
function alarmsWord(store: StoreSummary): string {
  if (store.alarms > 0) return plural(store.alarms, "open", "open");
  return hasContact(store) ? "none" : "not known";
}

/** The two nodes with the bond between them: whole while the pair is redundant. */
function Pair({ store }: { store: StoreSummary }) {
  const nodes = list(store.nodes);
  const contact = hasContact(store);
  const bond = contact ? (store.redundant ? "whole" : "broken") : "unknown";
  return (
    <div className={classes.pair}>
      {nodes.map((node, index) => (
        <Fragment key={node.node}>
          {index > 0 && (
            <span className={classes.bond} data-bond={bond}>
              <Icon name={BONDS[bond].icon} size={15} label={BONDS[bond].label} />
            </span>
          )}
          <span className={classes.node} data-offline={isSilent(node) || undefined}>
            <Icon name="server" size={16} stroke={1.7} />
            <span className={classes.nodeName}>{node.node}</span>
            {!isSilent(node) ? (
              <Badge look={roleLook(node.role)} size="sm" />
            ) : (
              <Badge look={node.lastSeen === undefined ? NEVER : contact ? SILENT : UNHEARD} size="sm" />
            )}
          </span>
        </Fragment>
      ))}
    </div>
  );
}
