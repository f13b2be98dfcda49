import type { RunView } from "../../src/orchestrator/core/fold.js";
import type { CoreConfig } from "../../src/orchestrator/core/types.js";
import type { CoordinationEventBody, RejectionCode } from "../../src/orchestrator/events.js";
import { check, type Seen } from "./check.js";
import type { Recount } from "./recount.js";

const SPEAK_ONCE: RejectionCode[] = ["promise", "no_work", "no-rationale", "near-copy"];
/** Anything else could tell a drafter what its peers wrote. */
const IN_A_DRAFT: RejectionCode[] = [
  "no-decision",
  "two-decisions",
  "invalid-input",
  "not-offered",
  "blank",
  "too-long",
  "not-kept",
  "promise",
  "no_work",
];

/** What may become of a single turn: rejections and what they cost, news, interrupts, who presents. */
export class TurnRules {
  /** Turns that have finished a tool step, as far as the world knows. */
  readonly worked = new Set<string>();
  readonly #config: CoreConfig;
  readonly #recount: Recount;
  readonly #staleText: string;
  readonly #costs = new Map<string, number>();
  readonly #gates = new Set<string>();
  readonly #lastRejection = new Map<string, RejectionCode>();
  /** Labels that running evaluations have been sent. */
  readonly #sent = new Map<string, string[]>();
  /** Normalized texts of the answers of this attempt, by agent; the last one is current. */
  readonly #texts = new Map<string, string[]>();
  #presentations = 0;

  constructor(config: CoreConfig, recount: Recount) {
    this.#config = config;
    this.#recount = recount;
    this.#staleText = config.rejectionText({ code: "stale", offer: [], aliases: [] });
  }

  /** Whether the turn's last decision came too late. */
  wasStale(turnId: string): boolean {
    return this.#lastRejection.get(turnId) === "stale";
  }

  /** Before the event is counted. */
  see(event: CoordinationEventBody, view: RunView): void {
    switch (event.type) {
      case "turn-start":
        return this.#onStart(event);
      case "turn-update":
        check(this.#config.peerAnswers === "inject" || this.worked.has(event.turnId), "news for a turn that should have been stopped");
        check(!["interrupt", "round"].includes(this.#config.peerAnswers), `news under ${this.#config.peerAnswers}`);
        check(this.#stepBoundaries(event.agentId), "news for a backend that cannot take any");
        this.#sent.set(event.turnId, event.labels);
        return;
      case "turn-interrupt":
        return this.#onInterrupt(event);
      case "turn-finish":
        if (event.outcome === "abstain") check(this.#lastRejection.get(event.turnId) !== "stale", "a stale decision cost a retry");
        return;
      case "decision-rejected":
        return this.#onRejection(event);
      case "answer":
        return this.#onAnswer(event);
      case "epoch-start":
        return this.#onEpoch(event, view);
      case "run-restart":
        this.#texts.clear();
        this.#presentations = 0;
        check(event.attempt <= 1 + this.#config.maxRestarts, "too many attempts");
    }
  }

  #onStart({ phase, agentId, turnId, labels, attempt }: Seen<"turn-start">): void {
    const { consensus } = this.#recount;
    if (phase === "draft" || phase === "evaluate") check(consensus === undefined, "coordination goes on after it was decided");
    if (phase === "evaluate") this.#sent.set(turnId, labels);
    if (phase === "present" && consensus !== undefined) {
      this.#presentations++;
      check(this.#presentations === 1, "presented twice");
      check(consensus.winner === agentId, "the presenter is not the winner");
      check(consensus.reason !== "deadline" && consensus.reason !== "budget", `a model presents after ${consensus.reason}`);
      check(this.#config.presentation !== "reuse", "a model presents though the answer is to be reused");
    }
    if (phase === "review") {
      check(attempt <= this.#config.maxRestarts, "a review though the run cannot be sent back any more");
      check(
        consensus !== undefined && ["consensus", "single", "exhausted"].includes(consensus.reason),
        "a review after a bound was reached",
      );
    }
  }

  #onInterrupt({ reason, phase, turnId }: Seen<"turn-interrupt">): void {
    const { peerAnswers } = this.#config;
    if (reason === "new-answer" || reason === "vote-grace") check(phase === "evaluate", `a ${phase} turn was interrupted by ${reason}`);
    if (reason === "new-answer") {
      check(peerAnswers === "interrupt" || peerAnswers === "auto", `interrupted under ${peerAnswers}`);
      check(peerAnswers !== "auto" || !this.worked.has(turnId), "a turn that had worked was interrupted under auto");
    }
    if (reason === "vote-grace" && peerAnswers !== "round") check(!this.#recount.windowOpen, "the vote grace ended within a window");
  }

  #onRejection({ code, turnId, phase, message }: Seen<"decision-rejected">): void {
    this.#lastRejection.set(turnId, code);
    if (phase === "draft") check(IN_A_DRAFT.includes(code), `a draft was rejected as ${code}`);
    if (code === "near-copy") check(this.#config.answerNovelty !== "lenient", "near copies are taken under lenient");
    if (SPEAK_ONCE.includes(code)) {
      check(!this.#gates.has(`${turnId} ${code}`), `${code} spoke twice in a turn`);
      this.#gates.add(`${turnId} ${code}`);
    }
    if (code === "stale" || message === this.#staleText) return;
    const cost = (this.#costs.get(turnId) ?? 0) + 1;
    this.#costs.set(turnId, cost);
    check(cost <= this.#config.maxDecisionRetries + 1, "more rejections than a turn has retries");
  }

  #onAnswer({ agentId, phase, content }: Seen<"answer">): void {
    if (phase === "present") return;
    check(content.length <= this.#config.maxAnswerTokens * 6, "an answer that is too long");
    const text = content.trim().replace(/\s+/g, " ");
    const own = this.#texts.get(agentId) ?? [];
    if (phase === "evaluate") {
      check(!own.includes(text), "an agent's own answer was accepted again");
      for (const [id, texts] of this.#texts) check(id === agentId || texts.at(-1) !== text, "a peer's answer was accepted again");
    }
    this.#texts.set(agentId, [...own, text]);
  }

  /** Before an epoch opens every evaluation of the old set has been stopped, told, or left to finish. */
  #onEpoch({ labels }: Seen<"epoch-start">, view: RunView): void {
    const { peerAnswers } = this.#config;
    for (const agentId in view.agents) {
      const { turn } = view.agents[agentId]!;
      const sent = turn === null ? undefined : this.#sent.get(turn);
      if (turn === null || sent === undefined) continue;
      check(peerAnswers !== "interrupt" && peerAnswers !== "round", `an evaluation goes on under ${peerAnswers}`);
      check(peerAnswers !== "auto" || this.worked.has(turn), "a turn that had not worked goes on under auto");
      if (!this.#stepBoundaries(agentId)) continue;
      check(sent.length === labels.length && sent.every((label) => labels.includes(label)), "a turn goes on without the news");
    }
  }

  #stepBoundaries(agentId: string): boolean {
    return this.#config.agents.find((agent) => agent.agentId === agentId)!.stepBoundaries;
  }
}
