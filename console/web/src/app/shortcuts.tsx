import { Kbd, Modal } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect } from "react";
import { useNavigate } from "react-router";
import { keyAction, PLACES } from "./keys";
import classes from "./shortcuts.module.css";

const SEQUENCE_MILLIS = 1200;

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

export function useShortcuts() {
  const navigate = useNavigate();
  const [opened, { open, close }] = useDisclosure(false);
  useEffect(() => {
    let pressedG = -Infinity;
    const onKey = (event: KeyboardEvent) => {
      if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      const action = keyAction(event.key, event.timeStamp - pressedG < SEQUENCE_MILLIS);
      pressedG = action.do === "wait" ? event.timeStamp : -Infinity;
      if (action.do === "go") void navigate(action.to);
      if (action.do === "help") open();
      if (action.do === "search") {
        const field = document.querySelector<HTMLInputElement>("[data-search]");
        if (field === null) return;
        event.preventDefault();
        field.focus();
        field.select();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate, open]);
  return { opened, open, close };
}

export function ShortcutHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard" size="sm" centered>
      <dl className={classes.list}>
        <dt>
          <Kbd>/</Kbd>
        </dt>
        <dd>Search on this page</dd>
        {Object.entries(PLACES).map(([key, place]) => (
          <div key={key} className={classes.pair}>
            <dt>
              <Kbd>g</Kbd> <Kbd>{key}</Kbd>
            </dt>
            <dd>{place.label}</dd>
          </div>
        ))}
        <dt>
          <Kbd>?</Kbd>
        </dt>
        <dd>This help</dd>
      </dl>
    </Modal>
  );
}
