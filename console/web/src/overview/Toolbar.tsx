import { SegmentedControl } from "@mantine/core";
import type { HealthWord } from "../api/types";
import { SearchField } from "../ui/SearchField";
import classes from "./Toolbar.module.css";

export type View = "cards" | "table";

interface ToolbarProps {
  search: string;
  onSearch: (text: string) => void;
  health: HealthWord | "all";
  onHealth: (health: HealthWord | "all") => void;
  view: View;
  onView: (view: View) => void;
  shown: number;
  total: number;
}

export function Toolbar({ search, onSearch, health, onHealth, view, onView, shown, total }: ToolbarProps) {
  const filtered = search !== "" || health !== "all";
  return (
    <div className={classes.bar}>
      <SearchField label="Search stores" value={search} onChange={onSearch} />
      <span className={classes.count} aria-live="polite">
        {filtered ? `${shown} of ${total}` : total === 1 ? "1 store" : `${total} stores`}
        {filtered && (
          <button
            type="button"
            className={classes.clear}
            onClick={() => {
              onSearch("");
              onHealth("all");
            }}
          >
            show all
          </button>
        )}
      </span>
      <SegmentedControl
        size="xs"
        className={classes.view}
        aria-label="Show stores as"
        value={view}
        onChange={(next) => onView(next === "table" ? "table" : "cards")}
        data={[
          { value: "cards", label: "Cards" },
          { value: "table", label: "Table" },
        ]}
      />
    </div>
  );
}
