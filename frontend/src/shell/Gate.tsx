import { lazy, Suspense } from "react";
import { useSession } from "../hooks";
import { Shell } from "./Shell";

const SignIn = lazy(() => import("./SignIn"));

/** The dashboard, or what the API wants to see first. */
export function Gate() {
  const { asks } = useSession();
  if (asks === null) return <Shell />;
  return (
    <Suspense>
      <SignIn asks={asks} />
    </Suspense>
  );
}
