import { Link } from "@tanstack/react-router";
import type { Connection } from "../live";
import { Account } from "./Account";
import { ConnectionState } from "./ConnectionState";
import { Help } from "./Help";
import { Mark } from "./Mark";
import { ThemeToggle } from "./ThemeToggle";

interface HeaderProps {
  readonly connection: Connection;
}

export function Header({ connection }: HeaderProps) {
  return (
    <header className="header">
      <Link to="/" className="brand" aria-label="Job Scheduler">
        <Mark />
        <span className="brand-name">Job Scheduler</span>
      </Link>
      <div className="ml-auto flex items-center gap-1">
        <ConnectionState connection={connection} />
        <a className="button-quiet header-api" href="api/docs" title="API reference">
          API
        </a>
        <Help />
        <ThemeToggle />
        <Account />
      </div>
    </header>
  );
}
