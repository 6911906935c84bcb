import { createTheme, Tooltip, type MantineColorsTuple } from "@mantine/core";

const harbour: MantineColorsTuple = [
  "#eef2fd",
  "#dae2fa",
  "#b3c3f4",
  "#88a2ee",
  "#6585e9",
  "#4e71e5",
  "#3f64e3",
  "#2f54c8",
  "#274ab4",
  "#1b3f9f",
];

/** The neutral scale of the dark scheme, from text to background, as in tokens.css. */
const dark: MantineColorsTuple = [
  "#e7eaf0",
  "#c3cad5",
  "#9ba5b5",
  "#6b7686",
  "#3d4655",
  "#282f3b",
  "#1b212b",
  "#151a22",
  "#10141b",
  "#0d1016",
];

export const theme = createTheme({
  primaryColor: "harbour",
  primaryShade: { light: 7, dark: 6 },
  colors: { harbour, dark },
  fontFamily: "var(--sw-font)",
  fontFamilyMonospace: "var(--sw-mono)",
  headings: { fontFamily: "var(--sw-font)", fontWeight: "650" },
  defaultRadius: 6,
  cursorType: "pointer",
  components: {
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 250, fz: 12.5 } }),
  },
});
