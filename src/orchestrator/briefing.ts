import { withNote } from "../agent/conversation.js";
import type { TurnRequest, TurnUpdate, Verdict } from "../agent/types.js";
import type { ModelSettings, TraceContext } from "../backends/backend.js";
import type { ToolChoice, ToolDefinition, UserMessage } from "../formatter/messages.js";
import type { Telemetry } from "../telemetry/telemetry.js";
import type { Tool } from "../tools/tool.js";
import type { ToolTurn } from "../tools/toolkit.js";
import type { Effect, Offer, TurnOrder } from "./core/types.js";
import type { LiveTurn } from "./live-turn.js";
import type { ResolvedOptions } from "./options.js";
import { heldBack, isHeldBack, type Judgement } from "./planning-mode.js";
import { type Composer, composeTurn, composeUpdate, type Task, type TurnPrompt } from "./prompts/compose.js";
import { WORKFLOW_TOOLS, workflowTools } from "./prompts/workflow-tools.js";
import type { RunToolkits } from "./toolkits/run-toolkits.js";

/** What one run is about. */
export interface RunSpec {
  runId: string;
  task: Task;
  /** For every agent, after its own system message. */
  system: string | undefined;
  tools: Tool[];
  toolChoice: ToolChoice | undefined;
  settings: ModelSettings | undefined;
  context: unknown;
  /** The caller's; with tracing, once the run has started, that of its span. */
  trace: TraceContext | undefined;
  /** Logging and tracing, while they are being loaded. */
  telemetry: Promise<Telemetry> | undefined;
}

const STREAMED = { toolName: "new_answer", field: "content" };

type FromToolkits = Pick<TurnRequest, "system" | "toolContext" | "note">;

/** Turns what the core orders into what an agent is told and given. */
export class Briefing {
  readonly #options: ResolvedOptions;
  readonly #spec: RunSpec;
  readonly #composer: Composer;
  /** Once they are open; nothing, where there are none. */
  toolkits: RunToolkits | undefined;
  /** What planning mode knows of the task. */
  judgement: Judgement | undefined;

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

  request(order: TurnOrder, live: LiveTurn): TurnRequest {
    const options = this.#options;
    const spec = this.#spec;
    const agent = options.agents[order.agent]!;
    const presents = order.phase === "present";
    const { maxOutputTokens, stop, responseFormat, ...always } = spec.settings ?? {};
    const { decisions, toolChoice } = this.#offer(order.offer);
    const choice = presents ? spec.toolChoice : toolChoice;
    const turn = this.toolkits === undefined ? undefined : live.seen;
    const all = this.tools(order.agent, order.phase, turn);
    const planned = presents ? undefined : this.heldBack(all);
    const prompt = this.#prompt(order);
    return {
      runId: spec.runId,
      agentId: agent.id,
      turnId: order.turnId,
      backend: agent.backend,
      ...prompt,
      ...this.#fromToolkits(order.agent, turn, prompt.system),
      tools: planned === undefined ? all : all.map((tool) => (planned.has(tool.name) ? heldBack(tool) : tool)),
      ...(planned !== undefined && { planned }),
      ...(!presents && options.planning && { holdsBack: (tool: Tool) => this.heldBack([tool]) !== undefined }),
      decisions,
      knownDecisions: WORKFLOW_TOOLS,
      ...(choice !== undefined && { toolChoice: choice }),
      settings: { ...agent.settings, ...(presents ? spec.settings : always) },
      ...(agent.params !== undefined && { params: agent.params }),
      streamedArgument: STREAMED,
      timeouts: options.timeout,
      ...(options.compaction !== undefined && { compaction: options.compaction }),
      maxSteps: options.maxSteps,
      maxStepRetries: options.maxStepRetries,
      // What has been streamed as final cannot be unsaid: the voted answer takes over instead.
      retryAfterOutput: !presents,
      context: spec.context,
      ...(spec.trace !== undefined && { trace: spec.trace }),
      runtime: options.runtime,
    };
  }

  #prompt(order: TurnOrder): TurnPrompt {
    const { systemMessage, backend } = this.#options.agents[order.agent]!;
    const { shortPrompts: short } = backend.capabilities;
    return composeTurn(this.#composer, { systemMessage: joined(systemMessage, this.#spec.system), short }, order);
  }

  /** The message with the task as `order` has it, as a turn that began now would be told it. */
  async restate(order: TurnOrder, live: LiveTurn, signal: AbortSignal): Promise<UserMessage | undefined> {
    const last = this.#prompt(order).messages.at(-1);
    if (last?.role !== "user") return undefined;
    const { note } = this.toolkits === undefined ? {} : this.#fromToolkits(order.agent, live.seen, undefined);
    return withNote(last, await note?.(signal));
  }

  /** The presenter alone may call what belongs to the caller. Tools of toolkits are among them where the turn is known. */
  tools(agent: number, phase: TurnOrder["phase"], turn?: ToolTurn): Tool[] {
    const mayCall = (tools: readonly Tool[]) => (phase === "present" ? [...tools] : tools.filter((tool) => tool.execute !== undefined));
    const own = mayCall(this.#options.agents[agent]!.tools);
    const ofRun = mayCall(this.#spec.tools);
    return this.toolkits === undefined || turn === undefined ? [...own, ...ofRun] : this.toolkits.tools(agent, turn, own, ofRun);
  }

  /** Which of the tools are only described until the answer is presented. */
  heldBack(tools: Tool[]): Set<string> | undefined {
    const { planning } = this.#options;
    if (planning === undefined) return undefined;
    const held = tools.filter((tool) => isHeldBack(tool, planning, this.judgement));
    return held.length === 0 ? undefined : new Set(held.map(({ name }) => name));
  }

  #fromToolkits(agent: number, turn: ToolTurn | undefined, system: string | undefined): FromToolkits {
    const { toolkits } = this;
    if (toolkits === undefined || turn === undefined) return {};
    const toolContext = toolkits.context(agent, turn);
    const note = toolkits.note(agent, turn, toolContext);
    const texts = [system ?? "", toolkits.instructions(agent)].filter((text) => text !== "");
    return { ...(texts.length > 0 && { system: texts.join("\n\n") }), toolContext, ...(note !== undefined && { note }) };
  }

  update(order: TurnOrder): TurnUpdate & { order: TurnOrder } {
    return { order, note: composeUpdate(this.#composer, order), ...this.#offer(order.offer) };
  }

  /** The note that brings a turn new answers, with what toolkits add to it. `live` knows them already. */
  news(note: string, live: LiveTurn): string {
    const more = this.toolkits?.newsNote(live.order.agent, live.seen) ?? "";
    return more === "" ? note : `${note}\n\n${more}`;
  }

  verdict({ results, note, update, offer }: Extract<Effect, { type: "continue-turn" }>, live: LiveTurn): Verdict {
    const news = update === undefined ? [] : [this.news(composeUpdate(this.#composer, update), live)];
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

function joined(own: string | undefined, common: string | undefined): string | undefined {
  return own === undefined || common === undefined ? (own ?? common) : `${own}\n\n${common}`;
}
