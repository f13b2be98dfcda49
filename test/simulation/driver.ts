import type { Budget, CoordinationEvent, EventOfType, Run } from "../../src/index.js";
import { isDelta, isTerminal, MassGenError, Orchestrator, RunError } from "../../src/index.js";
import { defaultPrompts } from "../../src/orchestrator/prompts/prompts.js";
import { virtualRuntime } from "../../src/testing/virtual-runtime.js";
import type { Tool } from "../../src/tools/tool.js";
import { check } from "./check.js";
import { HostileBackend, randomManners, type Texts } from "./hostile-backend.js";
import { HostileToolkit } from "./hostile-toolkit.js";
import { inWindow, randomCompaction, randomHistory } from "./hostile-window.js";
import { Watcher } from "./invariants.js";
import { Random } from "./random.js";
import { ballotsOf, randomConfig } from "./random-config.js";
import { StepWatcher } from "./step-watcher.js";

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
    if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`;
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
    const texts: Texts = { count: 0 };
    const backends = config.agents.map(
      ({ agentId, stepBoundaries }) => new HostileBackend(`model-${agentId.slice(1)}`, random, manners, runtime, texts, !stepBoundaries),
    );
    const { agents, reviewer, rule, timeoutMs, rejectionText: _, retryBackoffMs: __, ...options } = config;
    // Choices of their own, here as below, so that worlds without windows stay as they are.
    const windows = this.#seed % 8 === 1 ? new Random(this.#seed + 3e9) : undefined;
    const task = "the task";
    const windowed = backends.map((backend) =>
      windows === undefined || backend.capabilities.wholeAgent ? undefined : inWindow(backend, windows, runtime, task),
    );
    const search = this.#search(runtime, windows);
    // Choices of their own, so that worlds without a toolkit stay as they are.
    const toolkit =
      this.#seed % 3 === 0
        ? new HostileToolkit(new Random(this.#seed + 1e9), runtime, [{ ...search, needsApproval: this.#seed % 2 === 0 }])
        : undefined;
    const equipped = new Set(toolkit === undefined ? [] : agents.filter(({ hasTools }) => hasTools).map(({ agentId }) => agentId));
    const [maxSteps, maxStepRetries] = [random.pick([3, 50]), random.pick([0, 2])];
    const budget = this.#budget(random.chance(0.1), random.chance(0.1));
    const orchestrator = new Orchestrator({
      ...options,
      ...(reviewer !== undefined && { reviewer: agents[reviewer]!.agentId }),
      agents: agents.map(({ agentId, hasTools }, i) => ({
        id: agentId,
        backend: windowed[i] ?? backends[i]!,
        tools: hasTools && toolkit === undefined ? [search] : [],
        toolkits: hasTools && toolkit !== undefined ? [toolkit] : [],
        // Else what is reserved is far more than these models ever spend.
        ...(budget !== undefined && { settings: { maxOutputTokens: 50 } }),
      })),
      decisionRule: rule,
      maxSteps,
      maxStepRetries,
      timeout: { run: timeoutMs },
      ...(budget !== undefined && { budget }),
      ...(windows !== undefined && { compaction: randomCompaction(windows) }),
      runtime,
    });
    const controller = new AbortController();
    const own = new Set<() => void>();
    const later = (ms: number, fn: () => void) => {
      const cancel = runtime.setTimer(ms, () => {
        own.delete(cancel);
        fn();
      });
      own.add(cancel);
    };
    const run = orchestrator.run(windows === undefined ? task : randomHistory(windows, task), {
      signal: controller.signal,
      tools: random.chance(0.2) ? [publish] : [],
    });

    const watched = { ...config, rejectionText: defaultPrompts.rejection };
    const watcher = new Watcher(watched, { ballots: ballotsOf(config.rule), start: runtime.now() });
    const meddles = random.pick([0, 0, 0, 0.003, 0.02]);
    const steps = new StepWatcher(budget);
    let exceededAt: number | undefined;
    const labels = new Map<string, string>();
    const events: CoordinationEvent[] = [];
    let broken: unknown;
    let closing = false;
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
        // All events of one step of the core have one time.
        const before = events.at(-2)?.time ?? event.time;
        if (event.type === "warning" && event.budget === undefined) closing = true;
        if (event.time > before && !closing) watcher.settled(before);
        steps.see(event);
        if (event.type === "step-finish" && budget?.onExceed === "abort" && steps.runSpent(budget.maxTokens!)) exceededAt ??= event.time;
        toolkit?.see(event, equipped);
        if (event.type === "step-finish" && steps.worked.has(event.turnId)) watcher.rules.worked.add(event.turnId);
        if (event.type === "run-restart") texts.feedback = event.feedback;
        if (event.type !== "run-start") watcher.see(event, isTerminal(event) ? (toolkit?.overAt ?? event.time) : event.time);
        if (event.type === "input-request") this.#answer(run, event, later);
        if (random.chance(meddles)) random.pick([() => run.finish(), () => run.finish(), () => run.abort("a listener")])();
      } catch (error) {
        broken = error;
        run.abort("broken");
      }
    });
    if (random.chance(0.15)) later(random.int(60_000), () => run.finish());
    if (random.chance(0.1)) later(random.int(60_000), () => controller.abort(new Error("caller")));
    const joined: CoordinationEvent[] = [];
    const late: CoordinationEvent[] = [];
    if (random.chance(0.2)) later(random.int(20_000), () => void readAll(run, joined));

    const settled = run.result.then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    const { result, error } = (await runtime.runUntil(settled, { maxTimers: 200_000 })) as Awaited<typeof settled> & {
      result?: Awaited<typeof run.result>;
      error?: unknown;
    };
    if (broken !== undefined) throw broken;
    for (const backend of [...backends, ...windowed]) if (backend?.complaint !== undefined) throw backend.complaint;
    await runtime.flush();

    check(watcher.terminals === 1 && isTerminal(events.at(-1)!), "not exactly one terminal event, last");
    steps.atEnd(meddles === 0);
    const last = events.at(-1)!;
    if (last.type === "run-finish") {
      check(result !== undefined && result.text === last.text, "the result is not the presented text");
      check(steps.presentedText() === last.text, "the text that was streamed is not the result");
      check(last.reason !== "consensus" || result.votes.length > 0, "consensus without a vote");
      check(result.label === last.label && result.winner === last.winner && result.reason === last.reason, "the result is not the finish");
    } else {
      check(error instanceof RunError, "a failed run must reject with a RunError");
    }
    check(isTerminal(last), "no terminal event");
    // Toolkits take their time to close, and to keep what belongs to the last decision.
    if (exceededAt !== undefined && toolkit === undefined) check(last.time === exceededAt, "the run outlives the budget that aborts it");
    if (last.type === "run-error" && last.error.code === "budget_exceeded")
      check(budget?.maxTokens !== undefined, "a budget that is not there");
    const cutShort = last.type === "run-finish" && last.reason === "budget" && budget?.onExceed === "abort";
    check(!cutShort, "the best so far of a run that its budget aborts");
    if (exceededAt !== undefined && last.type === "run-error")
      check(last.error.code === "budget_exceeded", `it ended with ${last.error.code}`);
    const { usage } = result ?? (error as RunError).partial;
    steps.checkUsage(last.usage, usage.byAgent);
    // Backends that heard the signal are gone, and nobody but deaf ones holds a timer.
    for (const cancel of own) cancel();
    await runtime.runFor(0);
    for (const backend of backends) check(backend.active === 0, "a stream is still open");
    toolkit?.atEnd(new Set(labels.keys()));
    check(runtime.pending === backends.reduce((sum, { deafTimers }) => sum + deafTimers, toolkit?.timers ?? 0), "a timer is left");
    if (random.chance(0.5)) await readAll(run, late);
    for (const read of [joined, late]) if (read.length > 0) checkLateReader(read, events);
    await orchestrator.close();
    return { events, outcome: last.type, turns: watcher.turns };
  }

  /** Choices of its own, so that worlds without a budget stay as they are. */
  #budget(ofRun: boolean, ofAgents: boolean): Budget | undefined {
    const random = new Random(this.#seed + 2e9);
    const caps = {
      ...(ofRun && { maxTokens: random.pick([1_000, 1_600, 3_000]) }),
      ...(ofAgents && { maxTokensPerAgent: random.pick([900, 1_300]) }),
    };
    if (!ofRun && !ofAgents) return undefined;
    const more: Pick<Budget, "warnAt" | "onExceed"> = random.pick([
      {},
      { warnAt: [0.5, 0.9] },
      { onExceed: "abort" },
      { warnAt: 0.1, onExceed: "abort" },
    ]);
    return { ...caps, ...more };
  }

  #search(runtime: ReturnType<typeof virtualRuntime>, windows: Random | undefined): Tool {
    return {
      name: "search",
      description: "searches",
      inputSchema: { type: "object" },
      execute: (_, { signal }) =>
        new Promise((resolve, reject) => {
          const kind = this.#random.pick(["ok", "ok", "fails", "hangs"]);
          const finish = () =>
            kind === "ok"
              ? resolve({ found: windows === undefined ? 3 : "abc ".repeat(windows.int(900)) })
              : reject(new Error("no network"));
          const cancel = kind === "hangs" ? () => {} : runtime.setTimer(this.#random.int(500), finish);
          const stop = () => {
            cancel();
            reject(new Error("stopped"));
          };
          signal.addEventListener("abort", stop, { once: true });
        }),
    };
  }

  /** Sometimes at once, within the listener; sometimes later; sometimes never. */
  #answer(run: Run, { requestId, kind }: EventOfType<"input-request">, later: (ms: number, fn: () => void) => void): void {
    const random = this.#random;
    // At once, for the clocks stand still until then.
    if (kind === "approval") return run.respond(requestId, requestId.endsWith("1") ? { approved: false, reason: "no" } : true);
    const answer = () => run.respond(requestId, random.pick<unknown>(["done", { ok: true }, new Error("no")]));
    if (random.chance(0.3)) return answer();
    if (random.chance(0.4)) return;
    later(random.int(1_000), () => {
      try {
        answer();
      } catch (error) {
        check(error instanceof MassGenError && error.code === "unknown_request", "respond threw something else");
      }
    });
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
  const [theirs, live] = [textsByStep(late), textsByStep(events)];
  check(theirs.size === live.size, "a late reader knows other steps");
  for (const [step, text] of live) check(theirs.get(step) === text, `a late reader read another text of ${step}`);
}

function textsByStep(events: CoordinationEvent[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const event of events) {
    if (!isDelta(event)) continue;
    const key = `${event.type} ${event.attempt} ${event.turnId} ${event.stepId}`;
    texts.set(key, (texts.get(key) ?? "") + event.delta);
  }
  return texts;
}
