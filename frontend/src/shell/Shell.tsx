import { Outlet } from "@tanstack/react-router";
import { Notices } from "../components/Notices";
import { useConnection } from "../queries";
import { Header } from "./Header";
import { Nav } from "./Nav";

/** What stands around every page. */
export function Shell() {
  const connection = useConnection();
  return (
    <div className="shell" data-live={connection.state === "live" || connection.currentUntil === null}>
      <a className="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <Header connection={connection} />
      <Nav />
      <main id="main" className="main" tabIndex={-1}>
        <Outlet />
      </main>
      <Notices />
    </div>
  );
}

/** The address is the router's: nothing else may change it. */
function skip(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
