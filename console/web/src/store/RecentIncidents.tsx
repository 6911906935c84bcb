import { Link } from "react-router";
import type { IncidentRow } from "../api/types";
import { formatDuration } from "../format/duration";
import { Badge } from "../health/Badge";
import { incidentPath, incidentState } from "../incident/incident";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { When } from "../ui/When";
import classes from "../overview/Latest.module.css";

export function RecentIncidents({ incidents }: { incidents: readonly IncidentRow[] }) {
  return (
    <Panel title="Incidents" note="of this store" flush>
      {incidents.length === 0 ? (
        <Empty icon="incident" title="No incident so far" />
      ) : (
        <ol className={classes.list}>
          {incidents.slice(0, 10).map((incident) => (
            <li key={incident.id}>
              <Link to={incidentPath(incident)} className={classes.item}>
                <span className={classes.top}>
                  <Badge look={incidentState(incident)} size="sm" />
                  {incident.recoverySeconds > 0 && <b>{formatDuration(incident.recoverySeconds)}</b>}
                  <span className={classes.age}>
                    <When at={incident.opened} />
                  </span>
                </span>
                <span className={classes.title}>{incident.title}</span>
              </Link>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
