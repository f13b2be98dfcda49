import type { Budget, CoordinationEvent, Usage } from "../../src/index.js";
import { check } from "./check.js";

type Tokens = Pick<Usage, "inputTokens" | "outputTokens">;

function book(into: Map<string, Tokens>, key: string, { inputTokens, outputTokens }: Tokens): void {
  const before = into.get(key);
  into.set(key, { inputTokens: (before?.inputTokens ?? 0) + inputTokens, outputTokens: (before?.outputTokens ?? 0) + outputTokens });
}

const sameTokens = (a: Tokens | undefined, b: Tokens | undefined) =>
  (a?.inputTokens ?? 0) === (b?.inputTokens ?? 0) && (a?.outputTokens ?? 0) === (b?.outputTokens ?? 0);

const tokensOf = (usage: Tokens | undefined): number => (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0);

function sumOf(all: Iterable<Tokens>): Tokens {
  const sum = { inputTokens: 0, outputTokens: 0 };
  for (const { inputTokens, outputTokens } of all) {
    sum.inputTokens += inputTokens;
    sum.outputTokens += outputTokens;
  }
  return sum;
}

/** Every step starts and finishes once, inside its turn; text counts only where the step ended well. */
export class StepWatcher {
  /** Turns that have finished a tool step. */
  readonly worked = new Set<string>();
  readonly #usedTools = new Set<string>();
  readonly #spent = new Map<string, Tokens>();
  readonly #spentByTurn = new Map<string, Tokens>();
  readonly #open = new Map<string, { turnId: string; text: string }>();
  readonly #turns = new Set<string>();
  readonly #known = new Set<string>();
  #presented: { turnId: string; text: string }[] = [];
  readonly #budget: Budget;
  /** Turns with a step that is over and that no `usage` has told of. */
  readonly #untold = new Set<string>();
  readonly #warned = new Set<string>();

  constructor(budget: Budget = {}) {
    this.#budget = budget;
  }

  see(event: CoordinationEvent): void {
    switch (event.type) {
      case "usage":
        check(this.#untold.delete(event.turnId), "`usage` without a step");
        check(sameTokens(event.agentUsage, this.#spent.get(event.agentId)), "`usage` is not what the agent has spent");
        check(sameTokens(event.usage, sumOf(this.#spent.values())), "`usage` is not what the run has spent");
        return;
      case "warning": {
        if (event.budget === undefined) return;
        const { cap, at, spent, limit } = event.budget;
        const mark = `${cap} ${at} ${event.agentId}`;
        check(!this.#warned.has(mark), "a budget was warned of twice");
        this.#warned.add(mark);
        const own = event.agentId === undefined ? sumOf(this.#spent.values()) : this.#spent.get(event.agentId);
        check(spent === tokensOf(own) && spent >= at * limit && limit === this.#budget[cap], "a warning of a budget is wrong");
        return;
      }
      case "turn-start":
        this.#turns.add(event.turnId);
        return;
      case "turn-finish":
      case "turn-error":
      case "turn-interrupt":
        for (const step of this.#open.values()) check(step.turnId !== event.turnId, "a turn ended within a step");
        check(sameTokens(event.usage, this.#spentByTurn.get(event.turnId)), "the usage of a turn is not the sum of its steps");
        this.#turns.delete(event.turnId);
        if (event.type !== "turn-finish") this.#presented = this.#presented.filter(({ turnId }) => turnId !== event.turnId);
        return;
      case "run-restart":
        this.#presented = [];
        return;
      case "step-start":
        check(this.#turns.has(event.turnId), "a step outside its turn");
        check(!this.#known.has(event.stepId), "a step id used twice");
        check(!this.#isSpent(event.agentId), "a step starts though its budget is spent");
        this.#known.add(event.stepId);
        this.#open.set(event.stepId, { turnId: event.turnId, text: "" });
        return;
      case "step-finish": {
        const step = this.#open.get(event.stepId);
        check(step !== undefined, "a step finished that was not open");
        this.#open.delete(event.stepId);
        this.#untold.add(event.turnId);
        book(this.#spent, event.agentId, event.usage);
        book(this.#spentByTurn, event.turnId, event.usage);
        if (event.status === "ok" && this.#usedTools.delete(event.turnId)) this.worked.add(event.turnId);
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
      case "compaction":
        check(this.#open.has(event.stepId), "a compaction outside a step");
        check((event.tokensAfter ?? 0) < (event.tokensBefore ?? 0), "a compaction that saved nothing");
        return;
      case "reasoning-delta":
      case "answer-delta":
        check(this.#open.has(event.stepId), "a delta outside a step");
        return;
      case "tool-call":
      case "tool-result":
        check(this.#turns.has(event.turnId), "a tool call outside its turn");
        check(event.toolName !== "vote" && event.toolName !== "new_answer", "a workflow tool as a tool call");
        // A tool called beside a decision is not run, and that is no tool step.
        if (event.type === "tool-result" && !String(event.output).startsWith("Not run:")) this.#usedTools.add(event.turnId);
    }
  }

  /** Whether the run, or the agent, has used up a cap. */
  #isSpent(agentId: string): boolean {
    const { maxTokens = Number.POSITIVE_INFINITY, maxTokensPerAgent = Number.POSITIVE_INFINITY } = this.#budget;
    return this.runSpent(maxTokens) || tokensOf(this.#spent.get(agentId)) >= maxTokensPerAgent;
  }

  runSpent(limit: number): boolean {
    return tokensOf(sumOf(this.#spent.values())) >= limit;
  }

  checkUsage(total: Usage, byAgent: Record<string, Usage>): void {
    const sum = { inputTokens: 0, outputTokens: 0 };
    for (const [agentId, { inputTokens, outputTokens }] of this.#spent) {
      check(sameTokens(byAgent[agentId], { inputTokens, outputTokens }), "the usage of an agent is not the sum of its steps");
      sum.inputTokens += inputTokens;
      sum.outputTokens += outputTokens;
    }
    check(sameTokens(total, sum), "the usage is not the sum of its steps");
  }

  presentedText(): string {
    return this.#presented.map(({ text }) => text).join("");
  }

  /** `alone`: nobody has ended the run at a `step-finish`. */
  atEnd(alone: boolean): void {
    check(!alone || this.#untold.size === 0, "no `usage` tells of a step");
    check(this.#open.size === 0, "a step is still open at the end");
    check(this.#turns.size === 0, "a turn is still open at the end");
  }
}
