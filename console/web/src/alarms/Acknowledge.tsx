import { Button, Popover, Textarea } from "@mantine/core";
import { useState, type FormEvent } from "react";
import { useAcknowledge, useSession } from "../api/queries";
import type { Alarm } from "../api/types";
import { Icon } from "../ui/Icon";
import { Ago } from "../ui/When";
import classes from "./Acknowledge.module.css";

/** Who looks after an alarm, or the way to say so. */
export function Acknowledge({ alarm }: { alarm: Alarm }) {
  if (alarm.acknowledged !== undefined) {
    return (
      <span className={classes.done} title={alarm.comment}>
        <Icon name="ok" size={14} />
        <span>
          {alarm.acknowledgedBy}, <Ago at={alarm.acknowledged} />
          {alarm.comment && <span className={classes.comment}>{alarm.comment}</span>}
        </span>
      </span>
    );
  }
  return <Ask id={alarm.id} what={alarm.message} />;
}

function Ask({ id, what }: { id: number; what: string }) {
  const session = useSession();
  const acknowledge = useAcknowledge();
  const [opened, setOpened] = useState(false);
  const [comment, setComment] = useState("");
  if (session.data?.role === "viewer") return <span className={classes.none}>no</span>;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    acknowledge.mutate({ id, comment }, { onSuccess: () => setOpened(false) });
  };
  return (
    <Popover opened={opened} onChange={setOpened} width={300} position="bottom-end" withArrow trapFocus shadow="md">
      <Popover.Target>
        <Button variant="default" size="xs" aria-label={`Acknowledge: ${what}`} onClick={() => setOpened(!opened)}>
          Acknowledge
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <form onSubmit={submit} className={classes.form}>
          <Textarea
            label="Comment"
            description="Who does what; others see it."
            data-autofocus
            autosize
            minRows={2}
            maxLength={2000}
            value={comment}
            onChange={(e) => setComment(e.currentTarget.value)}
          />
          {acknowledge.isError && (
            <p className={classes.error} role="alert">
              {acknowledge.error.message}
            </p>
          )}
          <Button type="submit" size="xs" loading={acknowledge.isPending}>
            Acknowledge
          </Button>
        </form>
      </Popover.Dropdown>
    </Popover>
  );
}
