// A headless Chromium that talks to nothing but the console.
import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function launch() {
  return chromium.launch({ executablePath, args: ARGS });
}

/** Reads BASE USER PASSWORD from the command line, or says how to call the script. */
export function readArguments(extra) {
  const [base, user, password, ...rest] = process.argv.slice(2);
  if (password === undefined) {
    console.error(`usage: node ${process.argv[1]} BASE USER PASSWORD ${extra}`.trim());
    process.exit(2);
  }
  return { base: base.replace(/\/$/, ""), user, password, rest };
}

/** Logs in through the form and waits for the overview. */
export async function login(page, { base, user, password }) {
  await page.goto(`${base}/login`);
  await page.locator("input[name=user]").fill(user);
  await page.locator("input[name=password]").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

/** The API's answer as this page's user. */
export async function ask(page, path) {
  const answer = await page.request.get(path);
  if (!answer.ok()) throw new Error(`${path}: HTTP ${answer.status()}`);
  return answer.json();
}
