/** The page at /api/docs: Swagger UI on the API's own description. It speaks to no other host than the one it came from. */

import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import "./reference.css";
import { savedKey } from "./session";
import { isDark, savedTheme, show } from "./theme";

const SCHEME = "key"; // as openapi.py names it

const darkness = window.matchMedia("(prefers-color-scheme: dark)");

/** Swagger UI knows dark only by a class of its own. */
function paint(): void {
  const theme = savedTheme();
  show(theme);
  document.documentElement.classList.toggle("dark-mode", isDark(theme, darkness.matches));
}

paint();
darkness.addEventListener("change", paint);
document.documentElement.dataset["reader"] = "ready";

const reader = SwaggerUI({
  dom_id: "#reference",
  url: new URL("openapi.json", document.baseURI).href,
  validatorUrl: null, // it would be asked on another host
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 2,
  defaultModelRendering: "example",
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: false,
  persistAuthorization: false, // it would lie in localStorage without anyone having asked for that
  syntaxHighlight: { activated: true, theme: "nord" },
  onComplete: () => {
    const key = savedKey();
    if (key) reader.preauthorizeApiKey(SCHEME, key);
  },
});
