import type { ReactNode } from "react";
import classes from "./PageHead.module.css";

export function PageHead({ title, lead, children }: { title: string; lead: ReactNode; children?: ReactNode }) {
  return (
    <div className={classes.head}>
      <div>
        <h1 className={classes.title}>{title}</h1>
        <p className={classes.lead}>{lead}</p>
      </div>
      {children && <div className={classes.tools}>{children}</div>}
    </div>
  );
}
