// The answer to "is every store selling?", and the few numbers behind it.
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Alarm, FailoverSummary, HealthWord } from "../api/types";
import { severityRank } from "../api/reducers";
import { formatDuration } from "../format/duration";
import { formatCount } from "../format/quantity";
import { Term } from "../glossary/Term";
import { headline, storeLook, type Counts } from "../health/health";
import { incidentPath } from "../incident/incident";
import { Icon } from "../ui/Icon";
import { failoverNote } from "./recovery";
import type { Row } from "./rows";
import classes from "./Headline.module.css";

const WORDS: HealthWord[] = ["down", "unknown", "degraded", "ok"];

interface HeadlineProps {
  counts: Counts;
  rows: readonly Row[];
  alarms: readonly Alarm[];
  failovers: FailoverSummary | undefined;
  health: HealthWord | "all";
  onHealth: (health: HealthWord | "all") => void;
}

export function Headline({ counts, rows, alarms, failovers, health, onHealth }: HeadlineProps) {
  const { tone, text, icon } = headline(counts);
  return (
    <section className={classes.box} data-tone={tone} aria-label="Summary">
      <div className={classes.answer}>
        <span className={classes.icon}>
          <Icon name={icon} size={28} stroke={2.2} />
        </span>
        <h1 className={classes.text} aria-live="polite">
          {text}
        </h1>
      </div>
      {rows.length > 0 && (
        <div className={classes.facts}>
          <div className={classes.split}>
            <Proportion counts={counts} />
            <div className={classes.filters} role="group" aria-label="Filter by health">
              {WORDS.map((word) => (
                <button
                  key={word}
                  type="button"
                  className={classes.filter}
                  data-tone={storeLook(word).tone}
                  data-zero={counts[word] === 0 || undefined}
                  aria-pressed={health === word}
                  onClick={() => onHealth(health === word ? "all" : word)}
                >
                  <Icon name={storeLook(word).icon} size={15} stroke={2.4} />
                  <span className={classes.number}>{formatCount(counts[word])}</span>
                  <span className={classes.label}>{storeLook(word).word}</span>
                </button>
              ))}
            </div>
          </div>
          <Numbers rows={rows} alarms={alarms} failovers={failovers} />
        </div>
      )}
    </section>
  );
}

function Proportion({ counts }: { counts: Counts }) {
  return (
    <div className={classes.bar} aria-hidden="true">
      {WORDS.map(
        (word) =>
          counts[word] > 0 && <span key={word} data-tone={storeLook(word).tone} style={{ flexGrow: counts[word] }} />,
      )}
    </div>
  );
}

function Fact({ label, value, note }: { label: ReactNode; value: ReactNode; note: ReactNode }) {
  return (
    <div className={classes.fact}>
      <div className={classes.factLabel}>{label}</div>
      <div className={classes.factValue}>{value}</div>
      <div className={classes.factNote}>{note}</div>
    </div>
  );
}

function Numbers({ rows, alarms, failovers }: Pick<HeadlineProps, "rows" | "alarms" | "failovers">) {
  const redundant = rows.filter((row) => row.store.redundant).length;
  const urgent = alarms.filter((alarm) => severityRank(alarm.severity) >= 4).length;
  const slowest = failovers?.slowest;
  return (
    <div className={classes.numbers}>
      <Fact
        label={<Term word="redundancy">With redundancy</Term>}
        value={`${redundant} of ${rows.length}`}
        note="both nodes able to serve"
      />
      <Fact
        label={<Term word="alarm">Open alarms</Term>}
        value={<Link to="/alarms">{formatCount(alarms.length)}</Link>}
        note={urgent > 0 ? `${urgent} major or critical` : "none major or critical"}
      />
      <Fact
        label={<Term word="recovery">Slowest recovery</Term>}
        value={slowest ? <Link to={incidentPath(slowest)}>{formatDuration(slowest.recoverySeconds)}</Link> : "–"}
        note={failoverNote(failovers)}
      />
    </div>
  );
}
