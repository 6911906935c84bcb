// How fresh the page is: a quiet mark in the bar, and a banner when it is not.
import { Tooltip } from "@mantine/core";
import { useLive } from "../api/live";
import { formatElapsed } from "../format/duration";
import { formatClock } from "../format/time";
import { Icon } from "../ui/Icon";
import { useNow } from "../ui/useNow";
import classes from "./Connection.module.css";

const WORDS = { live: "Live", connecting: "Connecting", lost: "Not live" } as const;

export function ConnectionMark() {
  const { state } = useLive();
  const label = state === "live" ? "Changes appear here as they happen." : "The page shows the last known state.";
  return (
    <Tooltip label={label}>
      <span className={classes.mark} data-state={state} role="status">
        <span className={classes.dot} />
        {WORDS[state]}
      </span>
    </Tooltip>
  );
}

const PATIENCE = 2_000; // a short break is not worth a banner

export function ConnectionBanner() {
  const { lostSince } = useLive();
  const now = useNow();
  if (lostSince === null || now - lostSince < PATIENCE) return null;
  return (
    <div className={classes.banner} role="alert">
      <Icon name="degraded" size={16} />
      <span>
        <strong>Connection to the console lost.</strong> Everything here is as of {formatClock(lostSince)} (
        {formatElapsed((now - lostSince) / 1000)} old). Trying again.
      </span>
    </div>
  );
}
