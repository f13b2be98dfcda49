import type { BackendRequest } from "../../src/backends/backend.js";
import { textOf } from "../../src/formatter/messages.js";
import type { CoordinationEvent, CoordinationEventType, EventOfType } from "../../src/orchestrator/events.js";
import { isTerminal } from "../../src/orchestrator/events.js";
import type { AgentConfig, OrchestratorOptions, RunOptions } from "../../src/orchestrator/options.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import type { Run, RunError, RunResult } from "../../src/orchestrator/run.js";
import {
  type ScriptedBackend,
  type ScriptedBackendOptions,
  type ScriptedRule,
  type ScriptedStep,
  scriptedBackend,
  type VirtualRuntime,
  virtualRuntime,
} from "../../src/testing/index.js";

export type Script = readonly (ScriptedStep | ScriptedRule)[] | ScriptedRule;

export interface TeamOptions extends Partial<Omit<OrchestratorOptions, "agents" | "runtime">> {
  /** Further fields of single agents, by id. */
  agents?: Record<string, Partial<Omit<AgentConfig, "id" | "backend">> & { backend?: ScriptedBackendOptions }>;
}

export interface Team {
  orchestrator: Orchestrator;
  /** By agent id. The first agent is what models read as `agent1`, and so on. */
  backends: Record<string, ScriptedBackend>;
  runtime: VirtualRuntime;
}

/** A team in virtual time; each agent says what its script tells it to. */
export function team(scripts: Record<string, Script>, { agents = {}, ...options }: TeamOptions = {}): Team {
  const runtime = virtualRuntime();
  const backends: Record<string, ScriptedBackend> = {};
  const configs = Object.entries(scripts).map(([id, script]) => {
    const { backend, ...rest } = agents[id] ?? {};
    const scripted = scriptedBackend(script, { runtime, model: `model-${id}`, ...backend });
    backends[id] = scripted;
    return { id, backend: scripted, ...rest };
  });
  return { orchestrator: new Orchestrator({ agents: configs, runtime, ...options }), backends, runtime };
}

export interface Played {
  run: Run;
  events: CoordinationEvent[];
  /** Throws where the run ended without one. */
  result: RunResult;
  /** Throws where the run ended well. */
  error: RunError;
  of<T extends CoordinationEventType>(type: T): EventOfType<T>[];
}

/** Writes down every event of a run. */
export function record(run: Run): CoordinationEvent[] {
  const events: CoordinationEvent[] = [];
  run.on("*", (event) => {
    events.push(structuredClone(event));
  });
  return events;
}

/** Runs the team on a task to its end. `during` hears of every event as it happens. */
export async function play(
  { orchestrator, runtime }: Team,
  { input = "The task", during, ...options }: RunOptions & { input?: Parameters<Orchestrator["run"]>[0]; during?: During } = {},
): Promise<Played> {
  const run = orchestrator.run(input, options);
  const events = record(run);
  if (during !== undefined) run.on("*", (event) => during(event, run));
  return finished(run, events, runtime);
}

type During = (event: CoordinationEvent, run: Run) => void;

/** Moves the clock until the run is over. */
export async function finished(run: Run, events: CoordinationEvent[], runtime: VirtualRuntime): Promise<Played> {
  const [outcome] = await runtime.runUntil(Promise.allSettled([run.result]));
  return {
    run,
    events,
    get result() {
      if (outcome?.status !== "fulfilled") throw outcome?.reason;
      return outcome.value;
    },
    get error() {
      if (outcome?.status !== "rejected") throw new Error("the run ended well");
      return outcome.reason as RunError;
    },
    of: (type) => ofType(events, type),
  };
}

export function ofType<T extends CoordinationEventType>(events: CoordinationEvent[], type: T): EventOfType<T>[] {
  return events.filter((event): event is EventOfType<T> => event.type === type);
}

/** The decision events in words, in order. */
export function story(events: CoordinationEvent[]): string[] {
  const lines: string[] = [];
  for (const event of events) {
    if (event.type === "answer") lines.push(`${event.agentId} answers ${event.label}`);
    if (event.type === "vote") lines.push(`${event.agentId} votes ${event.label}`);
    if (event.type === "vote-void") lines.push(`void: ${event.agentId} for ${event.label}`);
    if (event.type === "decision-rejected") lines.push(`${event.agentId} rejected ${event.code}`);
    if (event.type === "turn-interrupt") lines.push(`${event.agentId} interrupted ${event.reason}`);
    if (event.type === "turn-update") lines.push(`${event.agentId} updated`);
    if (event.type === "turn-error") lines.push(`${event.agentId} failed ${event.error.code}`);
    if (event.type === "epoch-start") lines.push(`epoch ${event.epoch}`);
    if (event.type === "agent-out") lines.push(`${event.agentId} out ${event.reason}`);
    if (event.type === "run-restart") lines.push(`attempt ${event.attempt}`);
    if (event.type === "consensus") lines.push(`consensus ${event.label} ${event.reason}`);
    if (isTerminal(event)) lines.push(event.type);
  }
  return lines;
}

/** The final text as a reader of events puts it together: of turns that ended well, the steps that ended well. */
export function presentedText(events: CoordinationEvent[]): string {
  const ended = new Set(ofType(events, "turn-finish").map(({ turnId }) => turnId));
  const steps = new Set(
    ofType(events, "step-finish")
      .filter(({ status }) => status === "ok")
      .map(({ stepId }) => stepId),
  );
  return ofType(events, "text-delta")
    .filter(({ phase, turnId, stepId }) => phase === "present" && (turnId.startsWith("reuse") || (ended.has(turnId) && steps.has(stepId))))
    .map(({ delta }) => delta)
    .join("");
}

// ---- what a model was sent

/** Its last message as text; of tool results, their outputs. */
export function lastText(request: BackendRequest | undefined): string {
  const message = request?.messages.at(-1);
  return message === undefined ? "" : messageText(message);
}

/** Everything it reads, system message included. */
export function allText(request: BackendRequest | undefined): string {
  return [request?.system ?? "", ...(request?.messages ?? []).map(messageText)].join("\n\n");
}

function messageText(message: BackendRequest["messages"][number]): string {
  if (message.role !== "tool") return textOf(message.content);
  return message.content.map(({ output }) => (typeof output === "string" ? output : "")).join("\n");
}

/** The tool results of the message that answers the step before. */
export function toolResults(request: BackendRequest | undefined): { toolCallId: string; output: unknown; isError?: boolean }[] {
  return (request?.messages ?? []).flatMap((message) => (message.role === "tool" ? message.content : []));
}

export const toolNames = (request: BackendRequest | undefined): string[] => (request?.tools ?? []).map(({ name }) => name);

/** Whom it may vote for. */
export function aliasesOffered(request: BackendRequest | undefined): string[] {
  const schema = request?.tools?.find(({ name }) => name === "vote")?.inputSchema as
    | { properties: { agent_id: { enum: string[] } } }
    | undefined;
  return schema?.properties.agent_id.enum ?? [];
}

/** The answers in its last message, in reading order. */
export function answersRead(request: BackendRequest | undefined): { alias: string; content: string }[] {
  const blocks = lastText(request).matchAll(/<answer id="(agent\d+)">\n([\s\S]*?)\n<\/answer>/g);
  return [...blocks].map(([, alias, content]) => ({ alias: alias!, content: content! }));
}

/** A promise and how to resolve it: what a script waits for. */
export function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}
