import type { ReactNode } from "react";
import { Link } from "react-router";
import type { NodeDetail, StoreSummary } from "../api/types";
import { Term } from "../glossary/Term";
import { Badge, StoreBadge } from "../health/Badge";
import { storeLook } from "../health/health";
import { Ago, When } from "../ui/When";
import { LastDrill } from "./LastDrill";
import { failback, modes, stateSentence } from "./sentence";
import classes from "./StoreHeader.module.css";

function Fact({ label, children }: { label: ReactNode; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function StoreHeader({ summary, nodes }: { summary: StoreSummary; nodes: readonly NodeDetail[] }) {
  const generation = Math.max(0, ...nodes.map((node) => node.status?.generation ?? 0));
  const due = failback(nodes, summary.active);
  return (
    <header className={classes.box} data-tone={storeLook(summary.health).tone}>
      <div className={classes.main}>
        <nav className={classes.crumbs} aria-label="Breadcrumb">
          <Link to="/">Stores</Link>
          <span aria-hidden="true">/</span>
        </nav>
        <div className={classes.line}>
          <h1 className={classes.name}>{summary.store}</h1>
          <StoreBadge health={summary.health} size="lg" />
          {modes(nodes).map(({ mode, name, until }) => (
            <span key={`${mode} ${name}`} className={classes.mode}>
              <Term word="mode">{name === "" ? mode : `${name}: ${mode}`}</Term>{" "}
              {until === undefined ? (
                "without end"
              ) : (
                <>
                  until <When at={until} />
                </>
              )}
            </span>
          ))}
          {due !== undefined && (
            <span className={classes.mode}>
              <Term word="failback">failback</Term> to {due.to} at <When at={due.at} />
            </span>
          )}
        </div>
        <p className={classes.sentence} aria-live="polite">
          {stateSentence(summary)}
        </p>
      </div>
      <dl className={classes.facts}>
        <Fact label={<Term word="active">Active node</Term>}>{summary.active || "none known"}</Fact>
        <Fact label={<Term word="redundancy">Redundancy</Term>}>
          <Badge
            quiet
            look={
              summary.health === "unknown"
                ? { tone: "unknown", word: "Unknown", icon: "unknown" }
                : summary.redundant
                  ? { tone: "ok", word: "Yes", icon: "shield" }
                  : { tone: "warn", word: "No", icon: "degraded" }
            }
          />
        </Fact>
        <Fact label={<Term word="generation">Generation</Term>}>{generation || "–"}</Fact>
        <Fact label={<Term word="drill">Last drill</Term>}>
          <LastDrill nodes={nodes} active={summary.active} />
        </Fact>
        <Fact label={<Term word="last seen">Last seen</Term>}>
          <Ago at={summary.lastSeen} />
        </Fact>
      </dl>
    </header>
  );
}
