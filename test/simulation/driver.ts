import type { CoordinationEvent } from "../../src/index.js";
import { isDelta, isTerminal, Orchestrator, RunError } from "../../src/index.js";
import { virtualRuntime } from "../../src/testing/virtual-runtime.js";
import type { Tool } from "../../src/tools/tool.js";
import { randomConfig } from "./core.js";
import { HostileBackend, randomManners } from "./hostile-backend.js";
import { check, InvariantError, Watcher } from "./invariants.js";
import { Random } from "./random.js";

export interface DriverSimulation {
  events: CoordinationEvent[];
  outcome: string;
  turns: number;
}

/** Runs core, driver and agents once, in virtual time, against backends that do everything wrong. */
export async function simulateDriver(seed: number): Promise<DriverSimulation> {
  try {
    return await new DriverWorld(seed).run();
  } catch (error) {
    if (error instanceof InvariantError) error.message = `seed ${seed}: ${error.message}`;
    throw error;
  }
}

class DriverWorld {
  readonly #random: Random;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
  }

  async run(): Promise<DriverSimulation> {
    const random = this.#random;
    const runtime = virtualRuntime(this.#seed);
    const config = randomConfig(random);
    const manners = randomManners(random);
    const texts = { count: 0 };
    const backends = config.agents.map(
      ({ agentId, stepBoundaries }) => new HostileBackend(`model-${agentId.slice(1)}`, random, manners, runtime, texts, !stepBoundaries),
    );
    const { agents, reviewer, rule, timeoutMs, rejectionText: _, retryBackoffMs: __, ...options } = config;
    const orchestrator = new Orchestrator({
      ...options,
      ...(reviewer !== undefined && { reviewer: agents[reviewer]!.agentId }),
      agents: agents.map(({ agentId, hasTools }, i) => ({
        id: agentId,
        backend: backends[i]!,
        tools: hasTools ? [this.#search(runtime)] : [],
      })),
      decisionRule: rule,
      maxSteps: random.pick([3, 50]),
      maxStepRetries: random.pick([0, 2]),
      timeout: { run: timeoutMs },
      ...(random.chance(0.1) && { budget: { maxTokens: 2_000 } }),
      ...(random.chance(0.1) && { budget: { maxTokensPerAgent: 1_000 } }),
      runtime,
    });
    const controller = new AbortController();
    const run = orchestrator.run("the task", { signal: controller.signal, tools: random.chance(0.2) ? [publish] : [] });

    const watcher = new Watcher(config, config.rule.again ? 3 : 1);
    const steps = new StepWatcher();
    const labels = new Map<string, string>();
    const events: CoordinationEvent[] = [];
    let broken: unknown;
    run.on("*", (event) => {
      if (broken !== undefined) return;
      try {
        events.push(structuredClone(event));
        check(event.seq === events.length - 1, "seq has a gap");
        if (event.type === "answer") labels.set(`${event.label}`, event.content);
        if (event.type === "vote") {
          const index = agents.findIndex(({ agentId }) => agentId === event.agentId);
          const read = backends[index]!.lastRead;
          const labelOf = ({ alias, text }: { alias: string; text: string }) =>
            watcher.currentLabels.find((label) => label.startsWith(`${alias}.`) && labels.get(label) === text) ?? "unknown";
          watcher.shown.set(event.turnId, read.map(labelOf));
        }
        if (event.type !== "run-start") watcher.see(event);
        steps.see(event);
        if (event.type === "input-request" && random.chance(0.7)) {
          runtime.setTimer(random.int(1_000), () => {
            if (events.some(isTerminal)) return;
            try {
              run.respond(event.requestId, random.pick<unknown>(["done", { ok: true }, new Error("no")]));
            } catch {
              // It was stopped meanwhile.
            }
          });
        }
      } catch (error) {
        broken = error;
        run.abort("broken");
      }
    });
    if (random.chance(0.15)) runtime.setTimer(random.int(60_000), () => run.finish());
    if (random.chance(0.1)) runtime.setTimer(random.int(60_000), () => controller.abort(new Error("caller")));
    const late: CoordinationEvent[] = [];
    if (random.chance(0.2)) runtime.setTimer(random.int(20_000), () => void readAll(run, late));

    const settled = run.result.then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    const { result, error } = (await runtime.runUntil(settled, { maxTimers: 200_000 })) as Awaited<typeof settled> & {
      result?: Awaited<typeof run.result>;
      error?: unknown;
    };
    if (broken !== undefined) throw broken;
    await runtime.flush();

    check(watcher.terminals === 1 && isTerminal(events.at(-1)!), "not exactly one terminal event, last");
    steps.atEnd();
    const last = events.at(-1)!;
    if (last.type === "run-finish") {
      check(result !== undefined && result.text === last.text, "the result is not the presented text");
      check(steps.presentedText() === last.text, "the text that was streamed is not the result");
      check(last.reason !== "consensus" || result.votes.length > 0, "consensus without a vote");
    } else {
      check(error instanceof RunError, "a failed run must reject with a RunError");
    }
    check(last.type === "run-finish" || last.type === "run-error" || last.type === "run-abort", "no terminal event");
    check(
      last.usage.inputTokens === steps.spent.input && last.usage.outputTokens === steps.spent.output,
      "the usage is not the sum of its steps",
    );
    // Backends that heard the signal are gone, and nobody but deaf ones holds a timer.
    await runtime.runFor(0);
    for (const backend of backends) check(backend.active === 0, "a stream is still open");
    if (late.length > 0) checkLateReader(late, events);
    await orchestrator.close();
    return { events, outcome: last.type, turns: watcher.turns };
  }

  #search(runtime: ReturnType<typeof virtualRuntime>): Tool {
    return {
      name: "search",
      description: "searches",
      inputSchema: { type: "object" },
      execute: (_, { signal }) =>
        new Promise((resolve, reject) => {
          const kind = this.#random.pick(["ok", "ok", "fails", "hangs"]);
          if (kind === "hangs") return signal.addEventListener("abort", () => reject(new Error("stopped")), { once: true });
          runtime.setTimer(this.#random.int(500), () => (kind === "ok" ? resolve({ found: 3 }) : reject(new Error("no network"))));
        }),
    };
  }
}

const publish: Tool = { name: "publish", description: "publishes", inputSchema: { type: "object" } };

async function readAll(run: AsyncIterable<CoordinationEvent>, into: CoordinationEvent[]): Promise<void> {
  for await (const event of run) into.push(event);
}

/** A reader that came late sees the same run: every other event once, in order, and the same text. */
function checkLateReader(late: CoordinationEvent[], events: CoordinationEvent[]): void {
  const decisions = (list: CoordinationEvent[]) => list.filter((event) => !isDelta(event)).map((event) => event.seq);
  check(JSON.stringify(decisions(late)) === JSON.stringify(decisions(events)), "a late reader missed an event");
  const text = (list: CoordinationEvent[]) => list.reduce((sum, event) => sum + (isDelta(event) ? event.delta.length : 0), 0);
  check(text(late) === text(events), "a late reader missed text");
}

/** Every step starts and finishes once, inside its turn; text counts only where the step ended well. */
class StepWatcher {
  spent = { input: 0, output: 0 };
  readonly #open = new Map<string, { turnId: string; text: string }>();
  readonly #turns = new Set<string>();
  readonly #known = new Set<string>();
  #presented: { turnId: string; text: string }[] = [];

  see(event: CoordinationEvent): void {
    switch (event.type) {
      case "turn-start":
        this.#turns.add(event.turnId);
        return;
      case "turn-finish":
      case "turn-error":
      case "turn-interrupt":
        for (const step of this.#open.values()) check(step.turnId !== event.turnId, "a turn ended within a step");
        this.#turns.delete(event.turnId);
        if (event.type !== "turn-finish") this.#presented = this.#presented.filter(({ turnId }) => turnId !== event.turnId);
        return;
      case "run-restart":
        this.#presented = [];
        return;
      case "step-start":
        check(this.#turns.has(event.turnId), "a step outside its turn");
        check(!this.#known.has(event.stepId), "a step id used twice");
        this.#known.add(event.stepId);
        this.#open.set(event.stepId, { turnId: event.turnId, text: "" });
        return;
      case "step-finish": {
        const step = this.#open.get(event.stepId);
        check(step !== undefined, "a step finished that was not open");
        this.#open.delete(event.stepId);
        this.spent.input += event.usage.inputTokens;
        this.spent.output += event.usage.outputTokens;
        if (event.phase === "present" && event.status === "ok") this.#presented.push({ turnId: event.turnId, text: step.text });
        return;
      }
      case "text-delta":
        if (event.turnId.startsWith("reuse")) {
          this.#presented.push({ turnId: event.turnId, text: event.delta });
          return;
        }
        check(this.#open.has(event.stepId), "text outside a step");
        this.#open.get(event.stepId)!.text += event.delta;
        return;
      case "reasoning-delta":
      case "answer-delta":
        check(this.#open.has(event.stepId), "a delta outside a step");
        return;
      case "tool-call":
      case "tool-result":
        check(this.#turns.has(event.turnId), "a tool call outside its turn");
        check(event.toolName !== "vote" && event.toolName !== "new_answer", "a workflow tool as a tool call");
    }
  }

  presentedText(): string {
    return this.#presented.map(({ text }) => text).join("");
  }

  atEnd(): void {
    check(this.#open.size === 0, "a step is still open at the end");
    check(this.#turns.size === 0, "a turn is still open at the end");
  }
}
