import { Link } from "react-router";
import type { Alarm } from "../api/types";
import { Term } from "../glossary/Term";
import { SeverityBadge } from "../health/Badge";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Ago } from "../ui/When";
import { Acknowledge } from "./Acknowledge";
import classes from "./StoreAlarms.module.css";

/** A store's raised alarms in a place of their own that keeps its height. */
export function StoreAlarms({ alarms }: { alarms: readonly Alarm[] }) {
  return (
    <Panel title={<Term word="alarm">Alarms</Term>} note={alarms.length > 0 ? `${alarms.length} raised` : ""} flush>
      <div className={classes.room}>
        <div className={classes.scroll} aria-live="polite">
          {alarms.length === 0 ? (
            <p className={classes.none}>
              <Icon name="ok" size={20} />
              No alarm is raised
            </p>
          ) : (
            <ul className={classes.list}>
              {alarms.map((alarm) => (
                <li key={alarm.id} className={classes.item}>
                  <div className={classes.head}>
                    <SeverityBadge severity={alarm.severity} size="sm" />
                    <span className={classes.object}>{alarm.object}</span>
                    <span className={classes.age}>
                      <Ago at={alarm.raised} />
                    </span>
                  </div>
                  <p className={classes.text}>{alarm.message}</p>
                  <div className={classes.foot}>
                    <Acknowledge alarm={alarm} />
                    {alarm.incident !== "" && (
                      <Link
                        to={`/incidents/${encodeURIComponent(alarm.incident)}?store=${encodeURIComponent(alarm.store)}`}
                      >
                        incident
                      </Link>
                    )}
                  </div>
                </li>
              ))}
            </ul>
          )}
        </div>
      </div>
    </Panel>
  );
}
