import type { RunView } from "../../src/orchestrator/core/fold.js";
import type { CoreConfig } from "../../src/orchestrator/core/types.js";
import type { CoordinationEventBody } from "../../src/orchestrator/events.js";
import { check } from "./check.js";
import type { Recount } from "./recount.js";

/** Fractions of milliseconds do not add up exactly. */
const SLACK = 0.01;

/**
 * Times every wait: graces and windows end when they should, and coordination takes no longer than it may. `exact` is for
 * a world that calls `settled` after each step of the core; without it only waits that are too long are noticed.
 */
export class Clocks {
  /** Turns in the middle of writing an answer, where the world knows. */
  readonly writing = new Set<string>();
  /** Turns that evaluate: a round waits for them. */
  readonly #evaluating = new Set<string>();
  readonly #config: CoreConfig;
  readonly #recount: Recount;
  readonly #exact: boolean;
  #attemptSince: number;
  #coordinated = 0;
  #coordinating = true;
  #quorumSince: number | undefined;
  #graceSince: number | undefined;
  #windowSince: number | undefined;
  #ballot = 1;

  constructor(config: CoreConfig, recount: Recount, start: number, exact: boolean) {
    this.#config = config;
    this.#recount = recount;
    this.#attemptSince = start;
    this.#exact = exact;
  }

  /** Before the event is counted. */
  see(event: CoordinationEventBody, view: RunView, time: number): void {
    const { peerAnswers, voteGraceMs, draftGraceMs, coalesceMs } = this.#config;
    switch (event.type) {
      case "answer":
        if (view.epoch === 0) return;
        this.#windowSince ??= time;
        if (peerAnswers !== "round") this.#graceSince = undefined;
        return;
      case "vote-void":
        if (event.reason === "no-majority") this.#graceSince = undefined;
        return;
      case "turn-start":
        if (event.phase === "evaluate") this.#evaluating.add(event.turnId);
        if (event.phase === "present" && this.#coordinating) this.#stop(time, false);
        return;
      case "abstain":
      case "turn-interrupt":
        if (event.type === "turn-interrupt" && event.reason !== "vote-grace") return;
        if (this.#exact) check(reached(this.#graceSince, voteGraceMs, time), "the vote grace is over before its time");
        return;
      case "epoch-start":
        if (event.epoch === 1) {
          const missing = Object.values(view.agents).some(({ out, answer }) => out === null && answer === null);
          if (missing) check(this.#hasQuorum(view), "evaluation starts without a quorum");
          if (missing && draftGraceMs > 0 && this.#exact) {
            check(reached(this.#quorumSince, draftGraceMs, time), "the draft grace is over before its time");
          }
        } else if (peerAnswers !== "round") {
          check(this.#windowSince !== undefined && time <= this.#windowSince + coalesceMs + SLACK, "a window was open too long");
          const expired = time >= this.#windowSince + coalesceMs - SLACK;
          if (!expired) for (const turnId of this.writing) check(!runs(view, turnId), "a window closed while an answer was being written");
        }
        this.#windowSince = this.#quorumSince = this.#graceSince = undefined;
        return;
      case "consensus":
        if (this.#coordinating) this.#stop(time, event.reason === "deadline");
        return;
      case "run-restart":
        this.#attemptSince = time;
        this.#coordinating = true;
        return;
      case "run-error":
        if (this.#coordinating) this.#stop(time, event.error.code === "deadline");
    }
  }

  /** Between two steps of the core. */
  settled(view: RunView, time: number): void {
    if (!this.#coordinating) return;
    const { draftGraceMs, voteGraceMs, coalesceMs, peerAnswers } = this.#config;
    check(time <= this.#attemptSince + this.#config.timeoutMs - this.#coordinated + SLACK, "coordination went on after the deadline");
    if (view.epoch === 0) {
      check(!passed(this.#quorumSince, draftGraceMs, time), "the draft grace does not end");
      if (this.#hasQuorum(view)) this.#quorumSince ??= time;
      return;
    }
    if (this.#recount.ballot !== this.#ballot) this.#graceSince = undefined;
    this.#ballot = this.#recount.ballot;
    const window = this.#recount.windowOpen;
    const { all, open } = this.#recount.voters(view);
    if (open.length > 0) {
      check(!passed(this.#graceSince, voteGraceMs, time), "the vote grace does not end");
      const most = all === 2 ? 1 : Math.floor(all / 2) + 1;
      if ((!window || peerAnswers === "round") && all - open.length >= most) this.#graceSince ??= time;
    }
    if (window && peerAnswers !== "round") check(!passed(this.#windowSince, coalesceMs, time), "a window does not close");
  }

  /** Every fact has been heard, also that turns have been stopped. */
  atRest(view: RunView): void {
    if (!this.#coordinating || !this.#recount.windowOpen) return;
    const waitsFor =
      this.#config.peerAnswers === "round"
        ? Object.values(view.agents).some(({ turn }) => turn !== null && this.#evaluating.has(turn))
        : [...this.writing].some((turnId) => runs(view, turnId));
    check(waitsFor, "a window is open though there is nothing to wait for");
  }

  #hasQuorum(view: RunView): boolean {
    let standing = 0;
    let answers = 0;
    for (const id in view.agents) {
      if (view.agents[id]!.out === null) standing++;
      if (view.agents[id]!.answer !== null) answers++;
    }
    return standing > 0 && answers >= Math.min(this.#config.draftQuorum, standing);
  }

  #stop(time: number, atDeadline: boolean): void {
    this.#coordinating = false;
    this.#coordinated += time - this.#attemptSince;
    check(this.#coordinated <= this.#config.timeoutMs + SLACK, "coordination took longer than timeout");
    if (atDeadline) check(this.#coordinated >= this.#config.timeoutMs - SLACK, "the deadline came before its time");
    this.#quorumSince = this.#graceSince = this.#windowSince = undefined;
  }
}

const passed = (since: number | undefined, ms: number, time: number) => since !== undefined && time > since + ms + SLACK;
const reached = (since: number | undefined, ms: number, time: number) => since !== undefined && time >= since + ms - SLACK;

function runs(view: RunView, turnId: string): boolean {
  for (const id in view.agents) if (view.agents[id]!.turn === turnId) return true;
  return false;
}
