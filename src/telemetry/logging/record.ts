import type { CoordinationEvent, EventOfType } from "../../orchestrator/events.js";
import { dollars } from "../../terminal-text.js";
import type { Component, LogLevel } from "../levels.js";

/** Which part of a run an event is about. */
export function componentOf(event: CoordinationEvent): Component {
  const { type } = event;
  const known = COMPONENT_OF[type];
  if (known !== undefined && known !== "tool") return known;
  if (known === "tool" || "toolName" in event) return isMcp(event) ? "mcp" : "tool";
  if ("stepId" in event) return "model";
  return "turnId" in event ? "turn" : "run";
}

const COMPONENT_OF: Readonly<Record<string, Component>> = {
  "epoch-start": "coordination",
  answer: "coordination",
  vote: "coordination",
  "vote-void": "coordination",
  "decision-rejected": "coordination",
  abstain: "coordination",
  "agent-out": "coordination",
  consensus: "coordination",
  "text-delta": "model",
  "reasoning-delta": "model",
  "answer-delta": "model",
  "input-request": "run",
  usage: "run",
  "tool-call": "tool",
  "tool-result": "tool",
};

const isMcp = (event: CoordinationEvent): boolean => "toolName" in event && event.toolName?.startsWith("mcp__") === true;

/** How severe an event is. */
export function levelOf(event: CoordinationEvent): LogLevel {
  switch (event.type) {
    case "text-delta":
    case "reasoning-delta":
    case "answer-delta":
      return "trace";
    case "run-error":
      return "error";
    case "run-abort":
    case "agent-out":
    case "warning":
      return "warn";
    case "turn-error":
      return event.willRetry ? "warn" : "error";
    case "step-finish":
      return event.status === "error" ? "error" : event.status === "retry" ? "warn" : "debug";
    case "tool-result":
      return event.isError ? "warn" : "debug";
    case "run-start":
    case "run-finish":
    case "run-restart":
    case "epoch-start":
    case "answer":
    case "vote":
    case "abstain":
    case "consensus":
    case "turn-start":
    case "turn-finish":
    case "turn-interrupt":
    case "decision-rejected":
    case "input-request":
    case "compaction":
      return "info";
    default:
      return ownLevel(event) ?? "debug";
  }
}

/** An event that brings its level along: what a tool logs. */
function ownLevel(event: object): LogLevel | undefined {
  const level = "level" in event ? event.level : undefined;
  return level === "trace" || level === "debug" || level === "info" || level === "warn" || level === "error" ? level : undefined;
}

/** Where the record carries what each event has. */
const NAMES: Readonly<Record<string, string>> = {
  runId: "run",
  agentId: "agent",
  turnId: "turn",
  stepId: "step",
  attempt: "attempt",
  epoch: "epoch",
  phase: "phase",
  seq: "seq",
  toolName: "tool",
  toolCallId: "call",
};

/** Told otherwise: by the record itself. */
const LEFT_OUT: ReadonlySet<string> = new Set(["type", "time", "level"]);

/** What models, tools and users write. Below `debug` records have its length, in characters, alone. */
const CONTENT: ReadonlySet<string> = new Set(["text", "content", "partialText", "input", "output", "lacking", "feedback", "invalid"]);

/** Never written: `delta` could be half of a secret, and `data` is a file. */
const LENGTH_ALONE: ReadonlySet<string> = new Set(["delta"]);

/** The fields of an event's record, not yet redacted. `detail`: with what models and tools wrote. */
export function fieldsOf(event: CoordinationEvent, detail: boolean): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(event)) {
    if (LEFT_OUT.has(key) || value === undefined) continue;
    const isLength = LENGTH_ALONE.has(key) || (!detail && CONTENT.has(key)) || (key === "data" && (event.type === "file" || !detail));
    if (isLength) fields[`${key}Length`] = lengthOf(value);
    else fields[NAMES[key] ?? key] = value;
  }
  return fields;
}

/** Characters of a text; of anything else, of its JSON. */
function lengthOf(value: unknown): number {
  return typeof value === "string" ? value.length : (JSON.stringify(value)?.length ?? 0);
}

/** What a reader sees first. */
export function messageOf(event: CoordinationEvent): string {
  switch (event.type) {
    case "run-start":
      return `run started with ${event.agents.map(({ agentId, model }) => `${agentId} (${model})`).join(", ")}`;
    case "epoch-start":
      return `epoch ${event.epoch} on ${event.labels.join(", ")}${event.voteOnly ? ", votes only" : ""}`;
    case "consensus":
      return `${event.label} of ${event.winner} wins (${event.reason})`;
    case "run-restart":
      return `${event.reviewer} sent the result back: attempt ${event.attempt}`;
    case "input-request":
      return `waiting for the caller: ${event.kind}${event.toolName === undefined ? "" : ` of ${event.toolName}`}`;
    case "run-finish":
      return `run finished (${event.reason}): ${event.label} of ${event.winner}`;
    case "run-error":
      return `run failed: ${event.error.message}`;
    case "run-abort":
      return `run aborted: ${event.reason}`;
    case "turn-start":
      return `${event.agentId} starts to ${event.phase}`;
    case "turn-interrupt":
      return `${event.agentId} interrupted: ${event.reason}`;
    case "turn-finish":
      return `${event.agentId} finished: ${event.outcome}`;
    case "turn-error":
      return `${event.agentId} failed${event.willRetry ? ", will try again" : ""}: ${event.error.message}`;
    case "step-start":
      return `${event.agentId} asks its model${event.purpose === undefined ? "" : `, for ${event.purpose}`}`;
    case "compaction":
      return `the conversation of ${event.agentId} was compacted (${event.method}, ${event.reason})${saving(event)}`;
    case "step-finish":
      return `model step ${event.status}${event.error === undefined ? "" : `: ${event.error.message}`}`;
    case "tool-call":
      return `${event.agentId} calls ${event.toolName}`;
    case "tool-result":
      return `${event.toolName} ${event.isError ? "failed" : "returned"}`;
    case "warning":
      return `${event.code}: ${event.message}`;
    case "usage":
      return `spent so far: ${event.usage.inputTokens + event.usage.outputTokens} tokens${event.cost.usd === null ? "" : `, ${dollars(event.cost)}`}`;
    case "answer":
      return `${event.agentId} answered ${event.label}`;
    case "vote":
      return `${event.agentId} votes for ${event.label}: ${event.reason}`;
    case "vote-void":
      return `the vote of ${event.agentId} for ${event.label} is void (${event.reason})`;
    case "decision-rejected":
      return `decision of ${event.agentId} rejected (${event.code})`;
    case "agent-out":
      return `${event.agentId} is out (${event.reason})`;
    default:
      return otherMessage(event);
  }
}

function saving({ tokensBefore, tokensAfter }: EventOfType<"compaction">): string {
  return tokensBefore === undefined || tokensAfter === undefined ? "" : ` from ${tokensBefore} to ${tokensAfter} tokens`;
}

function otherMessage(event: CoordinationEvent): string {
  const kind = event.type.replaceAll("-", " ");
  return "message" in event && typeof event.message === "string" ? `${kind}: ${event.message}` : kind;
}
