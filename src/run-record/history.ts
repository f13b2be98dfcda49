import { compactionLine } from "../compaction-line.js";
import type {
  CoordinationEvent,
  EventOfType,
  FinishedReason,
  Phase,
  RunInput,
  RunStartEvent,
  VoteRecord,
  WarningEvent,
} from "../orchestrator/events.js";
import type { Cost } from "../token-manager/prices.js";
import { addUsage, noUsage, type Usage } from "../token-manager/usage.js";

export interface RecordedTool {
  toolCallId: string;
  toolName: string;
  /** Epoch ms. */
  start: number;
  end?: number;
  isError?: boolean;
}

/** One agent's turn, as far as its events tell. */
export interface RecordedTurn {
  agentId: string;
  turnId: string;
  phase: Phase;
  attempt: number;
  epoch: number;
  /** Epoch ms, and the `seq` of the event. */
  start: number;
  startSeq: number;
  /** Absent while it runs, or where the record breaks off. */
  end?: number;
  endSeq?: number;
  /** How it ended: a `turn-finish` outcome, `interrupted` or `failed`. */
  outcome?: string;
  /** Why it was interrupted, or what failed. */
  why?: string;
  steps: number;
  /** Steps that did not end `ok`. */
  lostSteps: number;
  tools: RecordedTool[];
  /** Decisions of it that were not accepted, by code. */
  rejections: string[];
  usage: Usage;
}

/** A version of an agent's answer. */
export interface RecordedAnswer {
  agentId: string;
  label: string;
  content: string;
  lacking?: string;
  phase: Phase;
  attempt: number;
  epoch: number;
  time: number;
  seq: number;
}

/** A vote as it was cast, counted or not. */
export interface RecordedVote extends VoteRecord {
  attempt: number;
  epoch: number;
  time: number;
  seq: number;
  /** Why it does not count any more. */
  void?: "new-answer" | "no-majority" | "restart";
}

export interface RecordedAgent {
  agentId: string;
  alias: string;
  backend: string;
  model: string;
  /** Why it is out. */
  out?: string;
  /** Label of its current answer. */
  answer?: string;
  /** Label its counted vote is for. */
  vote?: string;
  /** Its latest abstention is of this epoch. */
  abstained?: number;
  turns: number;
  failures: number;
  lastError?: string;
  usage: Usage;
  /** Absent before its first step is over, and in records without `usage` events. */
  cost?: Cost;
}

export interface RecordedEpoch {
  attempt: number;
  epoch: number;
  labels: string[];
  voteOnly: boolean;
  time: number;
  seq: number;
}

/** What happened beside turns, answers and votes. */
export interface RecordedNote {
  time: number;
  seq: number;
  agentId?: string;
  type: string;
  text: string;
  /** Of a warning about a budget: how far it is used up. */
  budget?: NonNullable<WarningEvent["budget"]>;
  /** Of a compaction: how much shorter the conversation got, where that is known. */
  compaction?: Pick<EventOfType<"compaction">, "method" | "tokensBefore" | "tokensAfter">;
}

/** All that the events of a run tell about it. Made by `addEvent`; a record that breaks off gives what there was. */
export interface RunHistory {
  runId: string;
  /** Epoch ms of the first and the latest event. */
  start: number;
  end: number;
  /** `seq` of the latest event; -1: none. */
  seq: number;
  /** What was asked. Absent where the record has lost its beginning. */
  input?: RunInput;
  agents: RecordedAgent[];
  attempt: number;
  epoch: number;
  epochs: RecordedEpoch[];
  turns: RecordedTurn[];
  answers: RecordedAnswer[];
  votes: RecordedVote[];
  notes: RecordedNote[];
  consensus?: EventOfType<"consensus">;
  outcome: "running" | "finished" | "failed" | "aborted";
  reason?: FinishedReason;
  /** Why there is no result. */
  error?: string;
  winner?: string;
  label?: string;
  /** The final text; before `run-finish` what the presenter has written. */
  text: string;
  usage: Usage;
  /** Absent before the first step is over, and in records without `usage` events. */
  cost?: Cost;
}

export function emptyHistory(): RunHistory {
  return {
    runId: "",
    start: 0,
    end: 0,
    seq: -1,
    agents: [],
    attempt: 1,
    epoch: 0,
    epochs: [],
    turns: [],
    answers: [],
    votes: [],
    notes: [],
    outcome: "running",
    text: "",
    usage: noUsage,
  };
}

