import type { CoordinationEvent, EventOfType } from "../orchestrator/events.js";
import { describe, nameOf, summary } from "./describe.js";
import { type Display, endLine, progress } from "./displays.js";
import type { Output } from "./io.js";
import { liveRegion } from "./live-region.js";
import type { Style } from "./style.js";
import { type AgentRow, emptyTeam, watch } from "./team-view.js";
import { displayWidth, harmless, oneLine, padded, plural, streamWrapper, truncate, wrap } from "./text.js";

const FRAME_MS = 100;
const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** A terminal: decisions scroll by, one line per agent below them is kept up to date, the final text streams at the end. */
export function liveDisplay(out: Output, question: string, style: Style): Display {
  const region = liveRegion(out);
  const view = emptyTeam();
  const columns = () => out.columns ?? 80;
  let frame = 0;
  let hint = "Ctrl-C takes the best answer so far";
  let decided = false;
  /** The final text as far as it is on the screen. */
  let streamed: string | undefined;
  let wrapper = streamWrapper(columns);

  const nameWidth = () => Math.min(24, Math.max(...view.agents.map((row) => displayWidth(nameOf(row, style)))));
  const print = (text: string, indent = 2) => region.print(wrap(text, columns() - 1, " ".repeat(indent)));

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
    out.write(`${wrapper.end()}\n${style.dim(`(the text above is void: ${why})`)}\n\n`);
  }

  function stream(event: EventOfType<"text-delta">): void {
    if (streamed === undefined) {
      region.close();
      out.write("\n");
      streamed = "";
      wrapper = streamWrapper(columns);
    }
    streamed += event.delta;
    out.write(wrapper.push(harmless(event.delta)));
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
        const team = view.agents.map((row) => `${style.agent(row.index, row.agentId)} ${style.dim(`(${row.model})`)}`);
        out.write(`${style.bold(truncate(oneLine(question), columns() - 1))}\n`);
        out.write(`${wrap(team.join(", "), columns() - 1, "  ")}\n`);
        out.write("\n");
      }
      const why = voids(event);
      if (why !== undefined) withdraw(why);
      if (event.type === "consensus") decided = true;
      if (event.type === "run-restart") decided = false;
      if (event.type === "text-delta" && event.phase === "present") stream(event);
      const told = describe(event, view, style);
      if (told !== undefined) {
        const indent = told.row && columns() >= 60 ? nameWidth() + 2 : 2;
        const name = told.row && nameOf(told.row, style);
        const line = name === undefined ? told.text : `${columns() >= 60 ? padded(name, nameWidth()) : name}  ${told.text}`;
        if (streamed === undefined) print(event.type === "consensus" ? `\n${line}` : line, indent);
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
        wrapper = streamWrapper(columns);
        out.write(`\n${endLine(wrapper.push(harmless(result.text)) + wrapper.end())}`);
      } else out.write(`${wrapper.end()}${streamed.endsWith("\n") ? "" : "\n"}`);
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
