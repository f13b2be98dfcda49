import { linkedController } from "../../agent/abort.js";
import { untilAborted } from "../../backends/until-aborted.js";
import { MassGenError } from "../../errors.js";
import type { Runtime } from "../../runtime.js";
import { RESERVED_TOOL_NAMES, type Tool, type ToolContext } from "../../tools/tool.js";
import type { RunToolkit, Toolkit, ToolkitRun, ToolTurn } from "../../tools/toolkit.js";
import type { Kit } from "./team-toolkits.js";

/** How long closing may take before the run ends without it. */
const CLOSE_LIMIT_MS = 5_000;

const TOOL_ADVICE = "Raise `timeout.tool` if there is that much to keep.";

interface OpenKit {
  name: string;
  agents: number[];
  run: RunToolkit;
}

export interface RunToolkitsOptions {
  kits: Kit[];
  runId: string;
  agents: { agentId: string; alias: string }[];
  runtime: Runtime;
  /** The limits below are of its time. */
  clock: Pick<Runtime, "setTimer">;
  /** Milliseconds that opening may take; and handing in, or giving the result. */
  openLimitMs: number;
  limitMs: number;
  warn: ToolkitRun["warn"];
  ask: ToolkitRun["ask"];
  /** Aborted when the run is over. */
  signal: AbortSignal;
}

/** What became of what was handed in; told once. */
export type Settle = (label: string | undefined) => void;

/** Why an answer cannot be accepted, for the model. */
export interface Rejected {
  rejected: string;
}

/** The toolkits of one run, from their opening to their end. */
export class RunToolkits {
  readonly #options: RunToolkitsOptions;
  /** Aborted when the run is over, or when one of them could not be opened. */
  readonly #link: ReturnType<typeof linkedController>;
  #open: OpenKit[] = [];
  #opening: Promise<void>[] = [];
  /** Hand-ins, and the like, that may still be at work when the run ends. */
  readonly #pending = new Set<Promise<unknown>>();
  readonly #instructions: string[] = [];
  #closing = false;

  constructor(options: RunToolkitsOptions) {
    this.#options = options;
    this.#link = linkedController(options.signal);
  }

