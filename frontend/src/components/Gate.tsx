import { App } from "../App";
import { useSession } from "../hooks";
import { SignIn } from "./SignIn";

/** The dashboard, or what the API wants to see first. */
export function Gate() {
  const { asks } = useSession();
  return asks === null ? <App /> : <SignIn asks={asks} />;
}
