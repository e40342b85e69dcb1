/** Puts the page together: what reads, what listens, what draws. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import "./app.css";
import { Feed } from "./feed";
import { LiveJobs } from "./live";
import { SourcesContext } from "./queries";
import { savedTheme, show } from "./theme";

const client = new QueryClient({
  defaultOptions: {
    // The scheduler may run on this very computer: what the browser thinks of its network decides nothing.
    queries: { networkMode: "always", retry: 2, gcTime: 60_000 },
    mutations: { networkMode: "always" },
  },
});
const feed = new Feed(client);
const live = new LiveJobs({
  url: new URL("ws", document.baseURI).href.replace(/^http/, "ws"),
  onUpdates: feed.take,
  catchUp: () => readAgain(client),
});

/** All that is shown, by reads begun from now on; the rest is marked as old, and is read when it is shown next. */
async function readAgain(queries: QueryClient): Promise<void> {
  await queries.cancelQueries();
  await queries.invalidateQueries({ refetchType: "none" });
  await queries.refetchQueries({ type: "active" }, { throwOnError: true });
}

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
show(savedTheme());
live.start();
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <SourcesContext value={{ feed, live }}>
        <App />
      </SourcesContext>
    </QueryClientProvider>
  </StrictMode>,
);
