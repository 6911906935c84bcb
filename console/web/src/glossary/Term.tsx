import { Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { GLOSSARY, type Word } from "./glossary";
import classes from "./Term.module.css";

interface TermProps {
  word: Word;
  children?: ReactNode;
  /** In cells that repeat: no mark and no stop for the tab key, since the heading explains the word already. */
  quiet?: boolean;
}

/** A technical word that explains itself on hover and on keyboard focus. */
export function Term({ word, children, quiet = false }: TermProps) {
  const text = children ?? word;
  if (quiet) {
    return (
      <Tooltip label={GLOSSARY[word]} multiline maw={320}>
        <span>{text}</span>
      </Tooltip>
    );
  }
  return (
    <Tooltip
      label={GLOSSARY[word]}
      multiline
      maw={320}
      events={{ hover: true, focus: true, touch: true }}
      openDelay={200}
    >
      <button type="button" className={classes.term}>
        {text}
      </button>
    </Tooltip>
  );
}
