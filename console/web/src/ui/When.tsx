import { Tooltip } from "@mantine/core";
import { ageSeconds, formatClock, formatFull, formatUTC, formatWhen, toMillis, type Moment } from "../format/time";
import { formatAge } from "../format/duration";
import { useNow } from "./useNow";

const both = (at: Moment) => (
  <>
    {formatFull(at)} local
    <br />
    {formatUTC(at)}
  </>
);

/** A moment in local time; the tooltip has the milliseconds and UTC. */
export function When({ at, millis = false }: { at: Moment; millis?: boolean }) {
  const now = useNow();
  if (toMillis(at) === null) return <span>–</span>;
  return (
    <Tooltip label={both(at)}>
      <time dateTime={new Date(toMillis(at) ?? 0).toISOString()}>
        {millis ? formatClock(at, true) : formatWhen(at, now)}
      </time>
    </Tooltip>
  );
}

/** How long ago; the tooltip has the moment. */
export function Ago({ at, never = "never" }: { at: Moment; never?: string }) {
  const now = useNow();
  if (toMillis(at) === null) return <span>{never}</span>;
  return (
    <Tooltip label={both(at)}>
      <time dateTime={new Date(toMillis(at) ?? 0).toISOString()}>{formatAge(ageSeconds(at, now))}</time>
    </Tooltip>
  );
}
