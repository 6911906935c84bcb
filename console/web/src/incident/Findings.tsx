import type { Finding } from "../api/types";
import { severityRank } from "../api/reducers";
import { Term } from "../glossary/Term";
import { SeverityBadge } from "../health/Badge";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { evidenceLabel, showEvidence } from "./evidence";
import classes from "./Findings.module.css";

/** What the evidence says, surest and gravest first, each with the way to its evidence. */
export function Findings({ findings, gathered, open }: { findings: readonly Finding[]; gathered: boolean; open: boolean }) {
  const sorted = [...findings].sort(
    (a, b) => severityRank(b.severity) - severityRank(a.severity) || b.confidence - a.confidence,
  );
  return (
    <Panel title={<Term word="finding">Findings</Term>} note="what the evidence says" flush id="findings">
      {sorted.length === 0 ? (
        <Empty icon="search" title={gathered ? "Nothing unusual found" : open ? "No findings yet" : "No findings"}>
          {gathered
            ? "The evidence below shows neither a shortage nor an error on either node."
            : open
              ? "They are drawn from the nodes' evidence as soon as it comes."
              : "They are drawn from the nodes' evidence, and none came."}
        </Empty>
      ) : (
        <ul className={classes.list}>
          {sorted.map((finding) => (
            <li key={`${finding.type} ${finding.text}`} className={classes.item}>
              <div className={classes.head}>
                <SeverityBadge severity={finding.severity} size="sm" />
                <code className={classes.type}>{finding.type}</code>
                <span className={classes.sure}>
                  <Term word="confidence" quiet>{`${Math.round(finding.confidence * 100)} % sure`}</Term>
                </span>
              </div>
              <p className={classes.text}>{finding.text}</p>
              <Evidence paths={finding.evidence ?? []} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Evidence({ paths }: { paths: readonly string[] }) {
  if (paths.length === 0) return null;
  return (
    <div className={classes.evidence}>
      {paths.map((path) => (
        <button key={path} type="button" className={classes.jump} title={path} onClick={() => showEvidence(path)}>
          <Icon name="crosshair" size={12} />
          {evidenceLabel(path)}
        </button>
      ))}
    </div>
  );
}
