import { useSession } from "../hooks";
import { Shell } from "./Shell";
import { SignIn } from "./SignIn";

/** The dashboard, or what the API wants to see first. */
export function Gate() {
  const { asks } = useSession();
  return asks === null ? <Shell /> : <SignIn asks={asks} />;
}
