import { linkedController } from "../agent/abort.js";
import type { DecisionPoint } from "../agent/types.js";
import { type ErrorInfo, errorInfo } from "../errors.js";
import { limitsSteps } from "../token-manager/budget.js";
import type { Tool } from "../tools/tool.js";
import type { ToolkitRun } from "../tools/toolkit.js";
import type { Briefing, RunSpec } from "./briefing.js";
import { BudgetWatch } from "./budget-watch.js";
import { aliasOf, type CoreState } from "./core/types.js";
import type { CoordinationEventBody } from "./events.js";
import type { Ledger, LedgerTurn } from "./ledger.js";
import type { LiveTurn } from "./live-turn.js";
import type { ResolvedOptions } from "./options.js";
import { JUDGING_TURN, judgeTask } from "./planning-judge.js";
import { needsTools } from "./planning-mode.js";
import { unmatchedNames } from "./planning-names.js";
import type { Questions } from "./questions.js";
import type { RunClock } from "./run-clock.js";
import { RunToolkits, type Settle } from "./toolkits/run-toolkits.js";

export interface OutfitOptions {
  options: ResolvedOptions;
  spec: RunSpec;
  brief: Briefing;
  ledger: Ledger;
  clock: RunClock;
  publish(event: CoordinationEventBody): void;
  /** Told when the deadline has come before everything was open. */
  late(error: ErrorInfo): void;
  /** The turns under way. */
  turns(): readonly LiveTurn[];
  questions: Questions;
}

/** What a run needs before its first turn and after its last: toolkits, opened and closed; a judgement of its task; a watch over its budget. */
export class Outfit {
  /** Where the files of the result are. */
  workspace: string | undefined;
  /** Set where there is a budget. */
  readonly watch: BudgetWatch | undefined;
  readonly #with: OutfitOptions;
  readonly #controller = new AbortController();
  #toolkits: RunToolkits | undefined;
  #closing = false;
  /** What turns have handed in and the core has yet to judge. */
  readonly #handedIn = new Map<string, Settle>();

  constructor(options: OutfitOptions) {
    this.#with = options;
    const { budget } = options.options;
    this.watch = budget && new BudgetWatch(budget, options.ledger);
  }

  /** Aborted when the run is over. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Throws what a toolkit could not be opened for, or the reason of an abort. */
  async open(): Promise<void> {
    const { options, clock, late } = this.#with;
    const { run: limit } = options.timeout;
    const message = `The deadline came before the first turn: opening the toolkits took longer than timeout.run (${limit} ms).`;
    const onLate = () => late({ name: "MassGenError", code: "deadline", message });
    const cancel = limit === Number.POSITIVE_INFINITY ? () => {} : clock.setTimer(limit, onLate);
    try {
      await this.#openToolkits();
      this.#checkNames();
      await this.#judge();
    } finally {
      cancel();
    }
  }

