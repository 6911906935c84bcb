import { useMemo } from "react";
import { useParams } from "react-router";
import { useStore } from "../api/queries";
import { list, type StoreDetail } from "../api/types";
import { StoreAlarms } from "../alarms/StoreAlarms";
import { Block, Empty, Failed } from "../ui/states";
import { usePageTitle } from "../ui/usePageTitle";
import { Charts } from "./Charts";
import { Events } from "./Events";
import { ProbeTable } from "./ProbeTable";
import { RecentIncidents } from "./RecentIncidents";
import { ResourceTable } from "./ResourceTable";
import { StoreHeader } from "./StoreHeader";
import { Topology } from "./Topology";
import classes from "./StorePage.module.css";

export default function StorePage() {
  const { store = "" } = useParams();
  const detail = useStore(store);
  usePageTitle(store);
  if (detail.data === undefined) {
    if (detail.isError)
      return <Failed what={`Store ${store}`} error={detail.error} retry={() => void detail.refetch()} />;
    return (
      <div className={classes.page}>
        <Block height={104} />
        <Block height={300} />
        <Block height={300} />
      </div>
    );
  }
  return <Content key={store} detail={detail.data} />;
}

function Content({ detail }: { detail: StoreDetail }) {
  const nodes = useMemo(() => [...list(detail.nodes)].sort((a, b) => a.node.localeCompare(b.node)), [detail.nodes]);
  return (
    <div className={classes.page}>
      <StoreHeader summary={detail.summary} nodes={nodes} />
      {nodes.length === 0 ? (
        <Empty icon="server" title="No node of this store has reported yet" />
      ) : (
        <>
          <div className={classes.top}>
            <Topology nodes={nodes} />
            <StoreAlarms summary={detail.summary} alarms={list(detail.alarms)} />
          </div>
          <div className={classes.two}>
            <ResourceTable nodes={nodes} />
            <ProbeTable nodes={nodes} />
          </div>
        </>
      )}
      <Charts store={detail.summary.store} nodes={nodes.map((node) => node.node)} incidents={list(detail.incidents)} />
      <div className={classes.two}>
        <Events store={detail.summary.store} recent={list(detail.events)} />
        <RecentIncidents incidents={list(detail.incidents)} />
      </div>
    </div>
  );
}
