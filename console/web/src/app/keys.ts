// Which keys lead where: pure, so that it can be tested.

export const PLACES: Record<string, { to: string; label: string }> = {
  s: { to: "/", label: "Stores" },
  i: { to: "/incidents", label: "Incidents" },
  a: { to: "/alarms", label: "Alarms" },
};

export type KeyAction =
  { do: "go"; to: string } | { do: "search" } | { do: "help" } | { do: "wait" } | { do: "nothing" };

/** What a key does, given whether "g" was pressed just before. */
export function keyAction(key: string, afterG: boolean): KeyAction {
  const place = PLACES[key];
  if (afterG && place !== undefined) return { do: "go", to: place.to };
  if (key === "/") return { do: "search" };
  if (key === "?") return { do: "help" };
  if (key === "g") return { do: "wait" };
  return { do: "nothing" };
}
