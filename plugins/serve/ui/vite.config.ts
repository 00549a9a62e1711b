import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // addresses are relative, so that a proxy may put any path before them
  base: "./",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/dashboard/ui",
    emptyOutDir: true,
    manifest: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: { main: "src/main.tsx", terminal: "src/terminal.ts" } },
  },
});
