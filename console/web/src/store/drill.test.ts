import { expect, test } from "vitest";
import type { Drill, NodeDetail } from "../api/types";
import { drillLook, drillOf, drillOutcome } from "./drill";

const passed: Drill = {
  began: "2026-11-24T04:30:00Z",
  ended: "2026-11-24T04:30:01Z",
  message: "",
  ok: true,
  overdue: false,
  taker: "beta",
  tookSeconds: 0.84,
};

function node(name: string, drill?: Drill): NodeDetail {
  return { node: name, status: { drill } } as unknown as NodeDetail;
}

test("the active node's word counts, another one's where it says nothing", () => {
  const failed = { ...passed, ok: false };
  expect(drillOf([node("alpha", failed), node("beta", passed)], "beta")).toBe(passed);
  expect(drillOf([node("alpha", failed), node("beta")], "beta")).toBe(failed);
  expect(drillOf([node("alpha")], "alpha")).toBeUndefined();
});

test("a drill in words", () => {
  const words = (drill?: Drill) => drillLook(drill).word;
  expect(words()).toBe("Unknown");
  expect(words(passed)).toBe("Passed");
  expect(words({ ...passed, ok: false })).toBe("Failed");
  expect(words({ ...passed, overdue: true })).toBe("Overdue");
  expect(words({ ...passed, ended: undefined })).toBe("Under way");
  expect(words({ ...passed, began: undefined, ended: undefined })).toBe("Never");
  expect(drillOutcome(passed)).toBe("beta took over in 840 ms, and the fence devices of both nodes obeyed.");
  expect(drillOutcome({ ...passed, ok: false, message: "ups-beta refused" })).toBe("It failed: ups-beta refused.");
});
