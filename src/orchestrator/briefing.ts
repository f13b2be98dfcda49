import type { TurnRequest, TurnUpdate, Verdict } from "../agent/types.js";
import type { ModelSettings, TraceContext } from "../backends/backend.js";
import type { ToolChoice, ToolDefinition } from "../formatter/messages.js";
import type { Telemetry } from "../telemetry/telemetry.js";
import type { Tool } from "../tools/tool.js";
import type { Effect, Offer, TurnOrder } from "./core/types.js";
import type { ResolvedOptions } from "./options.js";
import { type Composer, composeTurn, composeUpdate, type Task } from "./prompts/compose.js";
import { WORKFLOW_TOOLS, workflowTools } from "./prompts/workflow-tools.js";

/** What one run is about. */
export interface RunSpec {
  runId: string;
  task: Task;
  tools: Tool[];
  toolChoice: ToolChoice | undefined;
  settings: ModelSettings | undefined;
  context: unknown;
  trace: TraceContext | undefined;
  /** Logging and tracing, while they are being loaded. */
  telemetry: Promise<Telemetry> | undefined;
}

const STREAMED = { toolName: "new_answer", field: "content" };

/** Turns what the core orders into what an agent is told and given. */
export class Briefing {
  readonly #options: ResolvedOptions;
  readonly #spec: RunSpec;
  readonly #composer: Composer;

  constructor(options: ResolvedOptions, spec: RunSpec) {
    this.#options = options;
    this.#spec = spec;
    this.#composer = {
      prompts: options.prompts,
      task: spec.task,
      votingSensitivity: options.votingSensitivity,
      core: options.core,
      callerTools: spec.tools.filter((tool) => tool.execute === undefined),
    };
  }

  request(order: TurnOrder): TurnRequest {
    const options = this.#options;
    const spec = this.#spec;
    const agent = options.agents[order.agent]!;
    const presents = order.phase === "present";
    const { maxOutputTokens, stop, responseFormat, ...always } = spec.settings ?? {};
    const { decisions, toolChoice } = this.#offer(order.offer);
    const choice = presents ? spec.toolChoice : toolChoice;
    return {
      runId: spec.runId,
      agentId: agent.id,
      turnId: order.turnId,
      backend: agent.backend,
      ...composeTurn(this.#composer, { systemMessage: agent.systemMessage, short: agent.backend.capabilities.shortPrompts }, order),
      tools: this.tools(order.agent, order.phase),
      decisions,
      knownDecisions: WORKFLOW_TOOLS,
      ...(choice !== undefined && { toolChoice: choice }),
      settings: { ...agent.settings, ...(presents ? spec.settings : always) },
      ...(agent.params !== undefined && { params: agent.params }),
      streamedArgument: STREAMED,
      timeouts: options.timeout,
      maxSteps: options.maxSteps,
      maxStepRetries: options.maxStepRetries,
      // What has been streamed as final cannot be unsaid: the voted answer takes over instead.
      retryAfterOutput: !presents,
      context: spec.context,
      ...(spec.trace !== undefined && { trace: spec.trace }),
      runtime: options.runtime,
    };
  }

  /** The presenter alone may call what belongs to the caller. */
  tools(agent: number, phase: TurnOrder["phase"]): Tool[] {
    const all = [...this.#options.agents[agent]!.tools, ...this.#spec.tools];
    return phase === "present" ? all : all.filter((tool) => tool.execute !== undefined);
  }

  update(order: TurnOrder): TurnUpdate & { setVersion: number; epoch: number } {
    const { setVersion, epoch, offer } = order;
    return { setVersion, epoch, note: composeUpdate(this.#composer, order), ...this.#offer(offer) };
  }

  verdict({ results, note, update, offer }: Extract<Effect, { type: "continue-turn" }>): Verdict {
    const news = update === undefined ? [] : [composeUpdate(this.#composer, update)];
    const notes = [...(note === undefined ? [] : [note]), ...news];
    const forced = update === undefined ? ("required" as const) : undefined;
    return { type: "continue", results, ...(notes.length > 0 && { note: notes.join("\n\n") }), ...this.#offer(offer, forced) };
  }

  /** A choice is forced where a vote is all there is, or after a rejection. */
  #offer(offer: Offer, forced?: "required"): { decisions: ToolDefinition[]; toolChoice?: ToolChoice } {
    const decisions = workflowTools(offer, this.#options.core.rule);
    const onlyVote = offer.voteFor.length > 0 && !offer.newAnswer;
    const toolChoice = onlyVote ? { toolName: "vote" } : decisions.length > 0 ? forced : undefined;
    return { decisions, ...(toolChoice !== undefined && { toolChoice }) };
  }
}
