import type { CoordinationEventBody } from "../events.js";
import type { CoreState } from "./types.js";

/** What anybody can know of a run from its decision events alone. */
export interface RunView {
  attempt: number;
  epoch: number;
  agents: Record<string, AgentView>;
  winner: string | null;
  outcome: "running" | "finished" | "failed" | "aborted";
}

export interface AgentView {
  out: string | null;
  /** Label of its current answer. */
  answer: string | null;
  /** Label of the answer its counted vote is for. */
  vote: string | null;
  turn: string | null;
  failures: number;
  abstentions: number;
}

const freshAgent = (): AgentView => ({ out: null, answer: null, vote: null, turn: null, failures: 0, abstentions: 0 });

/** Folds one event into the view; start from `emptyView()`. */
export function fold(view: RunView, event: CoordinationEventBody): RunView {
  const at = (agentId: string, change: (agent: AgentView) => Partial<AgentView>): RunView => {
    const agent = view.agents[agentId] ?? freshAgent();
    return { ...view, agents: { ...view.agents, [agentId]: { ...agent, ...change(agent) } } };
  };
  switch (event.type) {
    case "run-start":
      return { ...view, agents: Object.fromEntries(event.agents.map(({ agentId }) => [agentId, freshAgent()])) };
    case "turn-start":
      return at(event.agentId, () => ({ turn: event.turnId }));
    case "turn-finish":
      return at(event.agentId, (a) => ({ turn: null, abstentions: a.abstentions + (event.outcome === "abstain" ? 1 : 0) }));
    case "turn-interrupt":
      return at(event.agentId, (a) => ({ turn: null, abstentions: a.abstentions + (event.reason === "vote-grace" ? 1 : 0) }));
    case "turn-error":
      return at(event.agentId, (a) => ({ turn: null, failures: a.failures + 1 }));
    case "answer":
      return at(event.agentId, () => ({ answer: event.label }));
    case "vote":
      return at(event.agentId, () => ({ vote: event.label }));
    case "vote-void":
      return at(event.agentId, () => ({ vote: null }));
    case "abstain":
      return at(event.agentId, (a) => ({ abstentions: a.abstentions + 1 }));
    case "agent-out":
      return at(event.agentId, () => ({ out: event.reason }));
    case "epoch-start":
      return { ...view, epoch: event.epoch };
    case "consensus":
      return { ...view, winner: event.winner };
    case "run-restart": {
      const reset = (agent: AgentView): AgentView => ({ ...freshAgent(), out: agent.out === "budget" ? "budget" : null });
      const agents = Object.fromEntries(Object.entries(view.agents).map(([id, agent]) => [id, reset(agent)]));
      return { ...view, attempt: event.attempt, epoch: 0, winner: null, agents };
    }
    case "run-finish":
      return { ...view, outcome: "finished" };
    case "run-error":
      return { ...view, outcome: "failed" };
    case "run-abort":
      return { ...view, outcome: "aborted" };
    default:
      return view;
  }
}

export const emptyView = (): RunView => ({ attempt: 1, epoch: 0, agents: {}, winner: null, outcome: "running" });

/** The same view, read off the state: what folding the events must give. */
export function viewOf(state: CoreState, outcome: RunView["outcome"]): RunView {
  const { config, presenting } = state;
  const decided = presenting !== null && presenting.label !== "";
  return {
    attempt: state.attempt,
    epoch: state.epoch,
    agents: Object.fromEntries(
      state.agents.map((agent, index) => [
        config.agents[index]!.agentId,
        {
          out: agent.out,
          answer: agent.answer?.label ?? null,
          vote: agent.vote?.label ?? null,
          turn: agent.turn === null || agent.turn.stopping ? null : agent.turn.turnId,
          failures: agent.failures,
          abstentions: agent.abstentions,
        },
      ]),
    ),
    winner: decided ? config.agents[presenting.agent]!.agentId : null,
    outcome,
  };
}
