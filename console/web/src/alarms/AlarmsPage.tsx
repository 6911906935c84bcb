import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import { useAlarms, useStores } from "../api/queries";
import { list, type Alarm } from "../api/types";
import { plural } from "../format/quantity";
import { hasContact } from "../health/health";
import { PageHead } from "../ui/PageHead";
import { SearchField } from "../ui/SearchField";
import { Empty, Failed, Rows } from "../ui/states";
import table from "../ui/table.module.css";
import { usePageTitle } from "../ui/usePageTitle";
import { AlarmTable } from "./AlarmTable";

type Which = "all" | "new" | "acknowledged";

function wanted(alarm: Alarm, which: Which, search: string): boolean {
  const acknowledged = alarm.acknowledged !== undefined;
  if (which === "new" && acknowledged) return false;
  if (which === "acknowledged" && !acknowledged) return false;
  const text = [alarm.store, alarm.node, alarm.object, alarm.condition, alarm.message, alarm.severity]
    .join(" ")
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export default function AlarmsPage() {
  usePageTitle("Alarms");
  const alarms = useAlarms();
  const [which, setWhich] = useState<Which>("all");
  const [search, setSearch] = useState("");
  const all = list(alarms.data?.alarms);
  const shown = all.filter((alarm) => wanted(alarm, which, search));
  const lost = list(useStores().data?.stores).filter((store) => !hasContact(store)).length;
  const fresh = all.filter((alarm) => alarm.acknowledged === undefined).length;

  return (
    <>
      <PageHead
        title="Alarms"
        lead={
          alarms.data === undefined
            ? "States that need attention, worst first."
            : `${plural(all.length, "alarm")} raised, ${fresh} not acknowledged. Worst first.${
                lost > 0 ? ` No contact with ${plural(lost, "store")}.` : ""
              }`
        }
      >
        <SearchField label="Search alarms" value={search} onChange={setSearch} />
        <SegmentedControl
          size="xs"
          aria-label="Which alarms"
          value={which}
          onChange={(value) => setWhich(value as Which)}
          data={[
            { value: "all", label: "All" },
            { value: "new", label: "Not acknowledged" },
            { value: "acknowledged", label: "Acknowledged" },
          ]}
        />
      </PageHead>
      <div className={table.frame}>
        {alarms.data === undefined ? (
          alarms.isError ? (
            <Failed what="The alarms" error={alarms.error} retry={() => void alarms.refetch()} />
          ) : (
            <Rows count={6} height={56} />
          )
        ) : shown.length === 0 ? (
          <Empty
            icon={all.length > 0 ? "search" : lost > 0 ? "unknown" : "ok"}
            title={all.length === 0 ? "No alarm is raised" : "No alarm matches"}
          >
            {all.length === 0 &&
              (lost > 0
                ? `Of ${plural(lost, "store")} that is not known: the console has no contact.`
                : "Nothing needs attention now. Alarms appear here by themselves and go when their cause is gone.")}
          </Empty>
        ) : (
          <AlarmTable alarms={shown} />
        )}
      </div>
    </>
  );
}
