import { Navigate, useLocation } from "react-router";
import { isUnauthorized } from "../api/client";
import { LiveProvider } from "../api/live";
import { useSession } from "../api/queries";
import { Failed } from "../ui/states";
import { Shell } from "./Shell";

/** The pages behind the login. */
export function Protected() {
  const session = useSession();
  const location = useLocation();
  if (isUnauthorized(session.error)) {
    return <Navigate to={`/login?to=${encodeURIComponent(location.pathname + location.search)}`} replace />;
  }
  if (session.data === undefined) {
    if (session.isError) {
      return (
        <main style={{ paddingTop: "12vh" }}>
          <Failed what="The console" error={session.error} retry={() => void session.refetch()} />
        </main>
      );
    }
    return <main aria-busy="true" />;
  }
  return (
    <LiveProvider>
      <Shell session={session.data} />
    </LiveProvider>
  );
}
