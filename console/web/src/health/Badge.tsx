import { Icon } from "../ui/Icon";
import { healthLook, roleLook, severityLook, storeLook, type Look } from "./health";
import classes from "./Badge.module.css";

/** Word, icon and colour together: colour never speaks alone. */
export function Badge({
  look,
  size = "md",
  quiet = false,
}: {
  look: Look;
  size?: "sm" | "md" | "lg";
  quiet?: boolean;
}) {
  return (
    <span className={classes.badge} data-tone={look.tone} data-size={size} data-quiet={quiet || undefined}>
      <Icon name={look.icon} size={size === "lg" ? 18 : size === "md" ? 14 : 12} stroke={2.4} />
      {look.word}
    </span>
  );
}

export const HealthBadge = ({
  health,
  size,
  quiet,
}: {
  health: string;
  size?: "sm" | "md" | "lg";
  quiet?: boolean;
}) => <Badge look={healthLook(health)} size={size} quiet={quiet} />;

export const StoreBadge = ({ health, size }: { health: string; size?: "sm" | "md" | "lg" }) => (
  <Badge look={storeLook(health)} size={size} />
);

export const SeverityBadge = ({
  severity,
  size,
  quiet,
}: {
  severity: string;
  size?: "sm" | "md" | "lg";
  quiet?: boolean;
}) => <Badge look={severityLook(severity)} size={size} quiet={quiet} />;

export const RoleBadge = ({ role, size }: { role: string; size?: "sm" | "md" | "lg" }) => (
  <Badge look={roleLook(role)} size={size} />
);
