import { SegmentedControl } from "@mantine/core";
import { useState, type ReactNode } from "react";
import type { IncidentDetail, Snapshot } from "../api/types";
import { Term } from "../glossary/Term";
import { Badge } from "../health/Badge";
import type { Look } from "../health/health";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { When } from "../ui/When";
import { anchor } from "./evidence";
import { nearest, partOf, snapshotSource, whatIsMissing } from "./incident";
import { SECTIONS } from "./snapshotSections";
import classes from "./Snapshots.module.css";

interface SnapshotsProps {
  snapshots: readonly Snapshot[];
  nodes: readonly string[];
  incident: IncidentDetail;
  moment: number;
}

/** Both nodes' evidence side by side, part by part. */
export function Snapshots({ snapshots, nodes, incident, moment }: SnapshotsProps) {
  const [chosen, setChosen] = useState<Record<string, number>>({});
  const columns = nodes.map((node) => {
    const own = snapshots.filter((snapshot) => snapshot.node === node);
    const index = chosen[node] ?? nearest(own, moment);
    return { node, own, index, snapshot: own[index] };
  });
  return (
    <Panel
      title={<Term word="snapshot">Snapshot of both nodes</Term>}
      note="gathered in the moment of the incident"
      id="snapshots"
      flush
    >
      {snapshots.length === 0 ? (
        <Empty icon="server" title="No snapshot came">
          {incident.closed === undefined ? "Neither node has sent its evidence yet." : "Neither node sent its evidence."}
        </Empty>
      ) : (
        <div className={classes.grid}>
          <div className={classes.row}>
            {columns.map(({ node, own, index, snapshot }) => (
              <div key={node} className={classes.head} id={anchor("snapshot", node)}>
                <div className={classes.name}>
                  <Icon name="server" size={18} stroke={1.7} />
                  <h3>{node}</h3>
                  <Part look={partOf(node, incident)} />
                  {own.length > 1 && (
                    <SegmentedControl
                      size="xs"
                      className={classes.choice}
                      aria-label={`Snapshot of ${node}`}
                      value={String(index)}
                      onChange={(value) => setChosen({ ...chosen, [node]: Number(value) })}
                      data={own.map((one, at) => ({
                        value: String(at),
                        label: one.source === "self" ? "its own" : "by the peer",
                      }))}
                    />
                  )}
                </div>
                {snapshot === undefined ? (
                  <p className={classes.source}>No snapshot of this node.</p>
                ) : (
                  <Source snapshot={snapshot} moment={moment} incident={incident} />
                )}
              </div>
            ))}
          </div>
          {SECTIONS.map((section) => (
            <Section
              key={section.key}
              title={section.title}
              open={section.open}
              columns={columns}
              render={section.render}
              name={section.key}
              count={section.count}
            />
          ))}
        </div>
      )}
    </Panel>
  );
}

function Part({ look }: { look: Look | undefined }) {
  return look && <Badge look={look} size="sm" />;
}

function Source({ snapshot, moment, incident }: { snapshot: Snapshot; moment: number; incident: IncidentDetail }) {
  const source = snapshotSource(snapshot, moment, incident);
  return (
    <>
      <p className={classes.source} data-peer={snapshot.source !== "self" || undefined}>
        {snapshot.source === "self" ? (
          source
        ) : (
          <Term word="peer channel">{source}</Term>
        )}
        <span className={classes.taken}>
          <When at={snapshot.taken} millis />
        </span>
      </p>
      {snapshot.partial && (
        <p className={classes.partial}>
          <Icon name="degraded" size={14} /> {whatIsMissing(snapshot)}
        </p>
      )}
    </>
  );
}

interface SectionProps {
  name: string;
  title: string;
  open: boolean;
  columns: { node: string; snapshot: Snapshot | undefined }[];
  render: (snapshot: Snapshot) => ReactNode;
  count: (snapshot: Snapshot) => number;
}

function Section({ name, title, open, columns, render, count }: SectionProps) {
  const counts = columns.map(({ snapshot }) => (snapshot === undefined ? 0 : count(snapshot)));
  if (counts.every((n) => n === 0)) return null;
  return (
    <details className={classes.section} open={open}>
      <summary className={classes.summary}>
        {title}
        <span className={classes.counts}>{name === "host" || name === "status" ? "" : counts.join(" / ")}</span>
      </summary>
      <div className={classes.row}>
        {columns.map(({ node, snapshot }) => (
          <div key={node} className={classes.cell} id={anchor("snapshot", node, name)}>
            {snapshot === undefined || count(snapshot) === 0 ? (
              <span className={classes.none}>nothing recorded</span>
            ) : (
              render(snapshot)
            )}
          </div>
        ))}
      </div>
    </details>
  );
}