/** Adds one event, in place. Types it does not know change nothing but `end` and `seq`. */
export function addEvent(history: RunHistory, event: CoordinationEvent): void {
  if (history.seq < 0) {
    history.runId = event.runId;
    history.start = event.time;
  }
  history.end = Math.max(history.end, event.time);
  history.seq = Math.max(history.seq, event.seq);
  switch (event.type) {
    case "run-start":
      history.agents = event.agents.map(freshAgent);
      if (event.input !== undefined) history.input = event.input;
      return;
    case "usage": {
      const agent = agentOf(history, event.agentId);
      history.usage = event.usage;
      history.cost = event.cost;
      agent.usage = event.agentUsage;
      agent.cost = event.agentCost;
      return;
    }
    case "epoch-start": {
      const { attempt, epoch, labels, voteOnly, time, seq } = event;
      history.epoch = epoch;
      history.attempt = attempt;
      history.epochs.push({ attempt, epoch, labels, voteOnly, time, seq });
      return;
    }
    case "consensus":
      history.consensus = event;
      history.winner = event.winner;
      history.label = event.label;
      return;
    case "run-restart":
      return restart(history, event);
    case "run-finish":
      history.outcome = "finished";
      history.reason = event.reason;
      history.winner = event.winner;
      history.label = event.label;
      history.text = event.text;
      history.usage = event.usage;
      return;
    case "run-error":
      history.outcome = "failed";
      history.error = `${event.error.message} (${event.error.code})`;
      history.usage = event.usage;
      return;
    case "run-abort":
      history.outcome = "aborted";
      history.error = event.reason;
      history.usage = event.usage;
      return;
    case "answer": {
      const { agentId, label, content, lacking, phase, attempt, epoch, time, seq } = event;
      history.answers.push({ agentId, label, content, ...(lacking !== undefined && { lacking }), phase, attempt, epoch, time, seq });
      agentOf(history, agentId).answer = label;
      return;
    }
    case "vote": {
      const { agentId, targetAgentId, label, reason, attempt, epoch, time, seq } = event;
      history.votes.push({ agentId, targetAgentId, label, reason, attempt, epoch, time, seq });
      agentOf(history, agentId).vote = label;
      return;
    }
    case "vote-void": {
      const vote = history.votes.findLast(({ agentId, label }) => agentId === event.agentId && label === event.label);
      if (vote !== undefined) vote.void = event.reason;
      delete agentOf(history, event.agentId).vote;
      return;
    }
    case "abstain":
      agentOf(history, event.agentId).abstained = event.epoch;
      note(history, event, "abstains: the vote grace was over");
      return;
    case "agent-out":
      agentOf(history, event.agentId).out = event.reason;
      note(history, event, `is out: ${event.reason}`);
      return;
    default:
      addTurnEvent(history, event);
  }
}

function addTurnEvent(history: RunHistory, event: CoordinationEvent): void {
  switch (event.type) {
    case "turn-start":
      turnOf(history, event);
      agentOf(history, event.agentId).turns++;
      return;
    case "turn-update":
      note(history, event, `reads ${event.labels.join(", ")} as they come in`);
      return;
    case "turn-finish":
      endTurn(turnOf(history, event), event, event.outcome);
      if (event.outcome === "abstain") agentOf(history, event.agentId).abstained = event.epoch;
      return;
    case "turn-interrupt":
      endTurn(turnOf(history, event), event, "interrupted", event.reason);
      if (event.reason === "vote-grace") agentOf(history, event.agentId).abstained = event.epoch;
      if (event.phase === "present") history.text = "";
      return;
    case "turn-error": {
      const why = `${event.error.message} (${event.error.code})`;
      endTurn(turnOf(history, event), event, "failed", why);
      const agent = agentOf(history, event.agentId);
      agent.failures++;
      agent.lastError = why;
      if (event.phase === "present") history.text = "";
      note(history, event, `${event.willRetry ? "failed, tries again" : "failed"}: ${why}`);
      return;
    }
    case "text-delta":
      if (event.phase === "present") history.text += event.delta;
      return;
    case "tool-call": {
      const { toolCallId, toolName, time } = event;
      turnOf(history, event).tools.push({ toolCallId, toolName, start: time });
      return;
    }
    case "tool-result": {
      const tool = turnOf(history, event).tools.findLast(({ toolCallId }) => toolCallId === event.toolCallId);
      if (tool === undefined) return;
      tool.end = event.time;
      tool.isError = event.isError;
      return;
    }
    case "step-finish": {
      const turn = turnOf(history, event);
      const agent = agentOf(history, event.agentId);
      turn.steps++;
      turn.usage = addUsage(turn.usage, event.usage);
      agent.usage = addUsage(agent.usage, event.usage);
      history.usage = addUsage(history.usage, event.usage);
      if (event.status === "ok") return;
      turn.lostSteps++;
      if (event.phase === "present") history.text = "";
      if (event.status === "retry") note(history, event, `step started again: ${event.error?.message ?? "it died"}`);
      return;
    }
    case "decision-rejected":
      turnOf(history, event).rejections.push(event.code);
      note(history, event, `its decision was refused (${event.code})`);
      return;
    case "warning":
      note(history, event, `warning: ${event.message}`);
      if (event.budget !== undefined) history.notes.at(-1)!.budget = event.budget;
      return;
    case "compaction": {
      const { method, tokensBefore, tokensAfter } = event;
      note(history, event, compactionLine(event));
      const sizes = { ...(tokensBefore !== undefined && { tokensBefore }), ...(tokensAfter !== undefined && { tokensAfter }) };
      history.notes.at(-1)!.compaction = { method, ...sizes };
      return;
    }
    case "input-request":
      note(history, event, `asks for input (${event.kind}): ${event.message ?? event.toolName ?? ""}`);
  }
}

