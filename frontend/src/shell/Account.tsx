import { Icon } from "../components/Icon";
import { Menu } from "../components/Menu";
import { useSession } from "../hooks";
import { needsNoKey } from "../me";
import { useMe } from "../queries";
import { session } from "../session";

/** Whose key is used, with which role. Nothing where nobody needs a key. */
export function Account() {
  const { key } = useSession();
  const me = useMe();
  if (key === null || (me && needsNoKey(me))) return null;
  return (
    <Menu label={me ? `Signed in as ${me.name}, ${me.role}` : "Account"} icon="person" testId="account">
      {me && (
        <p className="menu-about">
          <strong>{me.name}</strong>
          <span className="text-muted">{me.role}</span>
        </p>
      )}
      <button type="button" className="menu-item" data-testid="sign-out" onClick={() => { session.signOut(); }}>
        <Icon name="leave" />
        Sign out
      </button>
    </Menu>
  );
}
