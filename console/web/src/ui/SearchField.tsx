import { Kbd, TextInput } from "@mantine/core";
import { Icon } from "./Icon";

/** The page's search; the key "/" leads to it, Escape empties and leaves it. */
export function SearchField({
  label,
  value,
  onChange,
  width = 280,
}: {
  label: string;
  value: string;
  onChange: (text: string) => void;
  width?: number;
}) {
  return (
    <TextInput
      data-search
      aria-label={label}
      placeholder={label}
      size="sm"
      w={width}
      leftSection={<Icon name="search" size={15} />}
      rightSection={value === "" ? <Kbd size="xs">/</Kbd> : null}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        onChange("");
        event.currentTarget.blur();
      }}
    />
  );
}