  /** Opens all of them, at once; throws what the first of them to fail throws, `toolkit_timeout`, or the abort's reason. */
  async open(): Promise<void> {
    const { kits, runId, agents, runtime, openLimitMs, warn, ask } = this.#options;
    const { controller } = this.#link;
    const slots: OpenKit[] = [];
    this.#opening = kits.map(async ({ toolkit, agents: having }, index) => {
      const forRun = { runId, agents: having.map((agent) => agents[agent]!), signal: controller.signal, runtime, warn, ask };
      const kit = { name: toolkit.name, agents: having, run: await openOne(toolkit, forRun) };
      if (this.#closing) return this.#close(kit);
      slots[index] = kit;
      this.#open = slots.filter((slot) => slot !== undefined);
    });
    const advice = "Raise `timeout.turn` if it needs that long.";
    const cancel = this.#limit(
      controller,
      openLimitMs,
      () => {
        const late = kits.filter((_, index) => slots[index] === undefined).map(({ toolkit }) => toolkit);
        return `opening ${namesOf(late)}`;
      },
      advice,
    );
    try {
      await untilAborted(Promise.all(this.#opening), controller.signal, () => asError(controller.signal.reason));
    } catch (error) {
      controller.abort(error); // the others need not go on
      throw error;
    } finally {
      cancel();
    }
    for (const [agent, { agentId }] of agents.entries()) {
      this.#instructions[agent] = joined(this.#of(agent).map(({ run }) => run.instructions?.(agentId)));
    }
  }

  #of(agent: number): OpenKit[] {
    return this.#open.filter(({ agents }) => agents.includes(agent));
  }

  /** The agent's tools of a turn: its own functions, those of toolkits, those of the run. Throws for two of one name. */
  tools(agent: number, turn: ToolTurn, own: readonly Tool[], ofRun: readonly Tool[]): Tool[] {
    const sources: [string, readonly Tool[]][] = [
      [`agent "${turn.agentId}" itself`, own],
      ...this.#of(agent).map(({ name, run }): [string, readonly Tool[]] => [`the toolkit "${name}"`, run.tools(turn)]),
      ["the tools of the run", ofRun],
    ];
    const tools: Tool[] = [];
    const owners = new Map<string, string>(RESERVED_TOOL_NAMES.map((name) => [name, "massgen itself"]));
    for (const [source, offered] of sources) {
      for (const tool of offered) {
        const owner = owners.get(tool.name);
        if (owner !== undefined) {
          const message = `Agent "${turn.agentId}" has two tools named "${tool.name}": one of ${owner}, one of ${source}. Rename or leave out one of them.`;
          throw new MassGenError("duplicate_tool", message);
        }
        owners.set(tool.name, source);
        tools.push(tool);
      }
    }
    return tools;
  }

  /** What the agent has to know of its tools; the same in every turn. */
  instructions(agent: number): string {
    return this.#instructions[agent] ?? "";
  }

  context(agent: number, turn: ToolTurn): Pick<ToolContext, "workspace" | "saveFile"> {
    return Object.assign({}, ...this.#of(agent).map(({ run }) => run.context?.(turn)));
  }

  /** Asks for what goes at the end of the turn's prompt. Nothing, if no toolkit has anything to say. */
  note(agent: number, turn: ToolTurn, context: Pick<ToolContext, "workspace">): (() => Promise<string>) | undefined {
    const kits = this.#of(agent).filter(({ run }) => run.note !== undefined);
    if (kits.length === 0) return undefined;
    return async () => joined(await Promise.all(kits.map(({ run }) => run.note?.(turn, context))));
  }

  newsNote(agent: number, turn: ToolTurn): string {
    return joined(this.#of(agent).map(({ run }) => run.newsNote?.(turn)));
  }

  /** Asks all toolkits about a call, and gives its arguments as they leave them. Nothing, if none of them looks at calls. */
  check(agent: number, turn: ToolTurn): ((call: { tool: Tool; input: unknown }) => Promise<unknown>) | undefined {
    const kits = this.#of(agent).filter(({ run }) => run.check !== undefined);
    if (kits.length === 0) return undefined;
    return async ({ tool, input: given }) => {
      let input = given;
      for (const { run } of kits) {
        const checked = await run.check?.({ tool, input }, turn);
        if (checked) input = checked.input;
      }
      return input;
    };
  }

  takesHandIns(agent: number): boolean {
    return this.#of(agent).some(({ run }) => run.handIn !== undefined);
  }

  /**
   * Has every toolkit keep what belongs to an answer, or says why the answer cannot be accepted. Throws what one of them throws,
   * `toolkit_timeout`, or the abort's reason.
   */
  async handIn(agent: number, turn: ToolTurn, signal: AbortSignal): Promise<Settle | Rejected> {
    const { controller, unlink } = linkedController(signal);
    const kits = this.#of(agent).filter(({ run }) => run.handIn !== undefined);
    const settlers: Settle[] = [];
    const rejections: string[] = [];
    let given = false;
    const work = kits.map(async ({ name, run }) => {
      let settle: Settle | undefined;
      try {
        settle = await run.handIn?.(turn, controller.signal);
      } catch (error) {
        if (!(error instanceof MassGenError) || controller.signal.aborted) throw error;
        rejections.push(error.message);
      }
      if (settle === undefined) return;
      const told: Settle = (label) => {
        try {
          settle(label);
        } catch (error) {
          this.#complain("toolkit_failed", `The toolkit "${name}" could not keep what was handed in as ${label}: ${textOf(error)}`);
        }
      };
      if (given)
        told(undefined); // too late
      else settlers.push(told);
    });
    const cancel = this.#limit(controller, this.#options.limitMs, () => `handing in to ${namesOf(kits)}`);
    for (const each of work) this.#watch(each);
    try {
      await untilAborted(Promise.all(work), controller.signal, () => asError(controller.signal.reason));
      given = true;
      if (rejections.length > 0) {
        for (const settle of settlers.splice(0)) settle(undefined);
        return { rejected: rejections.join("\n") };
      }
      return (label) => {
        for (const settle of settlers.splice(0)) settle(label);
      };
    } catch (error) {
      given = true;
      for (const settle of settlers.splice(0)) settle(undefined);
      controller.abort(error);
      throw error;
    } finally {
      cancel();
      unlink();
    }
  }

  /** What is left of the run. Failing at it costs the run nothing but that: it is told as a warning. */
  async result(winner: { agentId: string; label: string }): Promise<{ workspace?: string }> {
    const { controller, unlink } = linkedController(this.#link.controller.signal);
    const cancel = this.#limit(controller, this.#options.limitMs, () => `the result of ${namesOf(this.#open)}`);
    const results = this.#open.map(async ({ name, run }) => {
      try {
        return (await run.result?.(winner)) ?? {};
      } catch (error) {
        this.#complain("toolkit_failed", `The toolkit "${name}" could not give its result: ${textOf(error)}`);
        return {};
      }
    });
    for (const each of results) this.#watch(each);
    try {
      const all = await untilAborted(Promise.all(results), controller.signal, () => asError(controller.signal.reason));
      return all.find(({ workspace }) => workspace !== undefined) ?? {};
    } catch (error) {
      this.#complain("toolkit_failed", textOf(error));
      return {};
    } finally {
      cancel();
      unlink();
    }
  }

  /** Closes all of them. One that fails or hangs is told as a warning; what opens after this is closed at once. */
  async close(): Promise<void> {
    this.#link.unlink();
    this.#closing = true;
    const left = new Set(this.#open.map(({ name }) => name));
    const closeAll = async () => {
      await this.#within(CLOSE_LIMIT_MS / 2, Promise.allSettled(this.#pending));
      const closing = this.#open.map((kit) => this.#close(kit).then(() => left.delete(kit.name)));
      await Promise.allSettled([...closing, ...this.#opening]);
    };
    if (await this.#within(CLOSE_LIMIT_MS, closeAll())) return;
    const who = left.size > 0 ? `The toolkit ${[...left].map((name) => `"${name}"`).join(", ")}` : "A toolkit that was being opened";
    this.#complain("toolkit_not_closed", `${who} was not closed within ${CLOSE_LIMIT_MS} ms; the run ends without waiting any longer.`);
  }

  /** Whether the work is done in time. */
  async #within(ms: number, work: Promise<unknown>): Promise<boolean> {
    let cancel = () => {};
    const late = new Promise<false>((resolve) => {
      cancel = this.#options.runtime.setTimer(ms, () => resolve(false));
    });
    const inTime = await Promise.race([work.then(() => true), late]);
    cancel();
    return inTime;
  }

  async #close({ name, run }: OpenKit): Promise<void> {
    try {
      await run.close();
    } catch (error) {
      this.#complain("toolkit_not_closed", `The toolkit "${name}" could not be closed: ${textOf(error)}`);
    }
  }

  #limit(controller: AbortController, ms: number, what: () => string, advice = TOOL_ADVICE): () => void {
    if (ms === Number.POSITIVE_INFINITY) return () => {};
    return this.#options.clock.setTimer(ms, () => {
      controller.abort(new MassGenError("toolkit_timeout", `Toolkits: ${what()} took longer than ${ms} ms. ${advice}`));
    });
  }

  #watch(work: Promise<unknown>): void {
    this.#pending.add(work);
    const forget = () => this.#pending.delete(work);
    work.then(forget, forget);
  }

  #complain(code: string, message: string): void {
    this.#options.warn({ code, message });
  }
}

async function openOne(toolkit: Toolkit, run: ToolkitRun): Promise<RunToolkit> {
  try {
    return await toolkit.open(run);
  } catch (cause) {
    if (cause instanceof MassGenError) throw cause;
    throw new MassGenError("toolkit_failed", `The toolkit "${toolkit.name}" could not be opened: ${textOf(cause)}`, { cause });
  }
}

const namesOf = (named: { name: string }[]): string => named.map(({ name }) => `"${name}"`).join(", ");

const joined = (texts: (string | undefined)[]): string => texts.filter((text) => text !== undefined && text.trim() !== "").join("\n\n");

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
