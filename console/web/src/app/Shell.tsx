import { Suspense } from "react";
import { NavLink, Outlet, ScrollRestoration } from "react-router";
import type { Session } from "../api/types";
import { useAlarms, useIncidents } from "../api/queries";
import { list } from "../api/types";
import { Icon, type IconName } from "../ui/Icon";
import { Block } from "../ui/states";
import { ConnectionBanner, ConnectionMark } from "./Connection";
import { SchemeToggle } from "./SchemeToggle";
import { ShortcutHelp, useShortcuts } from "./shortcuts";
import { UserMenu } from "./UserMenu";
import classes from "./Shell.module.css";

function Brand() {
  return (
    <NavLink to="/" className={classes.brand} aria-label="Storeward, to the stores">
      <img src="/favicon.svg" width={26} height={26} alt="" />
      <span>Storeward</span>
    </NavLink>
  );
}

function NavItem({
  to,
  icon,
  label,
  count,
  tone,
}: {
  to: string;
  icon: IconName;
  label: string;
  count?: number;
  tone?: string;
}) {
  return (
    <NavLink to={to} end={to === "/"} className={classes.item}>
      <Icon name={icon} size={17} stroke={1.8} />
      <span>{label}</span>
      {count !== undefined && (
        <span
          className={classes.count}
          data-tone={tone}
          data-empty={count === 0 || undefined}
          aria-label={`${count} open`}
        >
          {count}
        </span>
      )}
    </NavLink>
  );
}

export function Shell({ session }: { session: Session }) {
  const alarms = useAlarms();
  const open = useIncidents({ open: true, limit: 100 });
  const help = useShortcuts();
  const raised = list(alarms.data?.alarms);
  const unseen = raised.filter((alarm) => alarm.acknowledged === undefined).length;

  return (
    <div className={classes.shell}>
      <a href="#content" className={classes.skip}>
        Skip to the content
      </a>
      <header className={classes.bar}>
        <Brand />
        <nav className={classes.nav} aria-label="Main">
          <NavItem to="/" icon="store" label="Stores" />
          <NavItem
            to="/incidents"
            icon="incident"
            label="Incidents"
            count={list(open.data?.incidents).length}
            tone="warn"
          />
          <NavItem to="/alarms" icon="bell" label="Alarms" count={unseen} tone="bad" />
        </nav>
        <div className={classes.tools}>
          <ConnectionMark />
          <SchemeToggle />
          <UserMenu session={session} onHelp={help.open} />
        </div>
      </header>
      <ConnectionBanner />
      <main id="content" className={classes.main} tabIndex={-1}>
        <Suspense fallback={<Block height={480} />}>
          <Outlet />
        </Suspense>
      </main>
      <ScrollRestoration />
      <ShortcutHelp opened={help.opened} onClose={help.close} />
    </div>
  );
}
