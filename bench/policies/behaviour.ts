import { seededRandom } from "../../src/testing/random.js";

/** How the simulated models behave: what the sweep varies. */
export interface Behaviour {
  /** Probability that a first look at unimproved answers ends in a better one; see `willImprove`. */
  improve: number;
  /** Probability that a vote goes to the best answer; else to any other, evenly. */
  agree: number;
  /** Probability that a step says nothing at all. */
  stall: number;
  /** Probability that an agent uses tools: in every turn, before it decides. */
  tools: number;
  /** Each improvement that went into the best answer leaves this share of the wish to improve it. */
  restlessness: number;
  /** Factor on how long models and tools take. */
  slowness: number;
  /** The last agent drafts, and then hangs in every evaluation. */
  hangingVoter: boolean;
}

export const USUAL: Behaviour = {
  improve: 0.3,
  agree: 0.8,
  stall: 0.01,
  tools: 0.3,
  restlessness: 0.5,
  slowness: 1,
  hangingVoter: false,
};

/** What the sweep does not vary. Times in ms, sizes in tokens; `spread` is the sigma of a log-normal distribution. */
export const MODEL = {
  tokensPerSecond: 60,
  /** Between agents; drawn once per run. */
  speedSpread: 0.4,
  firstTokenMs: 1_500,
  /** Between steps, for every size and every first token. */
  sizeSpread: 0.5,
  promptTokens: 1_500,
  draftThinking: 800,
  evaluateThinking: 400,
  answerTokens: 700,
  voteTokens: 60,
  toolCallTokens: 120,
  toolResultTokens: 800,
  toolMs: 3_000,
  /** A turn with tools takes a further tool step with this probability, up to `maxToolSteps`. */
  moreTools: 0.5,
  maxToolSteps: 5,
  /** A silent step is given up and asked again after this, its turn after `turnMs`. */
  firstChunkMs: 300_000,
  turnMs: 600_000,
  /** The share that is left where the best answer is one's own. */
  pride: 0.5,
  deadlineMs: 1_800_000,
} as const;

/** An answer as the model of behaviour sees it. */
export interface SimAnswer {
  id: number;
  agent: number;
  quality: number;
  /** How many improvements, one upon the other, led to it. */
  level: number;
  tokens: number;
}

export type Decision = { type: "answer"; answer: Omit<SimAnswer, "id"> } | { type: "vote"; target: number };

/** One model call as it will go if nobody stops it. */
export interface StepPlan {
  /** From the request to the end of the reply, and of the tool call where there is one. */
  ms: number;
  firstTokenMs: number;
  /** When the reply is complete; a tool runs after it. */
  replyMs: number;
  inputTokens: number;
  outputTokens: number;
  /** Set where it submits an answer: when it begins to write it. */
  writingAtMs?: number;
  /** Absent: a tool step, or one that stalls. */
  decision?: Decision;
  stalls: boolean;
}

/** One agent of one run. Its random numbers are its own, so all policies meet the same drafts. */
export class Player {
  readonly agent: number;
  readonly #behaviour: Behaviour;
  readonly #random: () => number;
  readonly #speed: number;
  readonly #usesTools: boolean;
  readonly #hangs: boolean;

  constructor(behaviour: Behaviour, seed: number, agent: number, count: number) {
    this.agent = agent;
    this.#behaviour = behaviour;
    this.#random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(agent + 1, 0x85ebca6b));
    this.#speed = (MODEL.tokensPerSecond / behaviour.slowness) * this.#spread(MODEL.speedSpread);
    this.#usesTools = this.#random() < behaviour.tools;
    this.#hangs = behaviour.hangingVoter && agent === count - 1;
  }

  /** How many tool steps the turn takes first. */
  toolSteps(): number {
    if (!this.#usesTools) return 0;
    let steps = 1;
    while (steps < MODEL.maxToolSteps && this.#random() < MODEL.moreTools) steps++;
    return steps;
  }

  /** What the next call of a turn does. `seen` is empty for a draft; `before` is what the turn's conversation holds already. */
  plan(seen: readonly SimAnswer[], mayAnswer: boolean, usesTool: boolean, before: number): StepPlan {
    const { slowness } = this.#behaviour;
    const firstTokenMs = slowness * MODEL.firstTokenMs * this.#spread(MODEL.sizeSpread);
    const inputTokens = MODEL.promptTokens + seen.reduce((sum, answer) => sum + answer.tokens, 0) + before;
    const base = { firstTokenMs, inputTokens };
    const stalls = (this.#hangs && seen.length > 0) || this.#random() < this.#behaviour.stall;
    if (stalls) return { ...base, ms: MODEL.firstChunkMs, replyMs: MODEL.firstChunkMs, outputTokens: 0, stalls };
    if (usesTool) {
      const outputTokens = this.#size(MODEL.toolCallTokens);
      const replyMs = firstTokenMs + this.#writingMs(outputTokens);
      return { ...base, ms: replyMs + slowness * MODEL.toolMs * this.#spread(MODEL.sizeSpread), replyMs, outputTokens, stalls };
    }
    const thinking = this.#size(seen.length === 0 ? MODEL.draftThinking : MODEL.evaluateThinking);
    const decision = this.#decide(seen, mayAnswer);
    const outputTokens = thinking + (decision.type === "answer" ? decision.answer.tokens : MODEL.voteTokens);
    const replyMs = firstTokenMs + this.#writingMs(outputTokens);
    const writingAtMs = firstTokenMs + this.#writingMs(thinking);
    return { ...base, ms: replyMs, replyMs, outputTokens, stalls, decision, ...(decision.type === "answer" && { writingAtMs }) };
  }

  #decide(seen: readonly SimAnswer[], mayAnswer: boolean): Decision {
    const tokens = this.#size(MODEL.answerTokens);
    if (seen.length === 0) return { type: "answer", answer: { agent: this.agent, quality: this.#random(), level: 0, tokens } };
    const best = bestOf(seen);
    // Drawn whether it may answer or not, so that the policies stay comparable.
    const improves = this.#random() < willImprove(this.#behaviour, best, this.agent);
    if (improves && mayAnswer) {
      return { type: "answer", answer: { agent: this.agent, quality: best.quality + this.#random(), level: best.level + 1, tokens } };
    }
    const others = seen.filter((answer) => answer !== best);
    const target =
      others.length === 0 || this.#random() < this.#behaviour.agree ? best : others[Math.floor(this.#random() * others.length)]!;
    return { type: "vote", target: target.agent };
  }

  #size(median: number): number {
    return Math.max(1, Math.round(median * this.#spread(MODEL.sizeSpread)));
  }

  #writingMs(tokens: number): number {
    return (tokens / this.#speed) * 1_000;
  }

  /** A log-normal factor with median 1. */
  #spread(sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random());
    return Math.exp(sigma * normal);
  }
}

function bestOf(answers: readonly SimAnswer[]): SimAnswer {
  return answers.reduce((best, answer) => (answer.quality > best.quality ? answer : best));
}

/** Falls with every improvement that is in the best answer already, and where that answer is one's own. */
function willImprove({ improve, restlessness }: Behaviour, best: SimAnswer, agent: number): number {
  return improve * restlessness ** best.level * (best.agent === agent ? MODEL.pride : 1);
}
