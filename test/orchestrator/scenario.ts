import { initialState, step } from "../../src/orchestrator/core/step.js";
import type { CoreConfig, CoreInput, CoreState, Effect, WorkflowCall } from "../../src/orchestrator/core/types.js";
import type { CoordinationEventBody } from "../../src/orchestrator/events.js";
import { approval, borda, plurality, unanimity } from "../../src/orchestrator/voting/rule.js";

/**
 * A scenario is a story told in lines. `agents a b` names the team, `option peerAnswers inject` sets an option, `> …` is a
 * fact, and the lines under a fact are what must follow: events, and after `~` the wishes that events do not show.
 */
export function play(scenario: string): string {
  const lines = scenario.split("\n");
  const options = new Map<string, string>();
  let names: string[] = [];
  for (const line of lines) {
    const [word, ...rest] = line.split(" ");
    if (word === "agents") names = rest;
    if (word === "option") options.set(rest[0]!, rest.slice(1).join(" "));
  }
  const told = new Stage(configOf(names, options));
  const out: string[] = [];
  for (const line of lines) {
    if (line.startsWith("> ")) out.push("", line, ...told.feed(line.slice(2)).map((each) => `  ${each}`));
    else if (line !== "" && !line.startsWith("  ")) out.push(line);
  }
  return `${out.join("\n").trim()}\n`;
}

function configOf(names: string[], options: Map<string, string>): CoreConfig {
  const text = <T extends string>(key: string, fallback: T) => (options.get(key) ?? fallback) as T;
  const number = (key: string, fallback: number) => Number(options.get(key) ?? fallback);
  const list = (key: string) => options.get(key)?.split(" ") ?? [];
  return {
    agents: names.map((agentId) => ({
      agentId,
      hasTools: list("tools").includes(agentId),
      stepBoundaries: !list("wholeAgents").includes(agentId),
    })),
    peerAnswers: text("peerAnswers", "auto"),
    draftQuorum: number("draftQuorum", names.length === 2 ? 1 : Math.floor(names.length / 2) + 1),
    draftGraceMs: 60_000,
    voteGraceMs: 60_000,
    coalesceMs: 20_000,
    selfVote: text("selfVote", "discount"),
    answerNovelty: text("answerNovelty", "lenient"),
    maxAnswersPerAgent: number("maxAnswersPerAgent", 3),
    maxEpochs: number("maxEpochs", 4),
    maxDecisionRetries: number("maxDecisionRetries", 2),
    maxAgentFailures: number("maxAgentFailures", 3),
    maxAnswerTokens: 1_000,
    maxRestarts: number("maxRestarts", 0),
    timeoutMs: 1_800_000,
    retryBackoffMs: 1_000,
    presentation: text("presentation", "present"),
    rule: { plurality, approval, borda, unanimity: unanimity() }[text("decisionRule", "plurality") as "plurality"],
    rejectionText: ({ code }) => code,
  };
}

class Stage {
  #state: CoreState;
  #time = 0;
  #calls = 0;
  readonly #delays = new Map<string, number>();

  constructor(config: CoreConfig) {
    this.#state = initialState(config);
  }

