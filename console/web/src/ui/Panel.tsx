import { useId, type ReactNode } from "react";
import classes from "./Panel.module.css";

interface PanelProps {
  title?: ReactNode;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  flush?: boolean;
  id?: string;
}

/** A titled part of a page. Flush panels let a table reach the borders. */
export function Panel({ title, note, actions, children, flush = false, id }: PanelProps) {
  const heading = useId();
  return (
    <section className={classes.panel} aria-labelledby={title ? heading : undefined} id={id}>
      {title && (
        <header className={classes.head}>
          <h2 id={heading} className={classes.title}>
            {title}
          </h2>
          {note && <div className={classes.note}>{note}</div>}
          {actions && <div className={classes.actions}>{actions}</div>}
        </header>
      )}
      <div className={flush ? classes.flush : classes.body}>{children}</div>
    </section>
  );
}
