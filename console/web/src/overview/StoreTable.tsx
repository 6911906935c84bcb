import { Link } from "react-router";
import type { StoreSummary } from "../api/types";
import { formatDuration } from "../format/duration";
import { localTimes } from "../format/time";
import { Term } from "../glossary/Term";
import type { Word } from "../glossary/glossary";
import { Badge, SeverityBadge, StoreBadge } from "../health/Badge";
import { hasContact } from "../health/health";
import { Icon } from "../ui/Icon";
import { incidentPath } from "../incident/incident";
import { Ago } from "../ui/When";
import type { Row, Sort, SortKey } from "./rows";
import table from "../ui/table.module.css";
import classes from "./StoreTable.module.css";

interface Column {
  label: string;
  word?: Word;
  sort?: SortKey;
  narrow?: "hide";
}

const COLUMNS: Column[] = [
  { label: "Selling", sort: "health" },
  { label: "Store", sort: "store" },
  { label: "Active node", word: "active" },
  { label: "Redundancy", word: "redundancy" },
  { label: "Last failover", word: "failover", sort: "failover" },
  { label: "Recovered in", word: "recovery" },
  { label: "Open alarms", word: "alarm", sort: "alarms" },
  { label: "Last seen", word: "last seen", sort: "seen" },
];

export function StoreTable({ rows, sort, onSort }: { rows: readonly Row[]; sort: Sort; onSort: (sort: Sort) => void }) {
  return (
    <div className={table.frame}>
      <table className={table.table}>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <Header key={column.label} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <StoreRow key={row.store.store} row={row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Header({ column, sort, onSort }: { column: Column; sort: Sort; onSort: (sort: Sort) => void }) {
  const key = column.sort;
  if (key === undefined) {
    return <th scope="col">{column.word ? <Term word={column.word}>{column.label}</Term> : column.label}</th>;
  }
  const mine = sort.key === key;
  const next = mine && sort.direction === "asc" ? "desc" : "asc";
  return (
    <th scope="col" aria-sort={mine ? (sort.direction === "asc" ? "ascending" : "descending") : "none"}>
      <button
        type="button"
        className={classes.sort}
        data-mine={mine || undefined}
        onClick={() => onSort({ key, direction: next })}
      >
        {column.label}
        <Icon name={mine && sort.direction === "desc" ? "up" : "downward"} size={13} />
      </button>
    </th>
  );
}

function Redundancy({ store }: { store: StoreSummary }) {
  if (store.health === "unknown") return <Badge look={{ tone: "unknown", word: "Unknown", icon: "unknown" }} quiet />;
  return store.redundant ? (
    <Badge look={{ tone: "ok", word: "Yes", icon: "shield" }} quiet />
  ) : (
    <Badge look={{ tone: "warn", word: "No", icon: "degraded" }} quiet />
  );
}

function StoreRow({ row: { store, failover } }: { row: Row }) {
  return (
    <tr className={classes.row}>
      <td>
        <StoreBadge health={store.health} />
      </td>
      <td className={classes.name}>
        <Link to={`/stores/${encodeURIComponent(store.store)}`}>{store.store}</Link>
        <span className={classes.reason} title={localTimes(store.reason)}>
          {store.health === "ok" ? "" : localTimes(store.reason)}
        </span>
      </td>
      <td>{store.active || <span className={table.dim}>none known</span>}</td>
      <td>
        <Redundancy store={store} />
      </td>
      <td>{failover ? <Ago at={failover.opened} /> : <span className={table.dim}>none</span>}</td>
      <td>
        {failover ? (
          <Link to={incidentPath(failover)}>
            {failover.recoverySeconds > 0 ? formatDuration(failover.recoverySeconds) : "not yet"}
          </Link>
        ) : (
          <span className={table.dim}>–</span>
        )}
      </td>
      <td>
        {store.alarms > 0 ? (
          <span className={classes.alarms}>
            <b>{store.alarms}</b> <SeverityBadge severity={store.worstSeverity} size="sm" />
          </span>
        ) : (
          <span className={table.dim}>{hasContact(store) ? "none" : "not known"}</span>
        )}
      </td>
      <td>
        <Ago at={store.lastSeen} />
      </td>
    </tr>
  );
}
