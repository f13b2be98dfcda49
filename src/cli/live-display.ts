import type { CoordinationEvent, EventOfType } from "../orchestrator/events.js";
import { describe, nameOf, summary } from "./describe.js";
import { type Display, endLine, progress } from "./displays.js";
import type { Output } from "./io.js";
import { liveRegion } from "./live-region.js";
import type { Style } from "./style.js";
import { type AgentRow, emptyTeam, watch } from "./team-view.js";
import { displayWidth, harmless, oneLine, padded, plural, truncate, wrap } from "./text.js";

const FRAME_MS = 100;
const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** A terminal: decisions scroll by, one line per agent below them is kept up to date, the final text streams at the end. */
export function liveDisplay(out: Output, question: string, style: Style): Display {
  const region = liveRegion(out);
  const view = emptyTeam();
  let frame = 0;
  let hint = "Ctrl-C takes the best answer so far";
  let decided = false;
  /** The final text as far as it is on the screen. */
  let streamed: string | undefined;

  const columns = () => out.columns ?? 80;
  const print = (text: string) => region.print(wrap(text, columns() - 1, "    "));

  function paint(): void {
    if (streamed !== undefined || view.agents.length === 0) return;
    const shown = decided ? view.agents.filter(({ mood }) => mood === "busy" || mood === "trouble") : view.agents;
    const ids = Math.min(16, Math.max(...view.agents.map(({ agentId }) => displayWidth(agentId))));
    const models = columns() < 90 ? 0 : Math.min(26, Math.max(...view.agents.map(({ model }) => displayWidth(model))));
    const status = style.dim(`${progress(view, Date.now())}${hint === "" ? "" : ` · ${hint}`}`);
    region.paint(["", ...shown.map((row) => agentLine(row, ids, models)), `  ${status}`]);
  }

  function agentLine(row: AgentRow, ids: number, models: number): string {
    const marks = { idle: style.dim("·"), done: style.good("✓"), trouble: style.bad("!"), out: style.bad("✗") };
    const mark = row.mood === "busy" ? style.agent(row.index, SPINNER[frame % SPINNER.length]!) : marks[row.mood];
    const tokens = row.mood === "busy" && row.written > 0 ? style.dim(` ~${plural(row.written, "token")}`) : "";
    const status = row.mood === "out" ? style.bad(row.status) : row.mood === "idle" ? style.dim(row.status) : row.status;
    const model = models === 0 ? "" : `${style.dim(padded(row.model, models))}  `;
    return `${mark} ${style.agent(row.index, row.alias)}  ${padded(row.agentId, ids)}  ${model}${status}${tokens}`;
  }

  const timer = setInterval(() => {
    frame++;
    paint();
  }, FRAME_MS);
  const onResize = () => paint();
  out.on("resize", onResize);
  // Whatever ends the process, the cursor comes back.
  const onExit = () => region.close();
  process.once("exit", onExit);

  /** What stands on the screen of the final text does not count. */
  function withdraw(why: string): void {
    if (streamed === undefined) return;
    streamed = undefined;
    out.write(`\n${style.dim(`(the text above is void: ${why})`)}\n\n`);
  }

  function stream(event: EventOfType<"text-delta">): void {
    if (streamed === undefined) {
      region.close();
      out.write("\n");
      streamed = "";
    }
    streamed += event.delta;
    out.write(harmless(event.delta));
  }

  function voids(event: CoordinationEvent): string | undefined {
    if (event.type === "run-restart") return "the review sent it back";
    if (event.type === "run-abort") return "the run was stopped";
    if (event.type === "run-error") return "the run failed";
    if (!("phase" in event) || event.phase !== "present") return undefined;
    if (event.type === "turn-error" || event.type === "turn-interrupt") return "the presentation failed";
    return event.type === "step-finish" && event.status !== "ok" ? "the connection broke" : undefined;
  }

  return {
    show(event) {
      watch(view, event);
      if (event.type === "run-start") {
        const team = view.agents.map((row) => `${nameOf(row, style)} ${style.dim(row.model)}`);
        out.write(`${style.bold(truncate(oneLine(question), columns() - 1))}\n`);
        out.write(`${wrap(team.join(style.dim(", ")), columns() - 1, "    ")}\n`);
        out.write("\n");
      }
      const why = voids(event);
      if (why !== undefined) withdraw(why);
      if (event.type === "consensus") decided = true;
      if (event.type === "run-restart") decided = false;
      if (event.type === "text-delta" && event.phase === "present") stream(event);
      const told = describe(event, view, style);
      if (told !== undefined) {
        const line = told.row ? `${nameOf(told.row, style)}  ${told.text}` : told.text;
        if (streamed === undefined) print(line);
        else if (event.type !== "warning") out.write(`\n${line}\n`);
        paint();
      }
    },
    note(text) {
      hint = "";
      if (streamed === undefined) print(style.bold(text));
      else out.write(`\n${style.bold(text)}\n`);
      paint();
    },
    finish(result) {
      region.close();
      if (streamed?.trim() !== result.text.trim()) {
        withdraw("the final text is this");
        out.write(`\n${endLine(harmless(result.text))}`);
      } else out.write(streamed.endsWith("\n") ? "" : "\n");
      out.write(`\n${summary(result, Date.now() - view.startedAt, style)}\n`);
    },
    close() {
      clearInterval(timer);
      out.off("resize", onResize);
      process.off("exit", onExit);
      region.close();
    },
  };
}
