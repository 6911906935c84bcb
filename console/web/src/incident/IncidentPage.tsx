import { useParams, useSearchParams } from "react-router";
import { useIncident } from "../api/queries";
import { list, type IncidentDetail } from "../api/types";
import { Block, Failed } from "../ui/states";
import { usePageTitle } from "../ui/usePageTitle";
import { Findings } from "./Findings";
import { FlightCharts } from "./FlightCharts";
import { IncidentHeader } from "./IncidentHeader";
import { countsFrom, momentOf, nodesOf } from "./incident";
import { PhaseWaterfall } from "./PhaseWaterfall";
import { ScenarioPanel } from "./ScenarioPanel";
import { Snapshots } from "./Snapshots";
import { Timeline } from "./Timeline";
import classes from "./IncidentPage.module.css";

export default function IncidentPage() {
  const { id = "" } = useParams();
  const [params] = useSearchParams();
  const incident = useIncident(id, params.get("store") ?? undefined);
  usePageTitle(incident.data?.title ?? "Incident");

  if (incident.data === undefined) {
    if (incident.isError)
      return <Failed what="The incident" error={incident.error} retry={() => void incident.refetch()} />;
    return (
      <div className={classes.page}>
        <Block height={190} />
        <div className={classes.two}>
          <Block height={320} />
          <Block height={320} />
        </div>
        <Block height={400} />
      </div>
    );
  }
  return <Content incident={incident.data} />;
}

function Content({ incident }: { incident: IncidentDetail }) {
  const moment = momentOf(incident);
  const nodes = nodesOf(incident);
  return (
    <div className={classes.page}>
      <IncidentHeader incident={incident} />
      <div className={classes.two}>
        <PhaseWaterfall
          phases={list(incident.phases)}
          recovery={incident.recoverySeconds}
          since={countsFrom(incident)}
          open={incident.closed === undefined}
        />
        <Findings findings={list(incident.findings)} gathered={list(incident.snapshots).length > 0} open={incident.closed === undefined} />
      </div>
      <FlightCharts incident={incident} moment={moment} nodes={nodes} />
      <Timeline entries={list(incident.timeline)} moment={moment} nodes={nodes} failed={incident.failedNode} />
      <Snapshots snapshots={list(incident.snapshots)} nodes={nodes} incident={incident} moment={moment} />
      <ScenarioPanel incident={incident} />
    </div>
  );
}
