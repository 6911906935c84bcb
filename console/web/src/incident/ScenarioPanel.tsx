import { Button } from "@mantine/core";
import type { IncidentDetail } from "../api/types";
import { plural } from "../format/quantity";
import { Term } from "../glossary/Term";
import { Icon } from "../ui/Icon";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/states";
import { scenarioFileName } from "./incident";
import classes from "./ScenarioPanel.module.css";

function download(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** The inputs of the decisions, to look at and to replay. */
export function ScenarioPanel({ incident }: { incident: IncidentDetail }) {
  const { scenario } = incident;
  const lines = scenario.trim() === "" ? 0 : scenario.trim().split("\n").length;
  return (
    <Panel
      title={<Term word="scenario">Scenario</Term>}
      note="everything the decision saw: replay it with storewardctl simulate"
      id="scenario"
      actions={
        lines > 0 ? (
          <Button
            variant="default"
            size="xs"
            leftSection={<Icon name="download" size={14} />}
            onClick={() => download(scenarioFileName(incident), scenario)}
          >
            Download
          </Button>
        ) : undefined
      }
    >
      {lines === 0 ? (
        <Empty title="No scenario was recorded" />
      ) : (
        <details>
          <summary className={classes.summary}>Show {plural(lines, "line")}</summary>
          <pre className={classes.text}>{scenario}</pre>
        </details>
      )}
    </Panel>
  );
}
