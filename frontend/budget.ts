/** What a reader waits for at `#/`: the build fails when it is more than was allowed. */

import type { Plugin, Rolldown } from "vite";

const MOST_KB = 150; // gzipped, of 1,000 bytes: the page, its scripts and its style sheets
const MOST_WITH_CHARTS_KB = 170; // uPlot comes once the page is drawn

const PAGE = "src/pages/overview/index.tsx";
const CHARTS = "src/components/Plot.tsx";

export const budget: Plugin = {
  name: "budget",
  apply: "build",
  enforce: "post",
  generateBundle: {
    order: "post",
    async handler(_, bundle) {
      const page = await size(bundle, files(bundle, ["index.html", PAGE]));
      const whole = await size(bundle, files(bundle, ["index.html", PAGE, CHARTS]));
      this.info(`first page: ${page.toFixed(1)} of ${MOST_KB} KB gzipped, ${whole.toFixed(1)} with its charts`);
      if (page > MOST_KB || whole > MOST_WITH_CHARTS_KB) this.error("the first page has become too large");
    },
  },
};

/** All that comes with these modules, but what is asked for later. */
function files(bundle: Rolldown.OutputBundle, modules: readonly string[]): Set<string> {
  const found = new Set(["index.html"]);
  const add = (chunk: Rolldown.OutputChunk) => {
    if (found.has(chunk.fileName)) return;
    found.add(chunk.fileName);
    for (const css of chunk.viteMetadata?.importedCss ?? []) found.add(css);
    for (const name of chunk.imports) if (bundle[name]?.type === "chunk") add(bundle[name]);
  };
  for (const module of modules) {
    const chunk = Object.values(bundle).find((each) => each.type === "chunk" && each.facadeModuleId?.endsWith(module));
    if (chunk?.type === "chunk") add(chunk);
    else if (module !== CHARTS) throw new Error(`no piece of the build begins at ${module}`);
  }
  return found;
}

/** In KB. */
async function size(bundle: Rolldown.OutputBundle, names: ReadonlySet<string>): Promise<number> {
  const sizes = await Promise.all([...names].map((name) => zipped(bundle[name])));
  return sizes.reduce((total, each) => total + each, 0) / 1_000;
}

async function zipped(file: Rolldown.OutputBundle[string] | undefined): Promise<number> {
  const content = file?.type === "chunk" ? file.code : (file?.source ?? "");
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}
