import { MassGenError } from "../../src/errors.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import type { Runtime } from "../../src/runtime.js";
import type { Tool } from "../../src/tools/tool.js";
import type { RunToolkit, Toolkit, ToolkitRun, ToolTurn } from "../../src/tools/toolkit.js";
import { check } from "./check.js";
import type { Random } from "./random.js";

interface HandIn {
  turn: ToolTurn;
  /** It has been given back to the run. */
  given: boolean;
  settled: (string | undefined)[];
}

/** A toolkit that is slow, fails and hangs wherever it can, and watches what a run does with it. */
export class HostileToolkit implements Toolkit {
  readonly name = "hostile";
  /** When the run told it that all is over. */
  overAt: number | undefined;
  /** Its own that still run: it hears of no signal meanwhile. */
  timers = 0;
  readonly #random: Random;
  readonly #runtime: Runtime;
  readonly #tools: Tool[];
  readonly #handIns: HandIn[] = [];
  #opened = 0;
  #closed = 0;
  #asked = 0;

  constructor(random: Random, runtime: Runtime, tools: Tool[]) {
    this.#random = random;
    this.#runtime = runtime;
    this.#tools = tools;
  }

  async open(run: ToolkitRun): Promise<RunToolkit> {
    this.#asked++;
    check(this.#asked === 1, "a toolkit was opened twice for one run");
    run.signal.addEventListener("abort", () => {
      this.overAt ??= this.#runtime.now();
    });
    await this.#trouble(run.signal, { slow: 0.4, fails: 0.05, hangs: 0.03 });
    this.#opened++;
    return {
      tools: () => this.#tools,
      note: async ({ labels }) => {
        await this.#trouble(run.signal, { slow: 0.2, fails: 0.02, hangs: 0 });
        return labels.length > 0 ? `files: ${labels.join(" ")}` : undefined;
      },
      newsNote: ({ labels }) => `news: ${labels.join(" ")}`,
      check: () => {
        check(this.#closed === 0, "a closed toolkit is asked");
        if (this.#random.chance(0.1)) throw new Error("refused");
      },
      handIn: async (turn, signal) => {
        check(this.#closed === 0, "something is handed in to a closed toolkit");
        const handIn: HandIn = { turn, given: false, settled: [] };
        this.#handIns.push(handIn);
        await this.#trouble(signal, { slow: 0.5, fails: 0.05, hangs: 0.02 });
        if (this.#random.chance(0.05)) throw new MassGenError("full", "There is no room for that.");
        handIn.given = true;
        return (label) => {
          handIn.settled.push(label);
          check(handIn.settled.length === 1, "what was handed in is settled twice");
        };
      },
      result: async () => {
        await this.#trouble(run.signal, { slow: 0.3, fails: 0.1, hangs: 0.05 });
        return { workspace: "/kept" };
      },
      close: async () => {
        this.#closed++;
        check(this.#closed === 1, "a toolkit was closed twice");
        check(run.signal.aborted, "a toolkit was closed before its signal");
        await this.#trouble(new AbortController().signal, { slow: 0.3, fails: 0.1, hangs: 0.05 });
      },
    };
  }

  /** What belongs to an answer is kept before it is announced. */
  see(event: CoordinationEvent, agents: ReadonlySet<string>): void {
    if (event.type !== "answer" || !agents.has(event.agentId)) return;
    const kept = this.#handIns.filter(({ settled }) => settled[0] === event.label);
    check(kept.length === 1 && kept[0]!.turn.turnId === event.turnId, `nothing was kept of ${event.label}, or twice`);
  }

  atEnd(answers: ReadonlySet<string>): void {
    check(this.#closed === this.#opened, "a toolkit is still open");
    for (const { turn, given, settled } of this.#handIns) {
      check(given === (settled.length === 1), "what was handed in hangs in the air");
      const [label] = settled;
      check(label === undefined || answers.has(label), "something was kept for an answer that is none");
      check(label === undefined || turn.phase !== "review", "a review was kept");
    }
  }

  /** Takes its time, and ends badly or not at all; hanging heeds the signal only sometimes. */
  async #trouble(signal: AbortSignal, { slow, fails, hangs }: { slow: number; fails: number; hangs: number }): Promise<void> {
    const random = this.#random;
    if (random.chance(slow)) {
      this.timers++;
      await new Promise<void>((resolve) => this.#runtime.setTimer(random.int(2_000), resolve));
      this.timers--;
    }
    if (random.chance(fails)) throw new Error("the toolkit failed");
    if (!random.chance(hangs)) return;
    const deaf = random.chance(0.3);
    await new Promise<void>((_, reject) => {
      const stop = () => reject(new Error("stopped"));
      if (!deaf && signal.aborted) stop();
      else if (!deaf) signal.addEventListener("abort", stop, { once: true });
    });
  }
}