  async #openToolkits(): Promise<void> {
    const { options, spec, brief, clock, publish } = this.#with;
    const kits = await options.toolkits?.kits();
    this.signal.throwIfAborted();
    if (kits !== undefined) {
      this.#toolkits = new RunToolkits({
        kits,
        runId: spec.runId,
        agents: options.agents.map(({ id }, index) => ({ agentId: id, alias: aliasOf(index) })),
        runtime: options.runtime,
        clock,
        openLimitMs: options.timeout.turn,
        limitMs: options.timeout.tool,
        warn: (warning) => publish({ type: "warning", ...warning }),
        ask: (question, signal) => this.#ask(question, signal),
        signal: this.signal,
      });
      await this.#toolkits.open();
      this.signal.throwIfAborted();
      brief.toolkits = this.#toolkits;
    }
  }

  /** A toolkit's question. The clocks of whom it may be about stand still meanwhile. */
  async #ask({ agentId, message, schema }: Parameters<ToolkitRun["ask"]>[0], signal: AbortSignal): Promise<unknown> {
    if (this.#closing) return undefined;
    const { controller, unlink } = linkedController(signal, this.signal);
    const asking = this.#with.turns().filter((turn) => agentId === undefined || turn.agentId === agentId);
    const releases = asking.map(({ run }) => run?.hold());
    const about = { ...(agentId !== undefined && { agentId }), message, ...(schema !== undefined && { schema }) };
    try {
      const desk = await this.#with.questions.desk();
      return this.#closing ? undefined : await desk.question(about, controller.signal);
    } finally {
      unlink();
      for (const release of releases) release?.();
    }
  }

  /** Planning mode: tells of names that no tool has. */
  #checkNames(): void {
    const { options, publish } = this.#with;
    if (options.planning === undefined || !needsTools(options.planning)) return;
    const names = this.#tools("present").map(({ name }) => name);
    for (const message of unmatchedNames(options.planning, names)) publish({ type: "warning", code: "unknown_tool_name", message });
  }

  /** The tools of all agents, each name once. */
  #tools(phase: "draft" | "present"): Tool[] {
    const { options, brief } = this.#with;
    const each = options.agents.map(({ id }, index) => brief.tools(index, phase, { agentId: id, turnId: JUDGING_TURN, phase, labels: [] }));
    return [...new Map(each.flat().map((tool) => [tool.name, tool])).values()];
  }

  /** Planning mode: asks a model about the task, where that is wanted. */
  async #judge(): Promise<void> {
    const { options, spec, brief, ledger, publish } = this.#with;
    const judge = options.planning?.judge;
    if (judge === undefined) return;
    const agentId = options.agents[judge]!.id;
    const turn: LedgerTurn = { agentId, turnId: JUDGING_TURN, phase: "draft", attempt: 1 };
    const tools = this.#tools("draft");
    const { judgement, usage, error } = await judgeTask(options, spec, judge, tools, this.signal, {
      spent: (spent, ok) => {
        ledger.add(turn, spent, ok);
        publish(ledger.news(turn, 0));
        this.watch?.warnings(agentId).forEach(publish);
      },
      ...(limitsSteps(options.budget) && { mayStart: (estimate) => ledger.reserve(turn, estimate) === "ok" }),
    });
    brief.judgement = judgement;
    publish({
      type: "planning",
      agentId,
      irreversible: judgement?.irreversible ?? null,
      blocked: [...(brief.heldBack(tools) ?? [])],
      ...(error !== undefined && { error: errorInfo(error) }),
      usage,
    });
  }

  /**
   * Has toolkits keep what belongs to a decision before it is put to the core, and gives why it cannot be accepted, if so; `settle`
   * tells them what became of it. Nothing, where nothing has to be kept.
   */
  keep(live: LiveTurn, point: DecisionPoint, state: CoreState): Promise<string | undefined> | undefined {
    const takes = this.#toolkits?.takesHandIns(live.order.agent) === true;
    return takes && mayCount(live, point, state) ? this.#handIn(live) : undefined;
  }

  async #handIn(live: LiveTurn): Promise<string | undefined> {
    const settle = await this.#toolkits?.handIn(live.order.agent, live.seen, live.signal);
    if (settle === undefined) return undefined;
    if (typeof settle !== "function") return settle.rejected;
    if (live.signal.aborted) settle(undefined);
    else this.#handedIn.set(live.order.turnId, settle);
    return undefined;
  }

  settle(turnId: string, label: string | undefined): void {
    this.#handedIn.get(turnId)?.(label);
    this.#handedIn.delete(turnId);
  }

  /** The caller will not wait any longer. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Takes what is left of the run and ends the rest. Never rejects, and never takes for ever. */
  async close(winner: { agentId: string; label: string } | undefined): Promise<void> {
    this.#closing = true;
    for (const turnId of [...this.#handedIn.keys()]) this.settle(turnId, undefined);
    if (winner !== undefined) this.workspace = (await this.#toolkits?.result(winner))?.workspace;
    this.abort(new DOMException("The run is over.", "AbortError"));
    await this.#toolkits?.close();
  }
}

/** Whether the decision may become an answer, or is the presentation. */
function mayCount({ order: { agent, phase } }: LiveTurn, { calls }: DecisionPoint, { config, agents }: CoreState): boolean {
  if (phase === "present") return calls.length === 0;
  if (calls.some(({ toolName }) => toolName === "new_answer")) return true;
  // The text of a draft that has used up its retries is taken as it is.
  return phase === "draft" && calls.length === 0 && (agents[agent]?.turn?.rejections ?? 0) >= config.maxDecisionRetries;
}