/** What the caller's `result` tells, from the events alone. */
export function currentAnswers(history: RunHistory): RecordedAnswer[] {
  return history.agents.flatMap(({ answer }) => history.answers.find(({ label }) => label === answer) ?? []);
}

/** The votes that decided, or that count now. */
export function countedVotes(history: RunHistory): VoteRecord[] {
  if (history.consensus !== undefined) return history.consensus.votes;
  return history.votes
    .filter((vote) => vote.void === undefined)
    .map(({ agentId, targetAgentId, label, reason }) => ({ agentId, targetAgentId, label, reason }));
}

function restart(history: RunHistory, event: EventOfType<"run-restart">): void {
  history.attempt = event.attempt;
  history.epoch = 0;
  history.text = "";
  delete history.consensus;
  delete history.winner;
  delete history.label;
  for (const vote of history.votes) vote.void ??= "restart";
  for (const agent of history.agents) {
    delete agent.answer;
    delete agent.vote;
    delete agent.abstained;
    if (agent.out !== "budget") delete agent.out;
  }
  note(history, { ...event, agentId: event.reviewer }, `sent the answer back: ${event.feedback}`);
}

const freshAgent = ({ agentId, alias, backend, model }: RunStartEvent["agents"][number]): RecordedAgent => {
  return { agentId, alias, backend, model, turns: 0, failures: 0, usage: noUsage };
};

function agentOf(history: RunHistory, agentId: string): RecordedAgent {
  let agent = history.agents.find((each) => each.agentId === agentId);
  if (agent === undefined) {
    // The record has lost its beginning.
    agent = freshAgent({ agentId, alias: `agent${history.agents.length + 1}`, backend: "", model: "" });
    history.agents.push(agent);
  }
  return agent;
}

type TurnEvent = Extract<CoordinationEvent, { turnId: string; phase: Phase }>;

function turnOf(history: RunHistory, event: TurnEvent): RecordedTurn {
  const known = history.turns.findLast(({ turnId }) => turnId === event.turnId);
  if (known !== undefined) return known;
  const { agentId, turnId, phase, attempt, epoch, time, seq } = event;
  const turn: RecordedTurn = {
    ...{ agentId, turnId, phase, attempt, epoch, start: time, startSeq: seq },
    ...{ steps: 0, lostSteps: 0, tools: [], rejections: [], usage: noUsage },
  };
  history.turns.push(turn);
  return turn;
}

function endTurn(turn: RecordedTurn, event: { time: number; seq: number }, outcome: string, why?: string): void {
  turn.end = event.time;
  turn.endSeq = event.seq;
  turn.outcome = outcome;
  if (why !== undefined) turn.why = why;
}

function note(history: RunHistory, event: { time: number; seq: number; type: string; agentId?: string }, text: string): void {
  const { time, seq, type, agentId } = event;
  history.notes.push({ time, seq, type, text, ...(agentId !== undefined && { agentId }) });
}
