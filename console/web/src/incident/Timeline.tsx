import { formatOffset } from "../format/duration";
import { SegmentedControl } from "@mantine/core";
import { useState } from "react";
import type { TimelineEntry } from "../api/types";
import { severityLook } from "../health/health";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { When } from "../ui/When";
import { anchor } from "./evidence";
import classes from "./Timeline.module.css";

interface TimelineProps {
  entries: readonly TimelineEntry[];
  moment: number;
  nodes: readonly string[];
  failed: string;
}

/** What both nodes saw and did, in one order, each node in its own lane. */
export function Timeline({ entries, moment, nodes, failed }: TimelineProps) {
  const [only, setOnly] = useState("");
  const firsts = new Map<string, TimelineEntry>();
  for (const entry of entries) if (!firsts.has(entry.kind)) firsts.set(entry.kind, entry);
  const shown = entries.filter((entry) => only === "" || entry.node === only);
  return (
    <Panel
      title="Timeline"
      note={`${entries.length} entries of both nodes, by the nodes' clocks`}
      id="timeline"
      flush
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Entries of"
          value={only}
          onChange={setOnly}
          data={[{ value: "", label: "Both nodes" }, ...nodes.map((node) => ({ value: node, label: node }))]}
        />
      }
    >
      {shown.length === 0 ? (
        <Empty icon="clock" title="Nothing recorded" />
      ) : (
        <div className={classes.scroll}>
          <div className={classes.headings} aria-hidden="true">
            {nodes.map((node) => (
              <span key={node}>
                {node}
                {node === failed && <Icon name="down" size={13} stroke={3} label="failed" />}
              </span>
            ))}
          </div>
          <ol className={classes.list}>
            {shown.map((entry, index) => (
              <Entry
                key={`${entry.time} ${entry.node} ${entry.text} ${index}`}
                id={firsts.get(entry.kind) === entry ? anchor("timeline", entry.kind) : undefined}
                entry={entry}
                moment={moment}
                lane={Math.max(0, nodes.indexOf(entry.node))}
              />
            ))}
          </ol>
        </div>
      )}
    </Panel>
  );
}

function Entry({
  entry,
  moment,
  lane,
  id,
}: {
  entry: TimelineEntry;
  moment: number;
  lane: number;
  id: string | undefined;
}) {
  const look = severityLook(entry.severity);
  const offset = (Date.parse(entry.time) - moment) / 1000;
  return (
    <li className={classes.entry} id={id}>
      <span className={classes.offset}>{formatOffset(offset)}</span>
      <span className={classes.time}>
        <When at={entry.time} millis />
      </span>
      <span className={classes.lanes} data-lane={lane}>
        <span className={classes.dot} data-tone={look.tone}>
          <Icon name={look.icon} size={11} stroke={3} label={look.word} />
        </span>
      </span>
      <span className={classes.text}>
        <span className="visually-hidden">{entry.node}: </span>
        {entry.text}
        {entry.object && <span className={classes.object}>{entry.object}</span>}
      </span>
    </li>
  );
}
