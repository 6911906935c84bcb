import { Fragment } from "react";
import type { NodeDetail, Resource } from "../api/types";
import { isWord } from "../glossary/glossary";
import { Term } from "../glossary/Term";
import { Badge } from "../health/Badge";
import { healthLook, lastKnown, type Look, type Presence } from "../health/health";
import { usePresence } from "../health/usePresence";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import table from "../ui/table.module.css";
import { When } from "../ui/When";
import { resourceLayers } from "./matrix";
import classes from "./cells.module.css";

function look(resource: Resource): Look {
  const { state } = resource;
  const word = state.charAt(0).toUpperCase() + state.slice(1);
  if (state === "started")
    return { ...healthLook(resource.health), word: resource.health === "ok" ? "Runs" : `Runs, ${resource.health}` };
  if (state === "stopped") return { tone: "neutral", word, icon: "shield" };
  if (state === "starting" || state === "stopping") return { tone: "warn", word, icon: "refresh" };
  if (state === "failed" || state === "blocked") return { tone: "bad", word, icon: "down" };
  return { tone: "unknown", word: "Unknown", icon: "unknown" };
}

/** Which layer runs where. */
export function ResourceTable({ nodes }: { nodes: readonly NodeDetail[] }) {
  const presence = usePresence(nodes);
  const layers = resourceLayers(nodes);
  return (
    <Panel title={<Term word="resource">Resources</Term>} note="what the cluster runs, and where" flush>
      {layers.length === 0 ? (
        <Empty icon="server" title="No resource is configured" />
      ) : (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Resource</th>
              {nodes.map((node) => (
                <th key={node.node} scope="col">
                  {node.node}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {layers.map(({ layer, rows }) => (
              <Fragment key={layer}>
                {layer !== "" && (
                  <tr className={table.group}>
                    <td colSpan={nodes.length + 1}>
                      <Term word="layer" quiet>
                        {layer}
                      </Term>
                    </td>
                  </tr>
                )}
                {rows.map((row) => (
                  <tr key={row.name} className={classes.row}>
                    <td>
                      <b>{row.name}</b>
                      <span className={classes.sub}>
                        {isWord(row.any.mode) ? <Term word={row.any.mode} quiet /> : row.any.mode}
                      </span>
                    </td>
                    {row.cells.map((cell, column) => (
                      <td key={nodes[column]?.node}>
                        <Cell resource={cell} presence={presence[column] ?? "never"} />
                      </td>
                    ))}
                  </tr>
                ))}
              </Fragment>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Cell({ resource, presence }: { resource: Resource | undefined; presence: Presence }) {
  if (resource === undefined) return <span className={table.dim}>–</span>;
  if (presence !== "present") return <Badge look={lastKnown(look(resource), presence)} size="sm" quiet />;
  const trouble = resource.health === "down" || resource.health === "degraded";
  return (
    <span className={classes.cell} title={resource.message}>
      <span className={classes.line}>
        <Badge look={look(resource)} size="sm" />
        {!resource.managed && <span className={classes.warn}>not managed</span>}
        {trouble && <span className={classes.message}>{resource.message}</span>}
      </span>
      <span className={classes.sub}>
        {resource.pid > 0 && (
          <Term word="pid" quiet>
            PID {resource.pid}
          </Term>
        )}
        {resource.restarts > 0 && (
          <span className={classes.warn}>
            <Term word="restarts" quiet>
              {resource.restarts === 1 ? "1 restart" : `${resource.restarts} restarts`}
            </Term>
          </span>
        )}
        {resource.state === "started" && resource.since && (
          <span>
            since <When at={resource.since} />
          </span>
        )}
      </span>
    </span>
  );
}
