import { Link } from "react-router";
import { list, type Alarm } from "../api/types";
import { useStores } from "../api/queries";
import { plural } from "../format/quantity";
import { Term } from "../glossary/Term";
import { SeverityBadge } from "../health/Badge";
import { tellerNote } from "../health/health";
import table from "../ui/table.module.css";
import { Ago, When } from "../ui/When";
import { Acknowledge } from "./Acknowledge";

/** Raised alarms of all stores. */
export function AlarmTable({ alarms }: { alarms: readonly Alarm[] }) {
  const stores = list(useStores().data?.stores);
  const teller = (alarm: Alarm) => tellerNote(alarm, stores.find((store) => store.store === alarm.store));
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">
            <Term word="severity">Severity</Term>
          </th>
          <th scope="col">Store</th>
          <th scope="col">What</th>
          <th scope="col">Raised</th>
          <th scope="col">
            <Term word="acknowledge">Acknowledged</Term>
          </th>
        </tr>
      </thead>
      <tbody>
        {alarms.map((alarm) => (
          <tr key={alarm.id} style={{ height: 54 }}>
            <td>
              <SeverityBadge severity={alarm.severity} />
            </td>
            <td>
              <Link to={`/stores/${encodeURIComponent(alarm.store)}`}>{alarm.store}</Link>
            </td>
            <td className={table.wrap}>
              {alarm.message}
              <br />
              <span className={table.dim} style={{ fontSize: 12.5 }}>
                {alarm.object} {alarm.condition}
                {alarm.count > 1 && `, raised ${plural(alarm.count, "time")}`}
                {`, ${teller(alarm)}`}
                {alarm.incident !== "" && (
                  <>
                    {", "}
                    <Link
                      to={`/incidents/${encodeURIComponent(alarm.incident)}?store=${encodeURIComponent(alarm.store)}`}
                    >
                      incident
                    </Link>
                  </>
                )}
              </span>
            </td>
            <td>
              <When at={alarm.raised} />
              <br />
              <span className={table.dim} style={{ fontSize: 12.5 }}>
                <Ago at={alarm.raised} />
              </span>
            </td>
            <td style={{ width: 220 }}>
              <Acknowledge alarm={alarm} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
