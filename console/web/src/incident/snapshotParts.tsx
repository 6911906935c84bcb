// How each part of a snapshot is drawn. Rows carry the ids that evidence paths lead to.
import type { components } from "../api/schema";
import { list, type FenceDevice, type Host, type Link, type Probe, type Resource } from "../api/types";
import { formatDuration } from "../format/duration";
import { formatBytes, formatCount, formatRatio, formatValue, humanName, unitOf } from "../format/quantity";
import { HealthBadge } from "../health/Badge";
import { anchor } from "./evidence";
import classes from "./Snapshots.module.css";

type Schemas = components["schemas"];

function Meter({ ratio }: { ratio: number }) {
  const tone = ratio >= 0.95 ? "bad" : ratio >= 0.85 ? "warn" : undefined;
  return (
    <span className={classes.meter} aria-hidden="true">
      <span data-tone={tone} style={{ width: `${Math.min(100, ratio * 100)}%` }} />
    </span>
  );
}

export function HostFacts({ host, node }: { host: Host; node: string }) {
  const used = host.memoryTotalBytes > 0 ? 1 - host.memoryAvailableBytes / host.memoryTotalBytes : 0;
  const id = (part: string) => anchor("snapshot", node, "host", part);
  return (
    <dl className={classes.pairs}>
      <dt id={id("cpu")}>CPU used</dt>
      <dd>
        <Meter ratio={host.cpuUsedRatio} />
        {formatRatio(host.cpuUsedRatio)}, load {formatCount(host.load1)}
      </dd>
      <dt id={id("memory")}>Memory used</dt>
      <dd>
        <Meter ratio={used} />
        {formatRatio(used)}, {formatBytes(host.memoryAvailableBytes)} of {formatBytes(host.memoryTotalBytes)} available
      </dd>
      {host.swapUsedBytes > 0 && (
        <>
          <dt id={id("swap")}>Swap used</dt>
          <dd>{formatBytes(host.swapUsedBytes)}</dd>
        </>
      )}
      {list(host.filesystems).map((disk) => {
        const ratio = disk.totalBytes > 0 ? disk.usedBytes / disk.totalBytes : 0;
        return (
          <FilesystemFact
            key={disk.mount}
            id={anchor("snapshot", node, "host", "filesystems", disk.mount)}
            mount={disk.mount}
            ratio={ratio}
            free={disk.totalBytes - disk.usedBytes}
          />
        );
      })}
      <dt id={id("uptime")}>Up for</dt>
      <dd>{formatDuration(host.uptimeSeconds)}</dd>
      <dt>System</dt>
      <dd>{[host.model, host.kernel].filter(Boolean).join(", ") || "–"}</dd>
    </dl>
  );
}

function FilesystemFact({ id, mount, ratio, free }: { id: string; mount: string; ratio: number; free: number }) {
  return (
    <>
      <dt id={id}>
        Disk <span className={classes.mono}>{mount}</span>
      </dt>
      <dd>
        <Meter ratio={ratio} />
        {formatRatio(ratio)} used, {formatBytes(free)} free
      </dd>
    </>
  );
}

export function Resources({ items, node }: { items: readonly Resource[]; node: string }) {
  return (
    <table className={classes.rows}>
      <tbody>
        {items.map((item) => (
          <tr key={item.name} id={anchor("snapshot", node, "resources", item.name)}>
            <td>{item.name}</td>
            <td>{item.state}</td>
            <td>
              <HealthBadge health={item.health} size="sm" quiet />
            </td>
            <td className={`${classes.right} ${classes.dim}`}>{item.pid > 0 ? `PID ${item.pid}` : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Probes({ items, node }: { items: readonly Probe[]; node: string }) {
  return (
    <table className={classes.rows}>
      <tbody>
        {items.map((item) => (
          <tr key={item.name} id={anchor("snapshot", node, "probes", item.name)}>
            <td>{item.name}</td>
            <td>
              <HealthBadge health={item.health} size="sm" quiet />
            </td>
            <td className={`${classes.wrap} ${classes.dim}`}>{item.message}</td>
            <td className={classes.right}>{formatDuration(item.tookSeconds)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Links({ items, node }: { items: readonly Link[]; node: string }) {
  return (
    <table className={classes.rows}>
      <tbody>
        {items.map((item) => (
          <tr key={item.name} id={anchor("snapshot", node, "links", item.name)}>
            <td>{item.name}</td>
            <td>
              <HealthBadge health={item.health} size="sm" quiet />
            </td>
            <td className={classes.dim}>carrier {item.carrier}</td>
            <td className={classes.right}>
              {item.lastHeardSeconds < 0 ? "never heard" : `heard ${formatDuration(item.lastHeardSeconds)} ago`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Fences({ items, node }: { items: readonly FenceDevice[]; node: string }) {
  return (
    <table className={classes.rows}>
      <tbody>
        {items.map((item) => (
          <tr key={item.name} id={anchor("snapshot", node, "fence_devices", item.name)}>
            <td className={classes.whole}>{item.name}</td>
            <td className={classes.whole}>output {item.power}</td>
            <td>
              <HealthBadge health={item.health} size="sm" quiet />
            </td>
            <td className={`${classes.wrap} ${classes.dim}`}>{item.message}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Processes({ items }: { items: readonly Schemas["ProcessView"][] }) {
  return (
    <table className={classes.rows}>
      <tbody>
        {items.map((item) => (
          <tr key={item.pid}>
            <td className={classes.dim}>{item.pid}</td>
            <td className={`${classes.wrap} ${classes.mono}`}>{item.command}</td>
            <td className={classes.right}>{formatRatio(item.cpuRatio)}</td>
            <td className={classes.right}>{formatBytes(item.rssBytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Interfaces({ items }: { items: readonly Schemas["InterfaceView"][] }) {
  return (
    <table className={classes.rows}>
      <tbody>
        {items.map((item) => (
          <tr key={item.name}>
            <td>{item.name}</td>
            <td>{item.up ? (item.carrier ? "up" : "no carrier") : "down"}</td>
            <td className={`${classes.wrap} ${classes.mono}`}>{list(item.addresses).join(" ")}</td>
            <td className={`${classes.right} ${classes.dim}`}>
              {formatBytes(item.receivedBytes)} in, {formatBytes(item.sentBytes)} out
              {item.errors > 0 && `, ${formatCount(item.errors)} errors`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Evidence({ items, node }: { items: readonly Schemas["EvidenceView"][]; node: string }) {
  return (
    <>
      {items.map((item) => (
        <details
          key={item.name}
          className={classes.item}
          id={anchor("snapshot", node, "evidence", item.name)}
          open={items.length <= 3 && item.text.length < 400}
        >
          <summary className={classes.itemName}>{item.name}</summary>
          <dl className={classes.pairs}>
            {Object.entries(item.values).map(([name, value]) => (
              <Pair key={name} name={humanName(name)} value={formatValue(value, unitOf(name))} />
            ))}
          </dl>
          {item.text !== "" && <pre className={classes.log}>{item.text}</pre>}
        </details>
      ))}
    </>
  );
}

function Pair({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

export function Lines({ lines, id }: { lines: readonly string[]; id: string }) {
  return (
    <pre className={classes.log}>
      {lines.map((line, index) => (
        <span key={`${index} ${line}`} id={`${id}-${index}`} className={classes.logLine}>
          {line}
        </span>
      ))}
    </pre>
  );
}
