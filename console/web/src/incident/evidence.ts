// Evidence is named by a path such as "snapshot/alpha/host/memory". Here such a
// path becomes a place on the page.

/** The element id of a part of the page: "snapshot/alpha/host" → "snapshot-alpha-host". */
export function anchor(...parts: string[]): string {
  return parts
    .join("/")
    .split("/")
    .map((part) => part.toLowerCase().replaceAll(/[^a-z0-9_]+/g, "_"))
    .filter(Boolean)
    .join("-");
}

/** The ids a path may mean, the most exact first: the page shows the first that it has. */
export function candidates(path: string): string[] {
  const parts = path.split("/").filter(Boolean);
  return parts.map((_, index) => anchor(...parts.slice(0, parts.length - index)));
}

/** A path as a reader says it: "alpha · host · memory". */
export function evidenceLabel(path: string): string {
  const parts = path.split("/").filter(Boolean);
  const shown = parts[0] === "snapshot" ? parts.slice(1) : parts;
  return shown.join(" · ").replaceAll("_", " ");
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
  found.scrollIntoView({ behavior: "smooth", block: "center" });
  found.setAttribute("tabindex", "-1");
  found.focus({ preventScroll: true });
  found.classList.remove("evidence-shown");
  void found.offsetWidth; // begins the mark's animation anew
  found.classList.add("evidence-shown");
}
