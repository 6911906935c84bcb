import { expect, test } from "vitest";
import type { Mode, NodeDetail } from "../api/types";
import { failback, modes } from "./sentence";

function node(...known: Mode[]): NodeDetail {
  return { node: "n", status: { modes: known } } as unknown as NodeDetail;
}

test("a mode that both nodes know is shown once, and one that a single node knows as well", () => {
  const maintenance: Mode = { mode: "maintenance", name: "" };
  const standby: Mode = { mode: "standby", name: "beta", until: "2026-11-27T12:00:00Z" };
  const unmanaged: Mode = { mode: "unmanaged", name: "beta" };
  expect(modes([node(maintenance, standby), node(standby, unmanaged)])).toEqual([maintenance, standby, unmanaged]);
  expect(modes([{ node: "n" } as NodeDetail])).toEqual([]);
});

test("a failback is told by the active node alone: what another one said last may be old", () => {
  const due = { peer: "alpha", failback: "2026-11-27T12:00:00Z" };
  const nodes = [{ node: "alpha" }, { node: "beta", status: due }] as unknown as NodeDetail[];
  expect(failback(nodes, "beta")).toEqual({ to: "alpha", at: due.failback });
  expect(failback(nodes, "alpha")).toBeUndefined();
  expect(failback([{ node: "beta", status: { peer: "alpha" } }] as unknown as NodeDetail[], "beta")).toBeUndefined();
});
