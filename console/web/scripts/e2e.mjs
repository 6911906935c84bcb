// Walks through the console as an operator would and fails on the first thing
// that is not there, on any error in the browser's console, and on a page that
// jumps when live data arrives.
//
//   node scripts/e2e.mjs BASE USER PASSWORD [STORE]
import assert from "node:assert/strict";
import { ask, launch, login, readArguments } from "./browser.mjs";

const settings = readArguments("[STORE]");
const { base } = settings;
const CALM_MILLIS = 6_000; // statuses come every 5 s: at least one falls into this time
const LARGEST_SHIFT = 0.01; // sum of layout shifts (web.dev/cls): 0.1 counts as good

const problems = [];

function watch(page) {
  page.on("pageerror", (error) => problems.push(`page error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const where = message.location().url;
    // Who is not logged in is told so with 401: the browser reports that as an error.
    if (/\/api\/v1\/(session|login)$/.test(where) && message.text().includes("401")) return;
    problems.push(`console: ${message.text()} (${where})`);
  });
}

async function step(name, act) {
  const begun = performance.now();
  try {
    await act();
  } catch (cause) {
    throw new Error(`${name}: ${cause.message}`, { cause });
  }
  console.log(`ok  ${name} (${Math.round(performance.now() - begun)} ms)`);
}

/** How far things moved by themselves while live data came in. */
function shiftsDuring(page, millis) {
  return page.evaluate(
    (duration) =>
      new Promise((resolve) => {
        const moved = [];
        const observer = new PerformanceObserver((entries) => {
          for (const entry of entries.getEntries()) {
            if (!entry.hadRecentInput)
              moved.push({
                value: entry.value,
                what: entry.sources.map((source) => source.node?.className ?? "?").slice(0, 3),
              });
          }
        });
        observer.observe({ type: "layout-shift", buffered: false });
        setTimeout(() => {
          observer.disconnect();
          resolve(moved);
        }, duration);
      }),
    millis,
  );
}

async function settled(page) {
  await page.waitForFunction(() => document.querySelector("main [aria-busy=true]") === null);
}

async function calm(page) {
  await settled(page);
  await page.waitForTimeout(500);
  const shifts = await shiftsDuring(page, CALM_MILLIS);
  const sum = shifts.reduce((total, shift) => total + shift.value, 0);
  assert.ok(sum <= LARGEST_SHIFT, `the page moved by ${sum.toFixed(4)}: ${JSON.stringify(shifts.slice(0, 5))}`);
}

async function wrongPassword(page) {
  await page.goto(`${base}/login`);
  await page.locator("input[name=user]").fill(settings.user);
  await page.locator("input[name=password]").fill(`${settings.password}-wrong`);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("The name or the password is wrong.").waitFor();
}

async function overview(page, store) {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByRole("link", { name: store, exact: true }).first().waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
}

async function search(page, store) {
  await page.keyboard.press("/");
  await page.keyboard.type("no such store");
  await page.getByText("No store matches").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: store, exact: true }).first().waitFor();
}

async function storePage(page, store) {
  await page.getByRole("link", { name: store, exact: true }).first().click();
  await page.getByRole("heading", { level: 1, name: store }).waitFor();
  for (const part of ["Nodes and links", "Resources", "Probes", "Charts", "Events", "Incidents"]) {
    await page.getByRole("heading", { level: 2, name: part }).waitFor();
  }
  await page.locator("canvas").first().waitFor();
}

async function incidentPage(page, incident) {
  await page.goto(`${base}/incidents`);
  await page.getByRole("link", { name: incident.title }).first().click();
  await page.getByRole("heading", { level: 1, name: incident.title }).waitFor();
  for (const part of ["Phases", "Findings", "Flight recorder", "Timeline", "Snapshot of both nodes", "Scenario"]) {
    await page.getByRole("heading", { level: 2, name: part }).waitFor();
  }
  if (incident.recoverySeconds > 0) await page.getByText("recovery time", { exact: true }).waitFor();
  await settled(page);
}

async function evidence(page) {
  const jump = page.locator("#findings li button").first();
  if ((await jump.count()) === 0) return;
  await jump.click();
  await page.locator(".evidence-shown").waitFor({ state: "attached" });
}

async function keyboard(page) {
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("heading", { level: 1, name: "Alarms" }).waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("group", { name: "Filter by health" }).waitFor();
}

async function logout(page) {
  await page.getByRole("button", { name: settings.user }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Log in" }).waitFor();
}

const browser = await launch();
try {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  page.setDefaultTimeout(15_000);
  watch(page);
  await step("a wrong password is refused", () => wrongPassword(page));
  await step("login", () => login(page, settings));
  const { stores } = await ask(page, `${base}/api/v1/stores`);
  const { incidents } = await ask(page, `${base}/api/v1/incidents?limit=200`);
  const store = settings.rest[0] ?? incidents[0]?.store ?? stores[0]?.store;
  assert.ok(store, "the console knows no store");
  const incident =
    incidents.find((one) => one.store === store && one.kind === "failover") ??
    incidents.find((one) => one.store === store);
  await step("overview", () => overview(page, store));
  await step("search", () => search(page, store));
  await step("the overview does not move", () => calm(page));
  await step("store page", () => storePage(page, store));
  await step("the store page does not move", () => calm(page));
  if (incident === undefined) {
    console.log("--  no incident yet: its page is not visited");
  } else {
    await step("incident page", () => incidentPage(page, incident));
    await step("a finding leads to its evidence", () => evidence(page));
  }
  await step("keyboard", () => keyboard(page));
  await step("logout", () => logout(page));
  assert.deepEqual(problems, [], "errors in the browser");
  console.log("passed");
} catch (error) {
  console.error(`FAILED ${error.message}`);
  for (const problem of problems) console.error(problem);
  process.exitCode = 1;
} finally {
  await browser.close();
}
