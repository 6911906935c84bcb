import type { ReactNode } from "react";
import { Link } from "react-router";
import type { IncidentDetail } from "../api/types";
import { formatDuration, formatElapsed } from "../format/duration";
import { toMillis } from "../format/time";
import { Term } from "../glossary/Term";
import { Badge, SeverityBadge } from "../health/Badge";
import { useNow } from "../ui/useNow";
import { When } from "../ui/When";
import { incidentState, isPlanned, kindName, recordedOnly, whatHappened } from "./incident";
import classes from "./IncidentHeader.module.css";

export function IncidentHeader({ incident }: { incident: IncidentDetail }) {
  const look = incidentState(incident);
  return (
    <header className={classes.box}>
      <div className={classes.story}>
        <nav className={classes.crumbs} aria-label="Breadcrumb">
          <Link to="/incidents">Incidents</Link>
          <span aria-hidden="true">/</span>
          <Link to={`/stores/${encodeURIComponent(incident.store)}`}>{incident.store}</Link>
        </nav>
        <h1 className={classes.title}>{incident.title}</h1>
        <p className={classes.sentence}>{whatHappened(incident)}</p>
        <div className={classes.badges}>
          <Badge look={look} />
          <SeverityBadge severity={incident.severity} />
        </div>
        <Facts incident={incident} />
      </div>
      <Recovery incident={incident} />
    </header>
  );
}

function Recovery({ incident }: { incident: IncidentDetail }) {
  const now = useNow();
  const recovered = incident.recoverySeconds > 0;
  const tone = recovered ? "ok" : incident.closed === undefined ? "bad" : "none";
  const [number, unit] = split(
    recovered
      ? formatDuration(incident.recoverySeconds)
      : formatElapsed((now - (toMillis(incident.opened) ?? now)) / 1000),
  );
  return (
    <div className={classes.recovery} data-tone={tone}>
      <div className={classes.big}>
        {tone === "none" ? "–" : number}
        {tone !== "none" && <span className={classes.unit}>{unit}</span>}
      </div>
      <div className={classes.caption}>
        {recovered ? (
          <Term word="recovery">recovery time</Term>
        ) : incident.closed === undefined ? (
          "open so far, not recovered"
        ) : (
          <Term word="recovery">no recovery time measured</Term>
        )}
      </div>
    </div>
  );
}

/** "312 ms" → ["312", " ms"]; a longer text stays whole. */
function split(text: string): [string, string] {
  const at = text.indexOf(" ");
  return text.split(" ").length === 2 ? [text.slice(0, at), text.slice(at)] : [text, ""];
}

function Fact({ label, children }: { label: ReactNode; children: ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** When the pair was whole again; an incident whose teller was itself gone closes without. */
function wholeAgain(incident: IncidentDetail): ReactNode {
  if (incident.redundant) return <When at={incident.redundant} />;
  if (recordedOnly(incident)) return "–";
  return incident.closed ? "not while told" : "not yet";
}

function Facts({ incident }: { incident: IncidentDetail }) {
  return (
    <dl className={classes.facts}>
      <Fact label="Kind">{kindName(incident.kind)}</Fact>
      <Fact label="Opened">
        <When at={incident.opened} />
      </Fact>
      <Fact label={<Term word="redundancy">Whole again</Term>}>
        {wholeAgain(incident)}
      </Fact>
      <Fact label={recordedOnly(incident) ? "Evidence complete" : "Closed"}>{incident.closed ? <When at={incident.closed} /> : "open"}</Fact>
      {isPlanned(incident) ? (
        <Fact label="Took over">{(incident.recoverySeconds > 0 && incident.survivor) || "–"}</Fact>
      ) : (
        <>
          <Fact label="Failed node">{incident.failedNode || "–"}</Fact>
          <Fact label={incident.failedNode === "" ? "Told by" : "Survivor"}>{incident.survivor || "–"}</Fact>
        </>
      )}
      <Fact label={<Term word="generation">Generation</Term>}>{incident.generation || "–"}</Fact>
    </dl>
  );
}
