import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

const API = "http://localhost:8000"; // the front door of `make up`

/** What the built page may load: itself and nothing else. The development server needs inline scripts, so it goes without. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Nothing is painted before the chosen theme is known. */
const paintInTheme: Plugin = {
  name: "paint-in-theme",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
  },
};

const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY },
      injectTo: "head-prepend",
    },
  ],
};

export default defineConfig({
  base: "./",
  plugins: [react(), tailwindcss(), contentSecurityPolicy, paintInTheme],
  build: {
    // Browsers that know light-dark(), so that each colour is written once.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": API,
      "/ws": { target: API, ws: true },
    },
  },
  test: { include: ["tests/**/*.test.ts"] },
});
