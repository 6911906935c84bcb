import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { useSearchParams } from "react-router";
import { useAlarms, useFailovers, useIncidents, useStores } from "../api/queries";
import { list, type HealthWord } from "../api/types";
import { asHealth, countStores } from "../health/health";
import { formatCount } from "../format/quantity";
import { usePage } from "../ui/usePage";
import { usePageTitle } from "../ui/usePageTitle";
import { Empty, Failed } from "../ui/states";
import { Headline } from "./Headline";
import { Latest } from "./Latest";
import { DAYS } from "./recovery";
import { filterRows, joinRows, sortRows, type Sort } from "./rows";
import { StoreCards } from "./StoreCards";
import { StoreTable } from "./StoreTable";
import { Toolbar, type View } from "./Toolbar";
import { OverviewSkeleton } from "./OverviewSkeleton";
import classes from "./OverviewPage.module.css";

const CARDS_UP_TO = 6; // stores: beyond that a table tells more

const PAGE = 200; // rows drawn at once

export function OverviewPage() {
  usePageTitle("Stores");
  const stores = useStores();
  const incidents = useIncidents({ limit: 200 });
  const failovers = useFailovers(DAYS);
  const alarms = useAlarms();
  const [params, setParams] = useSearchParams();
  const [search, setSearch] = useState("");
  const [sort, setSort] = useState<Sort>({ key: "health", direction: "asc" });
  const [view, setView] = useState<View | null>(null);

  const wanted = params.get("health");
  const health: HealthWord | "all" = wanted === null ? "all" : asHealth(wanted);
  const setHealth = (next: HealthWord | "all") => setParams(next === "all" ? {} : { health: next }, { replace: true });

  const all = list(stores.data?.stores);
  const rows = useMemo(
    () => joinRows(list(stores.data?.stores), list(incidents.data?.incidents)),
    [stores.data, incidents.data],
  );
  const shown = useMemo(() => sortRows(filterRows(rows, search, health), sort), [rows, search, health, sort]);

  const page = usePage(shown, PAGE);

  if (stores.data === undefined) {
    return stores.isError ? (
      <Failed what="The stores" error={stores.error} retry={() => void stores.refetch()} />
    ) : (
      <OverviewSkeleton />
    );
  }
  const chosen = view ?? (all.length <= CARDS_UP_TO ? "cards" : "table");

  return (
    <div className={classes.page}>
      <Headline
        counts={countStores(all)}
        rows={rows}
        alarms={list(alarms.data?.alarms)}
        failovers={failovers.data}
        health={health}
        onHealth={setHealth}
      />
      <div className={classes.columns} data-view={chosen}>
        <section aria-label="Stores" className={classes.stores}>
          <Toolbar
            search={search}
            onSearch={setSearch}
            health={health}
            onHealth={setHealth}
            view={chosen}
            onView={setView}
            shown={shown.length}
            total={all.length}
          />
          {shown.length === 0 ? (
            <div className={classes.none}>
              {all.length === 0 ? (
                <Empty icon="store" title="No store has reported yet">
                  Enrol a store's nodes with “storeward-console enroll” and start storewardd on them: the store appears
                  here by itself.
                </Empty>
              ) : (
                <Empty icon="search" title="No store matches">
                  Change the search or the filter.
                </Empty>
              )}
            </div>
          ) : chosen === "cards" ? (
            <StoreCards rows={page.shown} />
          ) : (
            <StoreTable rows={page.shown} sort={sort} onSort={setSort} />
          )}
          {page.rest > 0 && (
            <Button variant="default" size="xs" onClick={page.more}>
              {`Show more, ${formatCount(page.rest)} are left`}
            </Button>
          )}
        </section>
        <Latest
          incidents={list(incidents.data?.incidents).slice(0, 8)}
          loading={incidents.isPending}
          error={incidents.error}
          retry={() => void incidents.refetch()}
        />
      </div>
    </div>
  );
}
