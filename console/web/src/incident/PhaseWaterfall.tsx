import { Tooltip } from "@mantine/core";
import type { Phase } from "../api/types";
import { formatDuration, formatOffset } from "../format/duration";
import { isWord } from "../glossary/glossary";
import { Term } from "../glossary/Term";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { layoutPhases, type Bar } from "./phases";
import { anchor } from "./evidence";
import classes from "./PhaseWaterfall.module.css";

/** Where the recovery time went: each phase on one axis of time. */
export function PhaseWaterfall({
  phases,
  recovery,
  since,
  open,
}: {
  phases: readonly Phase[];
  recovery: number;
  since: string;
  open: boolean;
}) {
  const { bars, ticks, end } = layoutPhases(phases, recovery);
  return (
    <Panel title="Phases" note={`where the time went, ${since}`} id="phases">
      {phases.length === 0 ? (
        <Empty icon="clock" title={open ? "No phase is finished yet" : "No phases were measured"}>
          {open ? "They appear here as the surviving node reports them." : "Only a takeover has phases."}
        </Empty>
      ) : (
        <div className={classes.chart}>
          <div className={classes.axis} aria-hidden="true">
            {ticks.map((tick) => (
              <span key={tick} style={{ left: `${(tick / end) * 100}%` }}>
                {tick === 0 ? "0" : formatDuration(tick)}
              </span>
            ))}
          </div>
          <ol className={classes.rows}>
            {bars.map((bar) => (
              <Row key={bar.phase.name} bar={bar} ticks={ticks} end={end} />
            ))}
          </ol>
        </div>
      )}
    </Panel>
  );
}

function Row({ bar, ticks, end }: { bar: Bar; ticks: readonly number[]; end: number }) {
  const { phase } = bar;
  const name = phase.name;
  return (
    <li className={classes.row} id={anchor("phases", name)}>
      <span className={classes.name}>
        {isWord(name) ? <Term word={name} /> : name}
        {!phase.ok && <Icon name="down" size={14} label="failed" stroke={2.6} />}
      </span>
      <span className={classes.track}>
        {ticks.map((tick) => (
          <span key={tick} className={classes.line} style={{ left: `${(tick / end) * 100}%` }} />
        ))}
        <Tooltip
          label={`${formatOffset(phase.offsetSeconds)}, for ${formatDuration(phase.durationSeconds)}${phase.detail ? `: ${phase.detail}` : ""}`}
          multiline
          maw={360}
        >
          <span
            className={classes.bar}
            data-failed={!phase.ok || undefined}
            style={{ left: `${bar.left}%`, width: `max(3px, ${bar.width}%)` }}
          />
        </Tooltip>
      </span>
      <span className={classes.time}>{formatDuration(phase.durationSeconds)}</span>
      <span className={classes.detail} title={phase.detail}>
        {phase.detail}
      </span>
    </li>
  );
}
