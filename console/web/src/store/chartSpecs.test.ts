import { expect, test } from "vitest";
import { chartsFor, laneQuery } from "./chartSpecs";

test("a lane forgets a dead node at a fine step, and keeps short outages at a coarse one", () => {
  expect(laneQuery("storeward_probe_up", "s1", 5)).toMatch(/^\(storeward_probe_up\{store="s1"\} and time\(\) - timestamp/);
  expect(laneQuery("storeward_probe_up", "s1", 120)).toBe('min_over_time(storeward_probe_up{store="s1"}[120s])');
  expect(chartsFor("s1", [], 120)[0]?.query).toBe('storeward_host_cpu_used_ratio{store="s1"}');
});
