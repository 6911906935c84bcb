// The interface's icons: a 24-unit grid, round strokes, no words in them.
import type { ReactNode } from "react";

const DRAWINGS = {
  ok: <path d="m5 12.5 4.5 4.5L19 7.5" />,
  degraded: <path d="M12 4 2.8 19.5h18.4zM12 10v4.5M12 17v.2" />,
  down: <path d="m6.5 6.5 11 11m0-11-11 11" />,
  unknown: <path d="M9 9.2a3.1 3.1 0 1 1 4.4 2.9c-.9.5-1.4 1.1-1.4 2.3M12 18v.2" />,
  info: <path d="M12 11v6.5M12 6.5v.3" />,
  store: (
    <path d="M4 9.5 5.5 4h13L20 9.5M4 9.5a2.67 2.67 0 0 0 5.33 0 2.67 2.67 0 0 0 5.34 0A2.67 2.67 0 0 0 20 9.5M5.5 12.5V20h13v-7.5M10 20v-4.5h4V20" />
  ),
  incident: <path d="M3 12.5h4l2.5-7 4.5 13 2.5-6H21" />,
  bell: <path d="M6.5 10a5.5 5.5 0 0 1 11 0c0 5 2 6 2 6h-15s2-1 2-6M10 19.5a2.2 2.2 0 0 0 4 0" />,
  search: <path d="M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13m4.8-1.7L20 20" />,
  sun: (
    <path d="M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8m0-13v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.4m0-12.8L17 7M7 17l-1.4 1.4" />
  ),
  moon: <path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10" />,
  screen: <path d="M4 5h16v11H4zm5 15h6m-3-4v4" />,
  power: <path d="M12 4v8M7.5 6.8a7 7 0 1 0 9 0" />,
  battery: <path d="M4 8h14v8H4zm16 3v2M7 11v2m3-2v2" />,
  cable: <path d="M3 12h4m10 0h4M7 8h4v8H7zm6 0h4v8h-4z" />,
  network: <path d="M9 3.5h6v5H9zM3 15.5h6v5H3zm12 0h6v5h-6zM12 8.5V12m-6 3.5V12h12v3.5" />,
  server: <path d="M4 4.5h16v6H4zm0 9h16v6H4zM7.5 7.5v.2m0 8.8v.2M11 7.5h5.5m-5.5 9h5.5" />,
  shield: <path d="M12 3.5 5 6v5.5c0 4.5 3 7.5 7 9 4-1.5 7-4.5 7-9V6z" />,
  clock: <path d="M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17M12 7.5V12l3 2" />,
  swap: <path d="M7 4.5 3.5 8 7 11.5M3.5 8h15M17 12.5l3.5 3.5-3.5 3.5M20.5 16h-15" />,
  download: <path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M4.5 19.5h15" />,
  right: <path d="m9 5.5 6.5 6.5L9 18.5" />,
  up: <path d="m6 14.5 6-6 6 6" />,
  downward: <path d="m6 9.5 6 6 6-6" />,
  user: <path d="M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8m-7.5 9a7.5 7.5 0 0 1 15 0" />,
  keyboard: <path d="M3 6.5h18v11H3zm4 7.5h10M6.5 10v.2m3.6-.2v.2m3.7-.2v.2m3.6-.2v.2" />,
  refresh: <path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9m0-5v5h-5" />,
  empty: <path d="M4 13.5 6.5 5h11l2.5 8.5V19H4zm0 0h4.5l1.5 2.5h4l1.5-2.5H20" />,
  crosshair: <path d="M12 19a7 7 0 1 0 0-14 7 7 0 0 0 0 14m0-17v5m0 10v5M2 12h5m10 0h5" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof DRAWINGS;

/** Decorative unless it has a label. */
export function Icon({
  name,
  size = 16,
  label,
  stroke = 2,
}: {
  name: IconName;
  size?: number;
  label?: string;
  stroke?: number;
}) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={stroke}
      strokeLinecap="round"
      strokeLinejoin="round"
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={label ? undefined : true}
      style={{ flex: "none", display: "block" }}
    >
      {DRAWINGS[name]}
    </svg>
  );
}
