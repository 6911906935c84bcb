// What stands in a page's place while it has nothing to show.
import { Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";
import classes from "./states.module.css";

export function Empty({ icon = "empty", title, children }: { icon?: IconName; title: string; children?: ReactNode }) {
  return (
    <div className={classes.state}>
      <span className={classes.icon}>
        <Icon name={icon} size={26} stroke={1.6} />
      </span>
      <p className={classes.title}>{title}</p>
      {children && <div className={classes.text}>{children}</div>}
    </div>
  );
}

/** Says what failed and why, and offers to try again. */
export function Failed({ what, error, retry }: { what: string; error: unknown; retry: () => void }) {
  const reason = error instanceof Error ? error.message : String(error);
  return (
    <div className={classes.state} role="alert">
      <span className={classes.icon} data-tone="bad">
        <Icon name="degraded" size={26} stroke={1.6} />
      </span>
      <p className={classes.title}>{what} could not be loaded</p>
      <div className={classes.text}>{reason}</div>
      <Button variant="default" size="xs" leftSection={<Icon name="refresh" size={14} />} onClick={retry}>
        Try again
      </Button>
    </div>
  );
}

export function Rows({ count = 6, height = 44 }: { count?: number; height?: number }) {
  return (
    <div className={classes.rows} aria-busy="true" aria-label="Loading">
      {Array.from({ length: count }, (_, row) => (
        <div key={row} style={{ height }} className={classes.row}>
          <Skeleton height={12} width={`${72 - ((row * 17) % 40)}%`} radius="sm" />
        </div>
      ))}
    </div>
  );
}

export function Block({ height }: { height: number }) {
  return <Skeleton height={height} radius="md" aria-busy="true" aria-label="Loading" />;
}
