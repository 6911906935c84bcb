import { Tooltip } from "@mantine/core";
import type { FenceDevice } from "../api/types";
import { Term } from "../glossary/Term";
import { Badge } from "../health/Badge";
import { healthLook, type Look } from "../health/health";
import { Icon } from "../ui/Icon";
import { Ago } from "../ui/When";
import { powerFacts } from "./ups";
import classes from "./UpsCard.module.css";

function powerLook(device: FenceDevice, stale: boolean): Look {
  if (stale) return { tone: "unknown", word: `Was ${device.power}`, icon: "unknown" };
  if (device.power === "on")
    return { ...healthLook(device.health), word: device.health === "ok" ? "Output on" : `Output on, ${device.health}` };
  if (device.power === "off") return { tone: "bad", word: "Output off", icon: "power" };
  return { tone: "unknown", word: "Output unknown", icon: "unknown" };
}

function Read({ device }: { device: FenceDevice }) {
  return (
    <>
      Read <Ago at={device.read} />
      {device.message && `: ${device.message}`}
      {device.orderLifeSeconds > 0 && !device.proven && "; how long its orders take is not proven yet"}
    </>
  );
}

/** What feeds a node, and with which its peer can switch it off. */
export function UpsCard({ device, stale }: { device: FenceDevice; stale: boolean }) {
  const facts = [...powerFacts(device.values), ...(device.level > 1 ? [`level ${device.level}`] : [])];
  return (
    <div className={classes.card}>
      <div className={classes.head}>
        <Icon name="battery" size={18} stroke={1.7} />
        <b className={classes.name}>
          <Term word={device.kind === "" || device.kind === "ups" ? "ups" : "fence device"}>{device.name}</Term>
        </b>
        <Tooltip label={<Read device={device} />}>
          <span>
            <Badge look={powerLook(device, stale)} size="sm" />
          </span>
        </Tooltip>
      </div>
      <div className={classes.values}>
        {facts.length > 0 ? facts.map((fact) => <span key={fact}>{fact}</span>) : <span>{device.message}</span>}
      </div>
    </div>
  );
}
