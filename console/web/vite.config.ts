import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The console serves dist/ itself; `npm run dev` proxies to one that runs on loopback.
const backend = process.env.STOREWARD_CONSOLE ?? "http://127.0.0.1:8443";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2023",
    outDir: "dist",
    emptyOutDir: true,
    sourcemap: false,
    rollupOptions: {
      output: {
        manualChunks(id: string) {
          if (id.includes("node_modules/react") || id.includes("node_modules/scheduler")) return "react";
          if (id.includes("node_modules/@mantine") || id.includes("node_modules/@floating-ui")) return "mantine";
          return undefined;
        },
      },
    },
  },
  server: { proxy: { "/api": backend } },
  preview: { proxy: { "/api": backend } },
});
