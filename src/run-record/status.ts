import { hostname } from "node:os";
import type { Phase, VoteRecord } from "../orchestrator/events.js";
import type { Cost } from "../token-manager/prices.js";
import type { Usage } from "../token-manager/usage.js";
import { countedVotes, type RecordedAgent, type RunHistory } from "./history.js";

/** What an agent is doing. */
export type AgentState = "waiting" | "drafting" | "evaluating" | "presenting" | "reviewing" | "answered" | "voted" | "abstained" | "out";

export interface AgentStatus {
  agentId: string;
  alias: string;
  backend: string;
  model: string;
  state: AgentState;
  /** Label of its current answer. */
  answer: string | null;
  /** Label its counted vote is for. */
  vote: string | null;
  /** Why it is out. */
  out: string | null;
  turns: number;
  failures: number;
  lastError: string | null;
  usage: Usage;
  /** `null`: not known here. */
  cost: Cost | null;
}

/** `status.json`: a run at a glance, for whoever watches it. */
export interface RunStatus {
  runId: string;
  /** `null`: not known. */
  question: string | null;
  /** Epoch ms. */
  startedAt: number;
  updatedAt: number;
  outcome: RunHistory["outcome"];
  /** What the run is at; `null` when it is over. */
  phase: Phase | null;
  attempt: number;
  epoch: number;
  /** `seq` of the latest event that is in `events.jsonl`. */
  seq: number;
  agents: AgentStatus[];
  /** Every version; `current` are those that can be voted for. */
  answers: { label: string; agentId: string; current: boolean; characters: number }[];
  /** The votes that count now, or that decided. */
  votes: VoteRecord[];
  winner: string | null;
  label: string | null;
  reason: string | null;
  /** Why there is no result. */
  error: string | null;
  usage: Usage;
  /** `null`: not known here. */
  cost: Cost | null;
  /** Who records: a `running` whose process is gone has crashed. */
  pid: number;
  host: string;
}

export interface StatusExtras {
  question: string | undefined;
  cost: Cost | undefined;
  costByAgent: Record<string, Cost>;
}

export function statusOf(history: RunHistory, { question, cost, costByAgent }: StatusExtras): RunStatus {
  const current = new Set(history.agents.map(({ answer }) => answer));
  return {
    runId: history.runId,
    question: question ?? null,
    startedAt: history.start,
    updatedAt: Date.now(),
    outcome: history.outcome,
    phase: phaseOf(history),
    attempt: history.attempt,
    epoch: history.epoch,
    seq: history.seq,
    agents: history.agents.map((agent) => ({
      agentId: agent.agentId,
      alias: agent.alias,
      backend: agent.backend,
      model: agent.model,
      state: stateOf(history, agent),
      answer: agent.answer ?? null,
      vote: agent.vote ?? null,
      out: agent.out ?? null,
      turns: agent.turns,
      failures: agent.failures,
      lastError: agent.lastError ?? null,
      usage: agent.usage,
      cost: costByAgent[agent.agentId] ?? null,
    })),
    answers: history.answers.map(({ label, agentId, content }) => {
      return { label, agentId, current: current.has(label), characters: content.length };
    }),
    votes: countedVotes(history),
    winner: history.winner ?? null,
    label: history.label ?? null,
    reason: history.reason ?? null,
    error: history.error ?? null,
    usage: history.usage,
    cost: cost ?? null,
    pid: process.pid,
    host: hostname(),
  };
}

function phaseOf(history: RunHistory): Phase | null {
  if (history.outcome !== "running") return null;
  const open = new Set(history.turns.filter(({ end }) => end === undefined).map(({ phase }) => phase));
  if (open.has("review")) return "review";
  if (open.has("present") || history.consensus !== undefined) return "present";
  return history.epoch === 0 ? "draft" : "evaluate";
}

const DOING = { draft: "drafting", evaluate: "evaluating", present: "presenting", review: "reviewing" } as const;

function stateOf(history: RunHistory, agent: RecordedAgent): AgentState {
  const turn = history.turns.findLast(({ agentId }) => agentId === agent.agentId);
  if (turn !== undefined && turn.end === undefined && history.outcome === "running") return DOING[turn.phase] ?? "waiting";
  if (agent.out !== undefined) return "out";
  if (agent.vote !== undefined) return "voted";
  if (agent.abstained !== undefined && agent.abstained === history.epoch) return "abstained";
  return agent.answer === undefined ? "waiting" : "answered";
}
