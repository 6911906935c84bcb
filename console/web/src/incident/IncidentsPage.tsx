import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";
import { useIncidents } from "../api/queries";
import { list, type IncidentRow } from "../api/types";
import { formatDuration } from "../format/duration";
import { Term } from "../glossary/Term";
import { Badge, SeverityBadge } from "../health/Badge";
import { PageHead } from "../ui/PageHead";
import { SearchField } from "../ui/SearchField";
import { Empty, Failed, Rows } from "../ui/states";
import table from "../ui/table.module.css";
import { usePageTitle } from "../ui/usePageTitle";
import { Ago, When } from "../ui/When";
import { incidentPath, incidentState, kindName } from "./incident";
import { RecoveryBar } from "./RecoveryBar";

const LIMIT = 200;

function matches(row: IncidentRow, search: string): boolean {
  const text = [row.store, row.title, kindName(row.kind), row.failedNode, row.survivor].join(" ").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export default function IncidentsPage() {
  usePageTitle("Incidents");
  const [params, setParams] = useSearchParams();
  const open = params.get("open") === "true";
  const [search, setSearch] = useState("");
  const incidents = useIncidents({ open: open || undefined, limit: LIMIT });
  const rows = list(incidents.data?.incidents).filter((row) => matches(row, search));
  const slowest = Math.max(0, ...list(incidents.data?.incidents).map((row) => row.recoverySeconds));

  return (
    <>
      <PageHead title="Incidents" lead="Failures with all their evidence, newest first.">
        <SearchField label="Search incidents" value={search} onChange={setSearch} />
        <SegmentedControl
          size="xs"
          aria-label="Which incidents"
          value={open ? "open" : "all"}
          onChange={(value) => setParams(value === "open" ? { open: "true" } : {}, { replace: true })}
          data={[
            { value: "all", label: "All" },
            { value: "open", label: "Open" },
          ]}
        />
      </PageHead>
      <div className={table.frame}>
        {incidents.data === undefined ? (
          incidents.isError ? (
            <Failed what="The incidents" error={incidents.error} retry={() => void incidents.refetch()} />
          ) : (
            <Rows count={8} height={52} />
          )
        ) : rows.length === 0 ? (
          <Empty
            icon="incident"
            title={search !== "" ? "No incident matches" : open ? "No incident is open" : "No incident so far"}
          >
            {search === "" && "When a store fails over, it appears here with its recovery time and its evidence."}
          </Empty>
        ) : (
          <IncidentTable rows={rows} slowest={slowest} />
        )}
      </div>
    </>
  );
}

function IncidentTable({ rows, slowest }: { rows: readonly IncidentRow[]; slowest: number }) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">State</th>
          <th scope="col">Store</th>
          <th scope="col">What happened</th>
          <th scope="col">Kind</th>
          <th scope="col">
            <Term word="recovery">Recovered in</Term>
          </th>
          <th scope="col">
            <Term word="severity">Severity</Term>
          </th>
          <th scope="col">Opened</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.store} ${row.id}`} style={{ height: 50 }}>
            <td>
              <Badge look={incidentState(row)} />
            </td>
            <td>
              <Link to={`/stores/${encodeURIComponent(row.store)}`}>{row.store}</Link>
            </td>
            <td className={table.wrap}>
              <Link to={incidentPath(row)}>{row.title}</Link>
            </td>
            <td>{kindName(row.kind)}</td>
            <td>
              {row.recoverySeconds > 0 ? (
                <RecoveryBar seconds={row.recoverySeconds} slowest={slowest} />
              ) : (
                <span className={table.dim}>{row.closed === undefined ? "not yet" : formatDuration(undefined)}</span>
              )}
            </td>
            <td>
              <SeverityBadge severity={row.severity} quiet />
            </td>
            <td>
              <When at={row.opened} />
              <br />
              <span className={table.dim} style={{ fontSize: 12 }}>
                <Ago at={row.opened} />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
