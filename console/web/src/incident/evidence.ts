// Evidence is named by a path such as "snapshot/alpha/host/memory_available_bytes".
// Here such a path becomes a place on the page.

/** The element id of a part of the page: "snapshot/alpha/host" → "snapshot-alpha-host". */
export function anchor(...parts: string[]): string {
  return parts
    .join("/")
    .split("/")
    .map((part) => part.toLowerCase().replaceAll(/[^a-z0-9_]+/g, "_"))
    .filter((part) => part !== "" && part !== "_")
    .join("-");
}

/** Where the page shows a thing elsewhere than its path says. */
const MOVED: [RegExp, string][] = [
  [/^(snapshot\/[^/]+)\/status\/(links|resources|probes|fence_devices)/, "$1/$2"],
  [/^(snapshot\/[^/]+)\/host\/kernel_messages/, "$1/kernel_messages"],
  [/^(snapshot\/[^/]+)\/host\/interfaces/, "$1/interfaces"],
  [/^(snapshot\/[^/]+\/host)\/memory\w*/, "$1/memory"],
  [/^(snapshot\/[^/]+\/host)\/swap\w*/, "$1/swap"],
  [/^(snapshot\/[^/]+\/host)\/(cpu|load)\w*/, "$1/cpu"],
  [/^snapshot\/[^/]+\/flight.*/, "flight"],
  [/^flight\/[^/]+\/(.+)/, "flight/$1"],
  [/^signs\/.*/, "phases/analyse"],
  [/\[(\d+)\]/g, "/$1"],
];

/** The ids a path may mean, the most exact first: the page shows the first that it has. */
export function candidates(path: string): string[] {
  const moved = MOVED.reduce((text, [pattern, place]) => text.replace(pattern, place), path);
  const parts = moved.split("/").filter(Boolean);
  const ids = parts.map((_, index) => anchor(...parts.slice(0, parts.length - index)));
  return parts[0] === "snapshot" ? [...ids, "snapshots"] : ids;
}

/** A path as a reader says it: "alpha: host memory available bytes", "power: no". */
export function evidenceLabel(path: string): string {
  const [first = "", ...rest] = path.split("/").filter(Boolean);
  const words = (parts: string[]) =>
    parts
      .join(" ")
      .replaceAll(/[_.]/g, " ")
      .replace("=", ": ")
      .replaceAll(/\[(\d+)\]/g, " $1");
  if (first === "snapshot") return `${rest[0] ?? ""}: ${words(rest.slice(rest[1] === "status" ? 2 : 1))}`;
  if (first === "signs") return words(rest);
  return `${first}: ${words(rest)}`;
}

/** Scrolls to the evidence, opens what is folded around it, and marks it for a moment. */
export function showEvidence(path: string): void {
  const found = candidates(path)
    .map((id) => document.getElementById(id))
    .find((element) => element !== null);
  if (found === undefined) return;
  for (let at: Element | null = found; at !== null; at = at.parentElement) {
    if (at instanceof HTMLDetailsElement) at.open = true;
  }
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  found.scrollIntoView({
    behavior: calm ? "auto" : "smooth",
    block: found.offsetHeight > window.innerHeight * 0.6 ? "start" : "center",
  });
  found.setAttribute("tabindex", "-1");
  found.focus({ preventScroll: true });
  found.classList.remove("evidence-shown");
  void found.offsetWidth; // begins the mark's animation anew
  found.classList.add("evidence-shown");
}
