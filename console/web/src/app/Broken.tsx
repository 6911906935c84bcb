import { Button } from "@mantine/core";
import { Link, useRouteError } from "react-router";
import { Empty } from "../ui/states";

/** The last resort when a page itself fails. */
export function Broken() {
  const error = useRouteError();
  return (
    <main style={{ paddingTop: "12vh" }}>
      <Empty icon="degraded" title="This page failed">
        <p>{error instanceof Error ? error.message : "An unexpected error."}</p>
        <Button variant="default" size="xs" onClick={() => window.location.reload()}>
          Load it again
        </Button>
      </Empty>
    </main>
  );
}

export function NotFound() {
  return (
    <Empty title="There is no such page">
      <Link to="/">To the stores</Link>
    </Empty>
  );
}
