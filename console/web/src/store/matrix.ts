// Things that both nodes report, joined by name: one row each, one cell per node. Pure.
import { list, type NodeDetail, type Probe, type Resource } from "../api/types";

export interface Matrix<T> {
  name: string;
  /** In the order of the nodes; undefined where a node reports no such thing. */
  cells: (T | undefined)[];
  any: T;
}

function join<T extends { name: string }>(lists: readonly (readonly T[])[]): Matrix<T>[] {
  const rows = new Map<string, Matrix<T>>();
  lists.forEach((items, column) => {
    for (const item of items) {
      const row = rows.get(item.name) ?? { name: item.name, cells: lists.map(() => undefined), any: item };
      row.cells[column] = item;
      rows.set(item.name, row);
    }
  });
  return [...rows.values()];
}

export function probeMatrix(nodes: readonly NodeDetail[]): Matrix<Probe>[] {
  return join(nodes.map((node) => list(node.status?.probes))).sort((a, b) => a.name.localeCompare(b.name));
}

export interface LayerGroup {
  layer: string;
  rows: Matrix<Resource>[];
}

/** Resources by layer, in the order in which the nodes list them: addresses first, applications last. */
export function resourceLayers(nodes: readonly NodeDetail[]): LayerGroup[] {
  const groups = new Map<string, Matrix<Resource>[]>();
  for (const row of join(nodes.map((node) => list(node.status?.resources)))) {
    const layer = row.any.layer;
    groups.set(layer, [...(groups.get(layer) ?? []), row]);
  }
  return [...groups].map(([layer, rows]) => ({ layer, rows }));
}
