// The live stream: one EventSource, opened again after a break. It only carries
// messages; what they change is decided in reducers.ts.

export type StreamState = "connecting" | "live" | "lost";

export interface StreamHandlers {
  onMessage(kind: string, data: unknown): void;
  /** heard is when the console last said anything, in milliseconds of the browser's clock. */
  onState(state: StreamState, heard: number): void;
}

export const KINDS = ["status", "event", "incident", "alarm", "store"] as const;

/** The console sends a pulse every 10 s; a connection that is silent for longer than this is taken for dead. */
const SILENCE = 25_000;

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;

/** The pause before the nth try to connect again, in milliseconds: 1, 2, 4, 8, 15 s. */
export function reconnectPause(attempt: number): number {
  return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempt, 10));
}

/** Opens the stream and keeps it open until the returned function is called. */
export function openStream(url: string, handlers: StreamHandlers): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;
  let lastHeard = Date.now();
  let closed = false;

  const receive = (kind: string) => (message: MessageEvent<string>) => {
    let data: unknown;
    try {
      data = JSON.parse(message.data);
    } catch {
      return; // half a message: the refetch after the next connect makes it good
    }
    handlers.onMessage(kind, data);
  };

  const connect = () => {
    const opening = new EventSource(url, { withCredentials: true });
    source = opening;
    const lose = () => {
      clearTimeout(silence);
      opening.close();
      if (closed) return;
      handlers.onState("lost", lastHeard);
      timer = setTimeout(connect, reconnectPause(attempt++));
    };
    const heard = () => {
      lastHeard = Date.now();
      clearTimeout(silence);
      silence = setTimeout(lose, SILENCE);
    };
    opening.addEventListener("open", () => {
      attempt = 0;
      heard();
      handlers.onState("live", lastHeard);
    });
    opening.addEventListener("error", lose);
    opening.addEventListener("pulse", heard);
    for (const kind of KINDS) opening.addEventListener(kind, receive(kind));
  };

  handlers.onState("connecting", lastHeard);
  connect();
  return () => {
    closed = true;
    clearTimeout(timer);
    clearTimeout(silence);
    source?.close();
  };
}
