import { Tooltip } from "@mantine/core";
import type { Drill, NodeDetail } from "../api/types";
import { Badge } from "../health/Badge";
import { Ago, When } from "../ui/When";
import { drillLook, drillOf, drillOutcome } from "./drill";

function Story({ drill }: { drill: Drill }) {
  return (
    <>
      {drillOutcome(drill)}{" "}
      {drill.next === undefined ? (
        "No next one is scheduled."
      ) : (
        <>
          The next one is due <When at={drill.next} />.
        </>
      )}
    </>
  );
}

/** When a failover was rehearsed last and how it came out; more of it on hover. */
export function LastDrill({ nodes, active }: { nodes: readonly NodeDetail[]; active: string }) {
  const drill = drillOf(nodes, active);
  if (drill === undefined) return <Badge quiet look={drillLook(drill)} />;
  return (
    <>
      <Tooltip label={<Story drill={drill} />} multiline maw={320}>
        <span>
          <Badge quiet look={drillLook(drill)} />
        </span>
      </Tooltip>{" "}
      {drill.began !== undefined && <Ago at={drill.began} />}
    </>
  );
}
