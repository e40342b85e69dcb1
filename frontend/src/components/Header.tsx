import type { Connection } from "../live";
import { ConnectionState } from "./ConnectionState";
import { Mark } from "./Mark";
import { SignOut } from "./SignOut";
import { ThemeToggle } from "./ThemeToggle";

interface HeaderProps {
  readonly connection: Connection;
}

export function Header({ connection }: HeaderProps) {
  return (
    <header className="header">
      <a className="flex items-center gap-2.5 rounded" href="#/jobs">
        <Mark />
        <h1 className="text-base font-semibold tracking-tight">Job Scheduler</h1>
      </a>
      <div className="ml-auto flex items-center gap-2">
        <ConnectionState connection={connection} />
        <a className="button-quiet" href="api/docs" title="API reference">
          API
        </a>
        <ThemeToggle />
        <SignOut />
      </div>
    </header>
  );
}
