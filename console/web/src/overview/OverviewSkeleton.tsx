import { Skeleton } from "@mantine/core";
import classes from "./OverviewPage.module.css";

export function OverviewSkeleton() {
  return (
    <div className={classes.page} aria-busy="true" aria-label="Loading the stores">
      <Skeleton height={146} radius="md" />
      <div className={classes.columns}>
        <div className={classes.stores}>
          <Skeleton height={36} radius="md" />
          <Skeleton height={280} radius="md" />
        </div>
        <Skeleton height={328} radius="md" />
      </div>
    </div>
  );
}
