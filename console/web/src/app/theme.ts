import { createTheme, Tooltip, type MantineColorsTuple } from "@mantine/core";

const harbour: MantineColorsTuple = ["#eef2fd", "#dae2fa", "#b3c3f4", "#88a2ee", "#6585e9", "#4e71e5", "#3f64e3", "#2f54c8", "#274ab4", "#1b3f9f"];

export const theme = createTheme({
  primaryColor: "harbour",
  primaryShade: { light: 7, dark: 6 },
  colors: { harbour },
  fontFamily: "var(--sw-font)",
  fontFamilyMonospace: "var(--sw-mono)",
  headings: { fontFamily: "var(--sw-font)", fontWeight: "650" },
  defaultRadius: 6,
  cursorType: "pointer",
  components: {
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 250, fz: 12.5 } }),
  },
});
