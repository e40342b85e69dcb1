import { useSession } from "../hooks";
import { useAuth } from "../queries";
import { session } from "../session";
import { Icon } from "./Icon";

/** Nothing where nobody needs a key. */
export function SignOut() {
  const { key } = useSession();
  const auth = useAuth(key !== null);
  if (key === null || auth !== "on") return null;
  return (
    <button
      type="button"
      className="button-quiet"
      onClick={() => { session.signOut(); }}
      aria-label="Sign out"
      title="Sign out"
      data-testid="sign-out"
    >
      <Icon name="leave" className="size-4" />
    </button>
  );
}
