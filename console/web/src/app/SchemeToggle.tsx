import { ActionIcon, Tooltip, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { Icon, type IconName } from "../ui/Icon";

const NEXT: Record<MantineColorScheme, MantineColorScheme> = { auto: "light", light: "dark", dark: "auto" };
const LOOK: Record<MantineColorScheme, { icon: IconName; label: string }> = {
  auto: { icon: "screen", label: "Colours as the system" },
  light: { icon: "sun", label: "Light colours" },
  dark: { icon: "moon", label: "Dark colours" },
};

export function SchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const next = NEXT[colorScheme];
  return (
    <Tooltip label={`${LOOK[colorScheme].label}. Click for: ${LOOK[next].label.toLowerCase()}.`}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={`${LOOK[colorScheme].label}; change`}
        onClick={() => setColorScheme(next)}
      >
        <Icon name={LOOK[colorScheme].icon} size={18} stroke={1.8} />
      </ActionIcon>
    </Tooltip>
  );
}
