// What the pages ask for, under stable keys. The live stream writes into the same keys.
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, isUnauthorized, post, queryString } from "./client";
import type {
  AlarmList,
  EventList,
  FailoverSummary,
  IncidentDetail,
  IncidentList,
  Session,
  StoreDetail,
  StoreList,
} from "./types";

const API = "/api/v1";
const segment = encodeURIComponent;

export const keys = {
  session: ["session"] as const,
  stores: ["stores"] as const,
  store: (store: string) => ["store", store] as const,
  events: (store: string) => ["events", store] as const,
  incidents: ["incidents"] as const,
  incidentList: (filter: IncidentFilter) => ["incidents", filter] as const,
  incident: (id: string) => ["incident", id] as const,
  failovers: ["failovers"] as const,
  alarms: ["alarms"] as const,
};

export interface IncidentFilter {
  store?: string;
  open?: boolean;
  limit?: number;
}

export function useSession() {
  return useQuery({
    queryKey: keys.session,
    queryFn: ({ signal }) => get<Session>(`${API}/session`, signal),
    retry: (count, error) => !isUnauthorized(error) && count < 2,
    staleTime: 5 * 60_000,
  });
}

export function useLogin() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (credentials: { user: string; password: string }) =>
      post<Session | undefined>(`${API}/login`, credentials),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.session }),
  });
}

export function useLogout() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => post<undefined>(`${API}/logout`),
    onSettled: () => {
      client.clear();
      window.location.assign("/login");
    },
  });
}

export function useStores() {
  return useQuery({
    queryKey: keys.stores,
    queryFn: ({ signal }) => get<StoreList>(`${API}/stores`, signal),
    refetchInterval: 30_000,
  });
}

export function useStore(store: string) {
  return useQuery({
    queryKey: keys.store(store),
    queryFn: ({ signal }) => get<StoreDetail>(`${API}/stores/${segment(store)}`, signal),
    refetchInterval: 30_000,
  });
}

/** Events older than those that the store's detail brings, page by page. */
export function useOlderEvents(store: string, before: number, enabled: boolean) {
  return useInfiniteQuery({
    queryKey: [...keys.events(store), before],
    enabled,
    initialPageParam: before,
    queryFn: ({ pageParam, signal }) =>
      get<EventList>(`${API}/stores/${segment(store)}/events${queryString({ limit: 50, before: pageParam })}`, signal),
    getNextPageParam: (last) => (last.next > 0 ? last.next : undefined),
    staleTime: Infinity,
  });
}

export function useIncidents(filter: IncidentFilter) {
  return useQuery({
    queryKey: keys.incidentList(filter),
    queryFn: ({ signal }) => get<IncidentList>(`${API}/incidents${queryString({ ...filter })}`, signal),
    placeholderData: keepPreviousData,
  });
}

export function useIncident(id: string, store: string | undefined) {
  return useQuery({
    queryKey: keys.incident(id),
    queryFn: ({ signal }) => get<IncidentDetail>(`${API}/incidents/${segment(id)}${queryString({ store })}`, signal),
  });
}

/** The failovers of all stores within the last days, summed up. */
export function useFailovers(days: number) {
  return useQuery({
    queryKey: [...keys.failovers, days],
    queryFn: ({ signal }) => get<FailoverSummary>(`${API}/failovers${queryString({ days })}`, signal),
    refetchInterval: 60_000,
  });
}

export function useAlarms() {
  return useQuery({
    queryKey: keys.alarms,
    queryFn: ({ signal }) => get<AlarmList>(`${API}/alarms`, signal),
    refetchInterval: 60_000,
  });
}

export function useAcknowledge() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, comment }: { id: number; comment: string }) =>
      post<undefined>(`${API}/alarms/${id}/acknowledge`, { comment }),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.alarms });
      void client.invalidateQueries({ queryKey: ["store"] });
    },
  });
}
