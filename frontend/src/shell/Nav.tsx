import { Link, useNavigate } from "@tanstack/react-router";
import { Icon } from "../components/Icon";
import { useKeys } from "../keys";
import { useMe } from "../queries";
import { includes } from "../me";
import { PLACES, type Place } from "./places";

/** What the reader's role shows. Until it is known, what it is certain to. */
function usePlaces(): readonly Place[] {
  const role = useMe()?.role ?? "viewer";
  return PLACES.filter(({ needs }) => needs !== "admin" || includes(role, needs));
}

/** A side bar where there is room, icons where there is less, and on a phone a bar below. */
export function Nav() {
  const places = usePlaces();
  const navigate = useNavigate();
  useKeys(
    places.map(({ to, name, key }) => ({ keys: `g ${key}`, does: `Go to ${name}`, group: "Go", run: () => void navigate({ to }) })),
  );
  return (
    <nav className="nav" aria-label="Pages">
      <ul>
        {places.map(({ to, name, icon }) => (
          <li key={to}>
            <Link to={to} className="nav-link" activeOptions={{ exact: to === "/", includeSearch: false }} title={name}>
              <Icon name={icon} className="size-4" />
              <span className="nav-name">{name}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
