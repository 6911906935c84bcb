// Live.Provider joins the stream to the query caches and tells how fresh the page is.
import { useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { consoleNow, fromBrowser } from "./clock";
import { keys } from "./queries";
import {
  insertEvent,
  statusIntoDetail,
  statusIntoStores,
  statusMatters,
  summaryIntoDetail,
  upsertAlarm,
  upsertIncident,
} from "./reducers";
import { openStream, type StreamState } from "./stream";
import {
  list,
  type Alarm,
  type AlarmList,
  type IncidentList,
  type IncidentRow,
  type Status,
  type StoreDetail,
  type StoreEvent,
  type StoreList,
  type StoreSummary,
} from "./types";

export interface Live {
  state: StreamState;
  /** When the stream was lost, in milliseconds since 1970; null while it is live. */
  lostSince: number | null;
}

const Context = createContext<Live>({ state: "connecting", lostSince: null });

export const useLive = () => useContext(Context);

const GATHER = 400; // several changes of one failover make one refetch

/** Asks for the lists again, once for many messages. */
function gatherer(client: QueryClient) {
  const waiting = new Map<string, readonly unknown[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    for (const key of waiting.values()) void client.invalidateQueries({ queryKey: key });
    waiting.clear();
  };
  return {
    ask(key: readonly unknown[]) {
      waiting.set(JSON.stringify(key), key);
      timer ??= setTimeout(flush, GATHER);
    },
    stop: () => clearTimeout(timer),
  };
}

type Ask = (key: readonly unknown[]) => void;

function onStatus(client: QueryClient, ask: Ask, status: Status) {
  const received = new Date(consoleNow()).toISOString();
  const old = client.getQueryData<StoreDetail>(keys.store(status.store));
  const known = list(old?.nodes).find((node) => node.node === status.node);
  client.setQueryData<StoreDetail>(
    keys.store(status.store),
    (detail) => detail && statusIntoDetail(detail, status, received),
  );
  const stores = client.getQueryData<StoreList>(keys.stores);
  const row = list(stores?.stores).find((store) => store.store === status.store);
  client.setQueryData<StoreList>(keys.stores, (data) => data && statusIntoStores(data, status, received));
  const node = list(row?.nodes).find((one) => one.node === status.node);
  if (stores !== undefined && (!node?.online || node.role !== status.role || row?.redundant !== status.redundant))
    ask(keys.stores);
  if (old !== undefined && (!known?.online || statusMatters(known.status, status))) ask(keys.store(status.store));
}

function onEvent(client: QueryClient, event: StoreEvent) {
  client.setQueryData<StoreDetail>(
    keys.store(event.store),
    (detail) => detail && { ...detail, events: [...insertEvent(list(detail.events), event)] },
  );
}

function onIncident(client: QueryClient, ask: Ask, row: IncidentRow) {
  client.setQueryData<StoreDetail>(
    keys.store(row.store),
    (detail) => detail && { ...detail, incidents: [...upsertIncident(list(detail.incidents), row)] },
  );
  client.setQueriesData<IncidentList>({ queryKey: keys.incidents }, (data) => {
    if (data === undefined || !list(data.incidents).some((old) => old.id === row.id)) return data;
    return { ...data, incidents: [...upsertIncident(list(data.incidents), row)] };
  });
  for (const key of [keys.incidents, keys.incident(row.id), keys.failovers, keys.stores, keys.store(row.store)])
    ask(key);
}

function onAlarm(client: QueryClient, ask: Ask, alarm: Alarm) {
  client.setQueryData<AlarmList>(
    keys.alarms,
    (data) => data && { ...data, alarms: [...upsertAlarm(list(data.alarms), alarm)] },
  );
  client.setQueryData<StoreDetail>(
    keys.store(alarm.store),
    (detail) => detail && { ...detail, alarms: [...upsertAlarm(list(detail.alarms), alarm)] },
  );
  ask(keys.stores);
  ask(keys.store(alarm.store));
}

function onStore(client: QueryClient, ask: Ask, summary: StoreSummary) {
  const known = list(client.getQueryData<StoreList>(keys.stores)?.stores).some(
    (store) => store.store === summary.store,
  );
  if (!known) ask(keys.stores);
  client.setQueryData<StoreList>(
    keys.stores,
    (data) =>
      data && { ...data, stores: list(data.stores).map((store) => (store.store === summary.store ? summary : store)) },
  );
  client.setQueryData<StoreDetail>(keys.store(summary.store), (detail) => detail && summaryIntoDetail(detail, summary));
}

function dispatch(client: QueryClient, ask: Ask, kind: string, data: unknown) {
  if (kind === "status") onStatus(client, ask, data as Status);
  else if (kind === "event") onEvent(client, data as StoreEvent);
  else if (kind === "incident") onIncident(client, ask, data as IncidentRow);
  else if (kind === "alarm") onAlarm(client, ask, data as Alarm);
  else if (kind === "store") onStore(client, ask, data as StoreSummary);
}

export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [live, setLive] = useState<Live>({ state: "connecting", lostSince: null });

  useEffect(() => {
    const gather = gatherer(client);
    let everLive = false;
    const close = openStream("/api/v1/stream", {
      onMessage: (kind, data) => dispatch(client, gather.ask, kind, data),
      onState: (state, heard) => {
        setLive((old) => ({ state, lostSince: state === "lost" ? (old.lostSince ?? fromBrowser(heard)) : null }));
        if (state === "live" && everLive) void client.invalidateQueries();
        if (state === "lost") void client.invalidateQueries({ queryKey: keys.session });
        everLive ||= state === "live";
      },
    });
    return () => {
      gather.stop();
      close();
    };
  }, [client]);

  const value = useMemo(() => live, [live]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}
