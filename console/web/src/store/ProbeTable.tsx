import type { NodeDetail, Probe } from "../api/types";
import { formatDuration } from "../format/duration";
import { Term } from "../glossary/Term";
import { Badge, HealthBadge } from "../health/Badge";
import { healthLook, lastKnown, type Presence } from "../health/health";
import { usePresence } from "../health/usePresence";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import table from "../ui/table.module.css";
import { Ago } from "../ui/When";
import { probeMatrix } from "./matrix";
import classes from "./cells.module.css";

/** What is checked on a schedule, and what each node found last. */
export function ProbeTable({ nodes }: { nodes: readonly NodeDetail[] }) {
  const presence = usePresence(nodes);
  const rows = probeMatrix(nodes);
  return (
    <Panel title={<Term word="probe">Probes</Term>} note="last result of each check" flush>
      {rows.length === 0 ? (
        <Empty icon="search" title="No probe is configured" />
      ) : (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Probe</th>
              {nodes.map((node) => (
                <th key={node.node} scope="col">
                  {node.node}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name} className={classes.row}>
                <td>
                  <b>{row.name}</b>
                  <span className={classes.sub}>{row.any.plugin}</span>
                </td>
                {row.cells.map((cell, column) => (
                  <td key={nodes[column]?.node}>
                    <Cell probe={cell} presence={presence[column] ?? "never"} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Cell({ probe, presence }: { probe: Probe | undefined; presence: Presence }) {
  if (probe === undefined) return <span className={table.dim}>–</span>;
  if (presence !== "present") return <Badge look={lastKnown(healthLook(probe.health), presence)} size="sm" quiet />;
  return (
    <span className={classes.cell} title={probe.message}>
      <span className={classes.line}>
        <HealthBadge health={probe.health} size="sm" />
        {probe.tookSeconds > 0 && (
          <Term word="took" quiet>
            {formatDuration(probe.tookSeconds)}
          </Term>
        )}
      </span>
      <span className={classes.sub}>
        {probe.health === "ok" ? (
          <Ago at={probe.time} never="not run yet" />
        ) : (
          <span className={classes.message}>{probe.message}</span>
        )}
      </span>
    </span>
  );
}
