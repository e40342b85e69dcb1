/** Puts the page together: what reads, what listens, what draws. */

import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "@tanstack/react-router";
import { readTicket } from "./api/session";
import "./app.css";
import { Feed } from "./feed";
import { isFinal } from "./http";
import { Live } from "./live";
import { SourcesContext } from "./queries";
import { readAgain } from "./reading";
import { router } from "./router";
import { session } from "./session";
import { savedTheme, show } from "./theme";

const client = new QueryClient({
  defaultOptions: {
    // The scheduler may run on this very computer: what the browser thinks of its network decides nothing.
    queries: { networkMode: "always", retry: (failures, error) => failures < 2 && !isFinal(error), gcTime: 60_000 },
    mutations: { networkMode: "always" },
  },
});
const feed = new Feed();
const live = new Live({
  url: socketAddress,
  onUpdates: feed.jobs.tell,
  onStats: feed.stats.tell,
  onLogs: feed.logs.tell,
  onSubscribed: () => { feed.subscribed.tell(null); },
  catchUp: () => readAgain(client),
});

/** A socket takes no key, but a ticket that was got with it. */
async function socketAddress(): Promise<string> {
  const address = new URL("ws", document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  if (session.current().key !== null) address.searchParams.set("ticket", await readTicket());
  return address.href;
}

let stop: (() => void) | null = null;

/** While a key is asked for nothing is followed, and nothing that an earlier key opened is kept. */
function follow(): void {
  if (session.current().asks === null) {
    stop ??= live.start();
  } else if (stop) {
    stop();
    stop = null;
    client.clear();
  }
}

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
show(savedTheme());
session.subscribe(follow);
follow();
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <SourcesContext value={{ feed, live }}>
        <RouterProvider router={router} />
      </SourcesContext>
    </QueryClientProvider>
  </StrictMode>,
);
