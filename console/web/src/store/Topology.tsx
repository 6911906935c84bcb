import { Fragment } from "react";
import type { Link, NodeDetail } from "../api/types";
import { formatDuration } from "../format/duration";
import { formatCount, formatRatio } from "../format/quantity";
import { Term } from "../glossary/Term";
import { HealthBadge } from "../health/Badge";
import { feedsOf, healthLook, pairLinks, type LinkPair } from "../health/health";
import { usePresence } from "../health/usePresence";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { NodeCard } from "./NodeCard";
import { UpsCard } from "./UpsCard";
import classes from "./Topology.module.css";

/** The pair as it is wired: two nodes, what feeds them, and the paths on which they hear each other. */
export function Topology({ nodes }: { nodes: readonly NodeDetail[] }) {
  const [left, right] = nodes;
  const links = pairLinks(nodes);
  if (left === undefined) return null;
  return (
    <Panel title="Nodes and links" note="as each node reported last">
      <div className={classes.plan}>
        <Side node={left} nodes={nodes} />
        <div className={classes.links}>
          {links.map((link) => (
            <LinkRow key={link.name} link={link} nodes={nodes} />
          ))}
          {links.length === 0 && <p className={classes.none}>No link reported</p>}
        </div>
        {right === undefined ? (
          <div className={classes.missing}>The second node has not reported yet.</div>
        ) : (
          <Side node={right} nodes={nodes} />
        )}
      </div>
    </Panel>
  );
}

function Side({ node, nodes }: { node: NodeDetail; nodes: readonly NodeDetail[] }) {
  const peer = nodes.find((one) => one.node !== node.node);
  const presences = usePresence(nodes);
  const presence = presences[nodes.indexOf(node)] ?? "never";
  return (
    <div className={classes.side}>
      <NodeCard node={node} peer={peer} presence={presence} />
      {feedsOf(node.node, nodes).map(({ device, reader }) => {
        const stale = presences[nodes.indexOf(reader)] !== "present";
        return (
          <Fragment key={device.name}>
            <span className={classes.feed} data-power={stale ? "unknown" : device.power} aria-hidden="true" />
            <UpsCard device={device} stale={stale} />
          </Fragment>
        );
      })}
    </div>
  );
}

function End({ link, silent }: { link: Link | undefined; silent: boolean }) {
  if (link === undefined || silent) return <span className={classes.end}>no word</span>;
  const heard = link.lastHeardSeconds < 0 ? "never heard" : `heard ${formatDuration(link.lastHeardSeconds)} ago`;
  const dropped = link.droppedForged + link.droppedReplayed + link.droppedForeign;
  return (
    <span className={classes.end} title={link.message}>
      <span>{heard}</span>
      <span className={classes.late}>
        <Term word="lateness" quiet>
          late ≤ {formatDuration(link.latenessP99Seconds)}
        </Term>
      </span>
      {link.lossRatio >= 0.001 && (
        <span className={classes.dropped}>
          <Term word="loss" quiet>
            {formatRatio(link.lossRatio)} lost
          </Term>
        </span>
      )}
      {dropped > 0 && <span className={classes.dropped}>{formatCount(dropped)} dropped</span>}
    </span>
  );
}

function LinkRow({ link, nodes }: { link: LinkPair; nodes: readonly NodeDetail[] }) {
  const silent = usePresence(nodes).map((presence) => presence !== "present");
  const known = silent.every(Boolean) ? "unknown" : link.health;
  const look = healthLook(known);
  const carriers = link.ends.map((end) => end?.carrier).filter((carrier) => carrier === "down");
  return (
    <div className={classes.link} data-tone={look.tone}>
      <div className={classes.label}>
        <Icon name={link.direct ? "cable" : "network"} size={16} stroke={1.8} />
        <b>
          <Term word="link" quiet>
            {link.name}
          </Term>
        </b>
        <HealthBadge health={known} size="sm" />
        {carriers.length > 0 && (
          <span className={classes.dropped}>
            <Term word="carrier">no carrier</Term>
          </span>
        )}
      </div>
      <div className={classes.wire} aria-hidden="true">
        <span className={classes.plug} />
        <span className={classes.line} />
        {look.tone === "bad" && (
          <span className={classes.cut}>
            <Icon name="down" size={14} stroke={3} />
          </span>
        )}
        <span className={classes.plug} />
      </div>
      <div className={classes.ends}>
        {link.ends.map((end, index) => (
          <End key={nodes[index]?.node} link={end} silent={silent[index] ?? true} />
        ))}
      </div>
    </div>
  );
}
