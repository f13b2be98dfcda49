import type { Offer, WorkflowCall } from "../../src/orchestrator/core/types.js";
import { aliasOf } from "../../src/orchestrator/core/types.js";
import type { Random } from "./random.js";

export type Manners = ReturnType<typeof randomManners>;

/** How the models of one run behave: probabilities drawn once per run. */
export function randomManners(random: Random) {
  return {
    wrong: random.pick([0, 0.1, 0.4, 0.9]),
    fails: random.pick([0, 0, 0.1, 0.5]),
    fatal: random.pick([0, 0, 0.1]),
    hangs: random.pick([0, 0, 0.1, 0.4]),
    improves: random.pick([0, 0.2, 0.5, 1]),
    works: random.pick([0, 0.3, 0.7]),
    repeats: random.pick([0, 0.2]),
    sendsBack: random.pick([0, 0.3, 1]),
    caller: random.pick([0, 0, 0, 0.02]),
    slowest: random.pick([10, 5_000, 90_000]),
  };
}

/** Who is asked for a decision, and which are offered. */
interface Asked {
  agent: number;
  offer: Offer;
}

/** What the models of a run say: decisions they were offered, and everything else that models do. */
export class Models {
  readonly #random: Random;
  readonly #manners: Manners;
  #texts = 0;
  #calls = 0;

  constructor(random: Random, manners: Manners) {
    this.#random = random;
    this.#manners = manners;
  }

  text(): string {
    if (this.#texts > 0 && this.#random.chance(this.#manners.repeats)) return `answer number ${this.#random.int(this.#texts)}`;
    return `answer number ${this.#texts++}`;
  }

  #call(toolName: string, input: unknown): WorkflowCall {
    return { toolCallId: `c${this.#calls++}`, toolName, input };
  }

  right(turn: Asked): { calls: WorkflowCall[]; text: string } {
    const random = this.#random;
    if (turn.offer.review) {
      const back = random.chance(this.#manners.sendsBack);
      return {
        calls: [back ? this.#call("restart_orchestration", { reason: "thin", instructions: "more" }) : this.#call("submit", {})],
        text: "",
      };
    }
    const answers = turn.offer.newAnswer && (turn.offer.voteFor.length === 0 || random.chance(this.#manners.improves));
    if (answers) return { calls: [this.#call("new_answer", { content: this.text(), lacking: "depth" })], text: "" };
    if (turn.offer.voteFor.length === 0) return { calls: [], text: "" };
    const order = [...turn.offer.voteFor].sort(() => random.next() - 0.5).map(aliasOf);
    return {
      calls: [this.#call("vote", { agent_id: order[0], reason: "best", also_acceptable: order.slice(1, 2), next_best: order.slice(1) })],
      text: "",
    };
  }

  wrong(turn: Asked): { calls: WorkflowCall[]; text: string } {
    const random = this.#random;
    const vote = (agent_id: unknown) => this.#call("vote", { agent_id, reason: "" });
    const answer = (content: unknown, lacking?: string) => this.#call("new_answer", { content, lacking });
    return random.pick([
      () => ({ calls: [], text: "" }),
      () => ({ calls: [], text: "I think the answer is 42." }),
      () => ({ calls: [vote("agent1"), vote("agent2")], text: "" }),
      () => ({ calls: [vote("agent1"), answer(this.text())], text: "" }),
      () => ({ calls: [answer(this.text()), answer(this.text())], text: "x" }),
      () => ({ calls: [vote(random.pick(["agent99", "a0", "", 7, null]))], text: "" }),
      () => ({ calls: [vote(aliasOf(turn.agent))], text: "" }),
      () => ({ calls: [answer(random.pick(["", "  ", 5, undefined]))], text: "" }),
      () => ({ calls: [answer("word ".repeat(5000))], text: "" }),
      () => ({ calls: [answer("I will look into that and come back.")], text: "" }),
      () => ({ calls: [answer(this.text())], text: "" }),
      () => ({ calls: [answer("answer number 0", "all")], text: "" }),
      () => ({ calls: [{ ...answer("x"), invalid: "cut short" }], text: "" }),
      () => ({ calls: [this.#call("submit", {})], text: "" }),
      () => ({ calls: [this.#call("restart_orchestration", {})], text: "" }),
      () => ({ calls: [this.#call("nonsense", null)], text: "" }),
    ])();
  }
}
