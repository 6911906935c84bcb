import { Link } from "react-router";
import type { Alarm, StoreSummary } from "../api/types";
import { Term } from "../glossary/Term";
import { SeverityBadge } from "../health/Badge";
import { hasContact, tellerNote } from "../health/health";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Ago, When } from "../ui/When";
import { Acknowledge } from "./Acknowledge";
import classes from "./StoreAlarms.module.css";

/** A store's raised alarms in a place of their own that keeps its height. */
export function StoreAlarms({ summary, alarms }: { summary: StoreSummary; alarms: readonly Alarm[] }) {
  const contact = hasContact(summary);
  const count = alarms.length > 0 ? `${alarms.length} raised` : "";
  return (
    <Panel title={<Term word="alarm">Alarms</Term>} note={contact || count === "" ? count : `${count}, last known`} flush>
      <div className={classes.room}>
        <div className={classes.scroll} aria-live="polite">
          {alarms.length === 0 ? (
            <None contact={contact} since={summary.lastSeen} />
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
                  <p className={classes.teller}>{tellerNote(alarm, summary)}</p>
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

/** No alarm is good news only from a store that would tell of one. */
function None({ contact, since }: { contact: boolean; since: string | undefined }) {
  if (contact)
    return (
      <p className={classes.none}>
        <Icon name="ok" size={20} />
        No alarm is raised
      </p>
    );
  return (
    <p className={classes.none} data-tone="unknown">
      <Icon name="unknown" size={20} />
      {since === undefined ? (
        "Not known: the store was never heard"
      ) : (
        <span>
          Not known: no contact since <When at={since} />
        </span>
      )}
    </p>
  );
}
