// One ticking second for everything on the page that tells an age.
import { useSyncExternalStore } from "react";
import { consoleNow } from "../api/clock";

let now = consoleNow();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = consoleNow();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

function read(): number {
  if (timer === undefined) now = Math.floor(consoleNow() / 1000) * 1000;
  return now;
}

/** Milliseconds since 1970 by the console's clock, once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, read);
}
