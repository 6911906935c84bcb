import { Link } from "react-router";
import type { IncidentRow } from "../api/types";
import { formatDuration } from "../format/duration";
import { Badge } from "../health/Badge";
import { incidentPath, incidentState } from "../incident/incident";
import { Panel } from "../ui/Panel";
import { Empty, Failed, Rows } from "../ui/states";
import { Ago } from "../ui/When";
import classes from "./Latest.module.css";

interface LatestProps {
  incidents: readonly IncidentRow[];
  loading: boolean;
  error: unknown;
  retry: () => void;
}

/** The newest incidents of all stores. */
export function Latest({ incidents, loading, error, retry }: LatestProps) {
  return (
    <Panel
      title="Latest incidents"
      actions={
        <Link to="/incidents" className={classes.all}>
          All
        </Link>
      }
      flush
    >
      {loading ? (
        <Rows count={5} height={56} />
      ) : error && incidents.length === 0 ? (
        <Failed what="The incidents" error={error} retry={retry} />
      ) : incidents.length === 0 ? (
        <Empty icon="incident" title="No incident so far">
          When a store fails over, it appears here with its recovery time.
        </Empty>
      ) : (
        <ol className={classes.list}>
          {incidents.map((incident) => (
            <li key={incident.id}>
              <Link to={incidentPath(incident)} className={classes.item}>
                <span className={classes.top}>
                  <b>{incident.store}</b>
                  <Badge look={incidentState(incident)} size="sm" />
                  <span className={classes.age}>
                    <Ago at={incident.opened} />
                  </span>
                </span>
                <span className={classes.title}>{incident.title}</span>
                {incident.recoverySeconds > 0 && (
                  <span className={classes.time}>recovered in {formatDuration(incident.recoverySeconds)}</span>
                )}
              </Link>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
