// Captures every page, light and dark, wide and as on a tablet, into a folder
// (default ../../build/screenshots).
//
//   node scripts/screenshots.mjs BASE USER PASSWORD [DIR]
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { ask, launch, login, readArguments } from "./browser.mjs";

const settings = readArguments("[DIR]");
const folder = path.resolve(settings.rest[0] ?? path.join(import.meta.dirname, "../../../build/screenshots"));
const SIZES = { wide: { width: 1440, height: 900 }, tablet: { width: 834, height: 1112 } };
const SETTLE_MILLIS = 900; // charts are drawn a moment after their data came

async function pagesOf(page) {
  const { stores } = await ask(page, `${settings.base}/api/v1/stores`);
  const { incidents } = await ask(page, `${settings.base}/api/v1/incidents?limit=200`);
  const store = incidents[0]?.store ?? stores[0]?.store;
  const incident = incidents.find((one) => one.kind === "failover") ?? incidents[0];
  return [
    ["overview", "/"],
    ["incidents", "/incidents"],
    ["alarms", "/alarms"],
    ...(store ? [["store", `/stores/${encodeURIComponent(store)}`]] : []),
    ...(incident
      ? [["incident", `/incidents/${encodeURIComponent(incident.id)}?store=${encodeURIComponent(incident.store)}`]]
      : []),
  ];
}

/** What only some stores show: an active node that its peer misses, a store without contact. */
async function specialPages(page) {
  const { stores } = await ask(page, `${settings.base}/api/v1/stores`);
  return [
    ["store-missed", stores.find((one) => one.nodes.some((node) => node.missed && node.online))],
    ["store-silent", stores.find((one) => one.lastSeen && !one.nodes.some((node) => node.online))],
  ].flatMap(([name, one]) => (one ? [[name, `/stores/${encodeURIComponent(one.store)}`]] : []));
}

async function capture(browser, scheme, sizeName) {
  const context = await browser.newContext({ viewport: SIZES[sizeName], colorScheme: scheme, reducedMotion: "reduce" });
  const page = await context.newPage();
  const shoot = (name) =>
    page.screenshot({ path: path.join(folder, `${name}-${sizeName}-${scheme}.png`), fullPage: true });
  await page.goto(`${settings.base}/login`);
  await page.getByRole("button", { name: "Log in" }).waitFor();
  await shoot("login");
  await login(page, settings);
  for (const pages of [pagesOf, specialPages]) {
    for (const [name, where] of await pages(page)) {
      await page.goto(settings.base + where);
      await page.locator("[aria-busy=true]").first().waitFor({ state: "detached" });
      await page.waitForTimeout(SETTLE_MILLIS);
      await shoot(name);
    }
  }
  await context.close();
}

await mkdir(folder, { recursive: true });
const browser = await launch();
try {
  for (const size of Object.keys(SIZES)) for (const scheme of ["light", "dark"]) await capture(browser, scheme, size);
} finally {
  await browser.close();
}
console.log(`screenshots are in ${folder}`);
