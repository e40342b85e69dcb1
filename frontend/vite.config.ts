import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";
import { budget } from "./budget.ts";

declare const process: { readonly env: Readonly<Record<string, string | undefined>> };

const API = `http://localhost:${process.env["PORT"] ?? "8000"}`; // the front door of `make up`

/** Nothing is painted before the chosen theme is known. */
const paintInTheme: Plugin = {
  name: "paint-in-theme",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
  },
};

/** /api/docs names these two files, and is no page of this build: so their names do not change. */
const REFERENCE = "reference/reference";

export default defineConfig({
  base: "./",
  plugins: [react(), tailwindcss(), paintInTheme, budget],
  build: {
    // Browsers that know light-dark(), so that each colour is written once.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2_000, // KB: Swagger UI comes in one piece
    rolldownOptions: {
      input: { index: "index.html", reference: "src/reference.ts" },
      output: {
        entryFileNames: ({ name }) => (name === "reference" ? `${REFERENCE}.js` : "assets/[name]-[hash].js"),
        assetFileNames: ({ names }) => (names.includes("reference.css") ? `${REFERENCE}.css` : "assets/[name]-[hash][extname]"),
      },
    },
  },
  server: {
    proxy: {
      "/api": API,
      "/ws": { target: API, ws: true },
    },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
