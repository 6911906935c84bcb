// The parts of a snapshot, each with how many things it holds and how it is drawn.
import type { ReactNode } from "react";
import { list, type Snapshot } from "../api/types";
import { anchor } from "./evidence";
import { NodeFacts } from "./NodeFacts";
import { Evidence, Fences, HostFacts, Interfaces, Lines, Links, Probes, Processes, Resources } from "./snapshotParts";

export interface SnapshotSection {
  key: string;
  title: string;
  open: boolean;
  count: (snapshot: Snapshot) => number;
  render: (snapshot: Snapshot) => ReactNode;
}

export const SECTIONS: SnapshotSection[] = [
  {
    key: "status",
    title: "Node",
    open: true,
    count: (s) => (s.status ? 1 : 0),
    render: (s) => s.status && <NodeFacts status={s.status} node={s.node} />,
  },
  {
    key: "host",
    title: "Host",
    open: true,
    count: (s) => (s.host ? 1 : 0),
    render: (s) => s.host && <HostFacts host={s.host} node={s.node} />,
  },
  {
    key: "resources",
    title: "Resources",
    open: true,
    count: (s) => list(s.status?.resources).length,
    render: (s) => <Resources items={list(s.status?.resources)} node={s.node} />,
  },
  {
    key: "probes",
    title: "Probes",
    open: true,
    count: (s) => list(s.status?.probes).length,
    render: (s) => <Probes items={list(s.status?.probes)} node={s.node} />,
  },
  {
    key: "links",
    title: "Links",
    open: true,
    count: (s) => list(s.status?.links).length,
    render: (s) => <Links items={list(s.status?.links)} node={s.node} />,
  },
  {
    key: "fence_devices",
    title: "UPSes",
    open: true,
    count: (s) => list(s.status?.fenceDevices).length,
    render: (s) => <Fences items={list(s.status?.fenceDevices)} node={s.node} />,
  },
  {
    key: "processes",
    title: "Processes",
    open: false,
    count: (s) => list(s.processes).length,
    render: (s) => <Processes items={list(s.processes)} />,
  },
  {
    key: "interfaces",
    title: "Network",
    open: false,
    count: (s) => list(s.host?.interfaces).length,
    render: (s) => <Interfaces items={list(s.host?.interfaces)} />,
  },
  {
    key: "evidence",
    title: "Evidence of the plugins",
    open: true,
    count: (s) => list(s.evidence).length,
    render: (s) => <Evidence items={list(s.evidence)} node={s.node} />,
  },
  {
    key: "log_lines",
    title: "Last log lines",
    open: false,
    count: (s) => list(s.logLines).length,
    render: (s) => <Lines lines={list(s.logLines)} id={anchor("snapshot", s.node, "log_lines")} />,
  },
  {
    key: "kernel_messages",
    title: "Kernel messages",
    open: false,
    count: (s) => list(s.host?.kernelMessages).length,
    render: (s) => <Lines lines={list(s.host?.kernelMessages)} id={anchor("snapshot", s.node, "kernel_messages")} />,
  },
];
