import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { useOlderEvents } from "../api/queries";
import { list, type StoreEvent } from "../api/types";
import { severityLook } from "../health/health";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { When } from "../ui/When";
import classes from "./Events.module.css";

/** What happened, newest first; new entries are announced, older ones fetched on demand. */
export function Events({ store, recent }: { store: string; recent: readonly StoreEvent[] }) {
  const [from, setFrom] = useState<number | null>(null);
  const older = useOlderEvents(store, from ?? 0, from !== null);
  const events = useMemo(() => {
    const all = new Map<number, StoreEvent>();
    for (const event of recent) all.set(event.key, event);
    for (const page of older.data?.pages ?? []) for (const event of list(page.events)) all.set(event.key, event);
    return [...all.values()].sort((a, b) => b.key - a.key);
  }, [recent, older.data]);
  const exhausted = older.data !== undefined && !older.hasNextPage;

  const more = () => {
    if (from === null) setFrom(events.at(-1)?.key ?? 0);
    else void older.fetchNextPage();
  };

  return (
    <Panel title="Events" note="live, newest first" flush>
      {events.length === 0 ? (
        <Empty icon="clock" title="Nothing has happened yet" />
      ) : (
        <div className={classes.scroll}>
          <ol className={classes.list} aria-live="polite" aria-relevant="additions">
            {events.map((event) => (
              <EventLine key={event.key} event={event} />
            ))}
          </ol>
          <div className={classes.more}>
            {older.isError ? (
              <span role="alert">{older.error.message}</span>
            ) : exhausted ? (
              <span>That is all.</span>
            ) : (
              <Button variant="subtle" size="xs" loading={older.isFetching} onClick={more}>
                Older events
              </Button>
            )}
          </div>
        </div>
      )}
    </Panel>
  );
}

function EventLine({ event }: { event: StoreEvent }) {
  const look = event.severity === "" ? undefined : severityLook(event.severity);
  return (
    <li className={classes.event}>
      <span className={classes.time}>
        <When at={event.time} />
      </span>
      <span className={classes.mark} data-tone={look?.tone ?? "none"}>
        <Icon name={look?.icon ?? "right"} size={12} stroke={2.8} label={look?.word} />
      </span>
      <span className={classes.node}>{event.node}</span>
      <span className={classes.text}>
        {event.message}
        <span className={classes.kind}>{event.kind}</span>
      </span>
    </li>
  );
}
