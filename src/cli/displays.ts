import type { CoordinationEvent } from "../orchestrator/events.js";
import type { RunResult } from "../orchestrator/run.js";
import { describe, type Line, nameOf, summary } from "./describe.js";
import type { Output } from "./io.js";
import { makeStyle } from "./style.js";
import { emptyTeam, rowOf, type TeamView, watch } from "./team-view.js";
import { dollars, duration, oneLine, plural } from "./text.js";

/** Shows a run. */
export interface Display {
  /** May ask to wait until the reader has caught up. */
  show(event: CoordinationEvent): void | Promise<void>;
  /** Something the program itself has to say while the run goes on. */
  note(text: string): void;
  /** The run has its result. */
  finish(result: RunResult): void | Promise<void>;
  /** Gives the terminal back. */
  close(): void;
}

/** One event a line, as JSON. */
export function jsonDisplay(out: Output, err: Output): Display {
  return {
    show: (event) => written(out, `${JSON.stringify(event)}\n`),
    note: (text) => void err.write(`${text}\n`),
    finish() {
      // `run-finish` has told it.
    },
    close() {},
  };
}

/** The final text and nothing else. */
export function quietDisplay(out: Output): Display {
  return {
    show() {},
    note() {},
    finish: (result) => written(out, endLine(result.text)),
    close() {},
  };
}

/** Plain lines, each after the name of whoever it is about, then the final text. */
export function plainDisplay(out: Output, question: string): Display {
  const style = makeStyle(false);
  const view = emptyTeam();
  const line = (text: string) => written(out, `${text}\n`);
  return {
    show(event) {
      watch(view, event);
      if (event.type === "run-start") return line(`massgen: ${headline(view, question)}`);
      const told = describe(event, view, style) ?? started(event, view);
      if (told !== undefined) return line(`${told.row ? nameOf(told.row, style) : "massgen"}: ${told.text}`);
    },
    note: (text) => void out.write(`massgen: ${text}\n`),
    finish(result) {
      const took = Date.now() - view.startedAt;
      return written(out, `\n${endLine(result.text)}\nmassgen: ${summary(result, took, style)}\n`);
    },
    close() {},
  };
}

function started(event: CoordinationEvent, view: TeamView): Line | undefined {
  if (event.type !== "turn-start") return undefined;
  const row = rowOf(view, event.agentId);
  return row && { row, text: row.status };
}

export function headline(view: TeamView, question: string): string {
  const team = view.agents.map(({ agentId, model }) => `${agentId} (${model})`).join(", ");
  return `${plural(view.agents.length, "agent")} on “${clip(oneLine(question), 100)}”: ${team}`;
}

const clip = (text: string, length: number) => (text.length > length ? `${text.slice(0, length).trimEnd()}…` : text);

/** The status line of a run under way. */
export function progress(view: TeamView, now: number): string {
  const answers = view.agents.filter(({ answer }) => answer !== undefined).length;
  const votes = view.agents.filter(({ vote }) => vote !== undefined).length;
  const parts = [
    view.attempt > 1 && `attempt ${view.attempt}`,
    view.epoch > 0 && `epoch ${view.epoch}`,
    plural(answers, "answer"),
    view.epoch > 0 && plural(votes, "vote"),
    view.tokens > 0 && plural(view.tokens, "token"),
    view.tokens > 0 && dollars(view.cost),
    duration(Math.max(0, now - view.startedAt)),
  ];
  return parts.filter(Boolean).join(" · ");
}

export const endLine = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`);

/** Writes; the promise is there when the reader has to catch up first, and settles when it has, or has left. */
function written(out: Output, text: string): void | Promise<void> {
  if (out.write(text) || out.destroyed) return;
  return new Promise((resolve) => {
    const done = () => {
      out.off("drain", done).off("close", done).off("error", done);
      resolve();
    };
    out.on("drain", done).on("close", done).on("error", done);
  });
}
