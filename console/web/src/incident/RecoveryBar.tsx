import { formatDuration } from "../format/duration";
import classes from "./RecoveryBar.module.css";

/** A recovery time beside a bar that compares it with the slowest one shown. */
export function RecoveryBar({ seconds, slowest }: { seconds: number; slowest: number }) {
  const percent = slowest > 0 ? (seconds / slowest) * 100 : 0;
  return (
    <span className={classes.cell}>
      <span className={classes.text}>{formatDuration(seconds)}</span>
      <span className={classes.track} aria-hidden="true">
        <span style={{ width: `max(2px, ${percent}%)` }} />
      </span>
    </span>
  );
}