  feed(line: string): string[] {
    const told: string[] = [];
    const facts = [this.#fact(line)];
    for (let fact = facts.shift(); fact !== undefined; fact = facts.shift()) {
      const { state, events, effects } = step(this.#state, { ...fact, time: this.#time } as CoreInput);
      this.#state = state;
      told.push(...events.map(tellEvent), ...effects.flatMap((effect) => this.#tellEffect(effect)));
      // As the driver does: a turn that is to be stopped is stopped at once.
      for (const effect of effects) {
        if (effect.type === "interrupt-turn") facts.push({ type: "turn-stopped", turnId: effect.turnId, time: this.#time });
      }
    }
    return told.length === 0 ? ["(nothing)"] : told;
  }

  #fact(line: string): CoreInput {
    const time = this.#time;
    const [subject = "", verb = "", ...words] = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
    const values = words.map((word) => (word.startsWith('"') ? (JSON.parse(word) as string) : word));
    switch (subject) {
      case "start":
      case "finish":
        return { type: subject, time };
      case "abort":
        return { type: "abort", reason: "the caller", time };
      case "budget":
        return { type: "budget-spent", time, ...(verb !== "" && { agentId: verb }) };
      case "overspent":
        return { type: "budget-spent", time, error: { name: "MassGenError", code: "budget_exceeded", message: "The budget is spent." } };
      case "timer": {
        const timer = this.#state.timers.find((each) => each.startsWith(verb)) ?? verb;
        this.#time += this.#delays.get(timer) ?? 0;
        return { type: "timer", timer, time: this.#time };
      }
    }
    return { ...this.#turnFact(subject, verb, values), time } as CoreInput;
  }

  #turnFact(turnId: string, verb: string, values: string[]) {
    const decided = (calls: Omit<WorkflowCall, "toolCallId">[], text = "", worked = false) => ({
      type: "decided",
      turnId,
      calls: calls.map((call) => ({ toolCallId: `call-${++this.#calls}`, ...call })),
      text,
      worked,
    });
    const vote = (list: string[]) => {
      const [agent_id, ...more] = list;
      return { toolName: "vote", input: { agent_id, reason: "because", also_acceptable: more, next_best: more } };
    };
    const answer = (content: string | undefined, lacking = "depth") => ({ toolName: "new_answer", input: { content, lacking } });
    switch (verb) {
      case "answers":
        return decided([answer(values[0], values[1])]);
      case "answers-after-work":
        return decided([answer(values[0])], "", true);
      case "votes":
        return decided([vote(values)]);
      case "says":
        return decided([], values[0]);
      case "votes-and-answers":
        return decided([vote([values[0]!]), answer(values[1])]);
      case "presents":
        return { type: "presented", turnId, text: values[0] };
      case "accepts":
        return decided([{ toolName: "submit", input: {} }]);
      case "sends-back":
        return decided([{ toolName: "restart_orchestration", input: { reason: values[0] } }]);
      case "writes":
        return { type: "writing", turnId, on: true };
      case "works":
        return { type: "worked", turnId };
      case "updated":
        return { type: "updated", turnId, setVersion: this.#updateOf(turnId) };
      case "fails":
        return {
          type: "turn-failed",
          turnId,
          error: { name: "BackendError", code: values[0], message: values[0], retryable: values[0] !== "authentication" },
        };
      default:
        throw new Error(`unknown fact: ${turnId} ${verb}`);
    }
  }

  /** The version of the news that wait for the turn. */
  #updateOf(turnId: string): number {
    const turn = this.#state.agents.find((agent) => agent.turn?.turnId === turnId)?.turn;
    return turn?.updating?.setVersion ?? this.#state.setVersion;
  }

  #tellEffect(effect: Effect): string[] {
    switch (effect.type) {
      case "set-timer":
        this.#delays.set(effect.timer, effect.ms);
        return [`~ set-timer ${effect.timer} ${effect.ms}`];
      case "clear-timer":
        return [`~ clear-timer ${effect.timer}`];
      case "continue-turn":
        return [`~ continue ${effect.turnId}${effect.update === undefined ? "" : " with the current answers"}`];
      case "update-turn":
        return [`~ update ${effect.turnId}`];
      default:
        return [];
    }
  }
}

const list = (items: string[]) => (items.length === 0 ? "-" : items.join(","));

function tellEvent(event: CoordinationEventBody): string {
  const turn = "turnId" in event && "phase" in event ? ` ${event.agentId} ${event.turnId}` : "";
  const head = `${event.type}${turn}`;
  switch (event.type) {
    case "epoch-start":
      return `${head} ${event.epoch} ${list(event.labels)} openers=${list(event.openers)}${event.voteOnly ? " vote-only" : ""}`;
    case "turn-start":
      return `${head} ${event.phase} sees=${list(event.labels)} may=${list(event.offered)}`;
    case "turn-update":
      return `${head} sees=${list(event.labels)}`;
    case "turn-interrupt":
      return `${head} ${event.reason}`;
    case "turn-finish":
      return `${head} ${event.outcome}`;
    case "turn-error":
      return `${head} ${event.error.code}${event.willRetry ? " will-retry" : ""}`;
    case "answer":
      return `${head} ${event.label} ${JSON.stringify(event.content)}`;
    case "vote":
      return `${head} for=${event.label}`;
    case "vote-void":
      return `${head} ${event.agentId} was-for=${event.label} ${event.reason}`;
    case "decision-rejected":
      return `${head} ${event.code}`;
    case "abstain":
      return `${head} ${event.agentId}`;
    case "agent-out":
      return `${head} ${event.agentId} ${event.reason}`;
    case "consensus": {
      const tally = Object.entries(event.tally).map(([label, score]) => `${label}:${score}`);
      const tie = event.tieRule === undefined ? "" : ` tie=${event.tieRule}`;
      return `${head} ${event.reason} winner=${event.label} rule=${event.rule} tally=${list(tally)}${tie}${event.carried ? " carried" : ""}`;
    }
    case "text-delta":
      return `${head} ${JSON.stringify(event.delta)}`;
    case "run-restart":
      return `${head} attempt=${event.attempt} reviewer=${event.reviewer}`;
    case "run-finish":
      return `${head} ${event.reason} winner=${event.label} ${JSON.stringify(event.text)}`;
    case "run-error":
      return `${head} ${event.error.code}`;
    default:
      return head;
  }
}
