import type { Attributes, Context, Span } from "@opentelemetry/api";
import type { TraceContext } from "../../backends/backend.js";
import type { ErrorInfo } from "../../errors.js";
import type { CoordinationEvent, EventOfType, TurnScope } from "../../orchestrator/events.js";
import type { Usage } from "../../token-manager/usage.js";
import { createRedactor, type Redactor } from "../logging/redact.js";
import type { TraceIds } from "../telemetry.js";
import { providerName, scopeAttributes, usageAttributes } from "./attributes.js";
import type { Tracing } from "./tracing.js";

/** A span that has begun. */
interface Open {
  span: Span;
  context: Context;
  /** Epoch ms. */
  since: number;
  /** For the metrics. */
  labels: Attributes;
  /** What a model step has written; with `content` alone. */
  written: string;
  /** When the reply of a model step was whole: its tools run before the step ends. */
  replied?: number;
  /** Of a tool call. */
  stepId?: string;
}

/** The spans of one run: the run, its turns, their model steps and tool calls. */
export class RunTrace {
  readonly #tracing: Tracing;
  readonly #parent: Context;
  readonly #redactor: Redactor | undefined;
  #run: Open | undefined;
  readonly #turns = new Map<string, Open>();
  readonly #steps = new Map<string, Open>();
  /** By step and call: ids of calls are unique in a turn alone. */
  readonly #tools = new Map<string, Open>();
  readonly #agents = new Map<string, { provider: string; model: string }>();

  constructor(tracing: Tracing, parent: Context) {
    this.#tracing = tracing;
    this.#parent = parent;
    this.#redactor = tracing.content ? createRedactor({ secrets: tracing.secrets, maxText: 65_536 }) : undefined;
  }

  onEvent(event: CoordinationEvent): void {
    switch (event.type) {
      case "text-delta":
        return this.#write(event);
      case "reasoning-delta":
      case "answer-delta":
        return;
      case "run-start":
        return this.#startRun(event);
      case "turn-start":
        return this.#startTurn(event);
      case "step-start":
        return this.#startStep(event);
      case "step-finish":
        return this.#finishStep(event);
      case "tool-call":
        return this.#startTool(event);
      case "tool-result":
        return this.#finishTool(event);
      case "turn-finish":
        return this.#finishTurn(event, event.outcome);
      case "turn-error":
        return this.#finishTurn(event, "failed", event.error);
      case "turn-interrupt":
        return this.#finishTurn(event, "interrupted", undefined, event.reason);
      case "run-finish":
        return this.#finishRun(
          event,
          { "massgen.reason": event.reason, "massgen.winner": event.winner, "massgen.label": event.label },
          event.text,
        );
      case "run-error":
        return this.#finishRun(event, {}, undefined, event.error);
      case "run-abort":
        return this.#finishRun(event, { "massgen.reason": "aborted" });
      default:
        return this.#note(event);
    }
  }

  trace(): TraceContext | undefined {
    return this.#run && this.#traceContext(this.#run.span);
  }

  /** Runs `work` inside the span of its step; `trace` is what the provider is sent. */
  inStep<T>(stepId: string, given: TraceContext | undefined, work: (trace: TraceContext | undefined) => T): T {
    const open = this.#steps.get(stepId);
    if (open === undefined) return work(given);
    return this.#tracing.api.context.with(open.context, () => work(this.#traceContext(open.span) ?? given));
  }

  /** Runs a tool inside the span of its call. */
  inTool<T>(turnId: string, toolCallId: string, work: (trace: TraceContext | undefined) => T): T {
    const open = this.#tools.get(toolKey(turnId, toolCallId));
    if (open === undefined) return work(undefined);
    return this.#tracing.api.context.with(open.context, () => work(this.#traceContext(open.span)));
  }

  /** The innermost span that an event belongs to. */
  idsOf(event: CoordinationEvent): TraceIds | undefined {
    const step = "stepId" in event ? this.#steps.get(event.stepId) : undefined;
    const turn = "turnId" in event ? this.#turns.get(event.turnId) : undefined;
    const context = (step ?? turn ?? this.#run)?.span.spanContext();
    if (context === undefined || !this.#tracing.api.isSpanContextValid(context)) return undefined;
    return { trace_id: context.traceId, span_id: context.spanId };
  }

  #traceContext(span: Span): TraceContext | undefined {
    const context = span.spanContext();
    if (!this.#tracing.api.isSpanContextValid(context)) return undefined;
    const flags = context.traceFlags.toString(16).padStart(2, "0");
    const tracestate = context.traceState?.serialize();
    return { traceparent: `00-${context.traceId}-${context.spanId}-${flags}`, ...(tracestate && { tracestate }) };
  }

  #open(name: string, kind: "INTERNAL" | "CLIENT", parent: Context, time: number, labels: Attributes, attributes: Attributes): Open {
    const { api, tracer } = this.#tracing;
    const options = { kind: api.SpanKind[kind], startTime: new Date(time), attributes: { ...labels, ...attributes } };
    const span = tracer.startSpan(name, options, parent);
    return { span, context: api.trace.setSpan(parent, span), since: time, labels, written: "" };
  }

  #close({ span, since, labels }: Open, time: number, attributes: Attributes, error?: ErrorInfo): void {
    const { api, metrics } = this.#tracing;
    span.setAttributes(attributes);
    const failed: Attributes = error === undefined ? {} : { "error.type": error.code };
    if (error !== undefined) {
      span.setAttributes(failed);
      span.setStatus({ code: api.SpanStatusCode.ERROR, message: error.code });
    }
    span.end(new Date(time));
    metrics.duration(time - since, { ...labels, ...failed });
  }

  #startRun(event: EventOfType<"run-start">): void {
    for (const { agentId, backend, model } of event.agents) this.#agents.set(agentId, { provider: providerName(backend), model });
    const labels = { "gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "massgen" };
    const attributes = { "massgen.run.id": event.runId, "massgen.agents": event.agents.map(({ agentId }) => agentId) };
    this.#run = this.#open("invoke_workflow massgen", "INTERNAL", this.#parent, event.time, labels, attributes);
  }

  #labels(operation: string, agentId: string): Attributes {
    const agent = this.#agents.get(agentId);
    return {
      "gen_ai.operation.name": operation,
      ...(agent !== undefined && { "gen_ai.provider.name": agent.provider, "gen_ai.request.model": agent.model }),
    };
  }

  #startTurn(event: EventOfType<"turn-start">): void {
    const { turnId, agentId, time } = event;
    const labels = { ...this.#labels("invoke_agent", agentId), "gen_ai.agent.name": agentId };
    const parent = this.#run?.context ?? this.#parent;
    this.#turns.set(turnId, this.#open(`invoke_agent ${agentId}`, "INTERNAL", parent, time, labels, scopeAttributes(event)));
  }

  #startStep(event: EventOfType<"step-start">): void {
    const { stepId, turnId, agentId, time, purpose } = event;
    const labels = { ...this.#labels("chat", agentId), ...(purpose !== undefined && { "massgen.purpose": purpose }) };
    const parent = this.#turns.get(turnId)?.context ?? this.#run?.context ?? this.#parent;
    const model = this.#agents.get(agentId)?.model ?? "";
    const attributes = { ...scopeAttributes(event), "massgen.step.id": stepId, "gen_ai.request.stream": true };
    this.#steps.set(stepId, this.#open(`chat ${model}`.trim(), "CLIENT", parent, time, labels, attributes));
  }

  #write({ stepId, delta }: { stepId: string; delta: string }): void {
    if (this.#redactor === undefined) return;
    const open = this.#steps.get(stepId);
    if (open !== undefined) open.written += delta;
  }

  #finishStep(event: EventOfType<"step-finish">): void {
    const { stepId, time, usage, finishReason, status, error } = event;
    const open = this.#steps.get(stepId);
    if (open === undefined) return;
    this.#steps.delete(stepId);
    for (const [key, tool] of this.#tools) if (tool.stepId === stepId) this.#abandonTool(key, tool, time);
    const parts = [{ type: "text", content: this.#redactor?.text(open.written) }];
    this.#close(
      open,
      open.replied ?? time,
      {
        ...usageAttributes(usage),
        "massgen.step.status": status,
        ...(finishReason !== undefined && { "gen_ai.response.finish_reasons": [finishReason] }),
        ...(open.written !== "" && {
          "gen_ai.output.messages": JSON.stringify([{ role: "assistant", parts, finish_reason: finishReason ?? status }]),
        }),
      },
      error,
    );
    this.#tracing.metrics.tokens(usage, open.labels);
  }

  #startTool(event: EventOfType<"tool-call">): void {
    const { stepId, turnId, agentId, toolCallId, toolName, builtin, hosted, input, time } = event;
    const labels = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": toolName };
    const parent = (this.#turns.get(turnId) ?? this.#run)?.context ?? this.#parent;
    const attributes = {
      ...scopeAttributes(event),
      "gen_ai.agent.name": agentId,
      "gen_ai.tool.call.id": toolCallId,
      "gen_ai.tool.type": builtin ? "extension" : "function",
      ...this.#content("gen_ai.tool.call.arguments", input),
    };
    const open = this.#open(`execute_tool ${toolName}`, "INTERNAL", parent, time, labels, attributes);
    open.stepId = stepId;
    this.#tools.set(toolKey(turnId, toolCallId), open);
    const step = this.#steps.get(stepId);
    if (step !== undefined && !builtin && !hosted) step.replied ??= time;
  }

  #finishTool(event: EventOfType<"tool-result">): void {
    const { turnId, toolCallId, output, isError, time } = event;
    const key = toolKey(turnId, toolCallId);
    const open = this.#tools.get(key);
    if (open === undefined) return;
    this.#tools.delete(key);
    const error = isError ? { name: "ToolError", code: "tool_error", message: "" } : undefined;
    this.#close(open, time, this.#content("gen_ai.tool.call.result", output), error);
  }

  /** It was stopped with its step. */
  #abandonTool(key: string, tool: Open, time: number): void {
    this.#tools.delete(key);
    this.#close(tool, time, { "massgen.interrupted": true });
  }

  #finishTurn(event: TurnScope & { time: number; usage: Usage }, outcome: string, error?: ErrorInfo, reason?: string): void {
    const { turnId, time, usage } = event;
    const open = this.#turns.get(turnId);
    if (open === undefined) return;
    this.#turns.delete(turnId);
    const attributes = { ...usageAttributes(usage), "massgen.outcome": outcome, ...(reason !== undefined && { "massgen.reason": reason }) };
    this.#close(open, time, attributes, error);
  }

  #finishRun(event: { time: number; usage: Usage }, attributes: Attributes, text?: string, error?: ErrorInfo): void {
    const { time, usage } = event;
    for (const open of [...this.#tools.values(), ...this.#steps.values(), ...this.#turns.values()]) {
      this.#close(open, time, { "massgen.interrupted": true });
    }
    this.#tools.clear();
    this.#steps.clear();
    this.#turns.clear();
    if (this.#run === undefined) return;
    const output =
      text === undefined ? {} : this.#content("gen_ai.output.messages", [{ role: "assistant", parts: [{ type: "text", content: text }] }]);
    this.#close(this.#run, time, { ...usageAttributes(usage), ...attributes, ...output }, error);
  }

  /** Decisions are events of the span they happen in. */
  #note(event: CoordinationEvent): void {
    // Its step is no part of any turn.
    if (event.type === "planning") {
      this.#tracing.metrics.tokens(event.usage, { ...this.#labels("chat", event.agentId), "massgen.purpose": "planning" });
    }
    const attributes = NOTED[event.type]?.(event as never);
    if (attributes === undefined) return;
    const turn = "turnId" in event && event.turnId !== undefined ? this.#turns.get(event.turnId) : undefined;
    (turn ?? this.#run)?.span.addEvent(`massgen.${event.type}`, attributes, new Date(event.time));
  }

  #content(name: string, value: unknown): Attributes {
    return this.#redactor === undefined ? {} : { [name]: JSON.stringify(this.#redactor.value(value)) ?? "" };
  }
}

const toolKey = (turnId: string, toolCallId: string): string => JSON.stringify([turnId, toolCallId]);

/** What is told of events that are no span. */
const NOTED: Readonly<Record<string, (event: never) => Attributes>> = {
  "epoch-start": ({ epoch, labels }: EventOfType<"epoch-start">) => ({ "massgen.epoch": epoch, "massgen.labels": labels }),
  answer: ({ agentId, label }: EventOfType<"answer">) => ({ "gen_ai.agent.id": agentId, "massgen.label": label }),
  vote: ({ agentId, label }: EventOfType<"vote">) => ({ "gen_ai.agent.id": agentId, "massgen.label": label }),
  "vote-void": ({ agentId, label, reason }: EventOfType<"vote-void">) => ({
    "gen_ai.agent.id": agentId,
    "massgen.label": label,
    "massgen.reason": reason,
  }),
  "decision-rejected": ({ code }: EventOfType<"decision-rejected">) => ({ "massgen.code": code }),
  "agent-out": ({ agentId, reason }: EventOfType<"agent-out">) => ({ "gen_ai.agent.id": agentId, "massgen.reason": reason }),
  compaction: ({ method, reason, tokensBefore, tokensAfter, durationMs, usd }: EventOfType<"compaction">) => ({
    "massgen.method": method,
    "massgen.reason": reason,
    ...(tokensBefore !== undefined && { "massgen.tokens_before": tokensBefore }),
    ...(tokensAfter !== undefined && { "massgen.tokens_after": tokensAfter }),
    ...(durationMs !== undefined && { "massgen.duration_ms": durationMs }),
    ...(usd != null && { "massgen.usd": usd }),
  }),
  warning: ({ code, agentId, budget }: EventOfType<"warning">) => ({
    "massgen.code": code,
    ...(agentId !== undefined && { "gen_ai.agent.id": agentId }),
    ...(budget !== undefined && {
      "massgen.budget.cap": budget.cap,
      "massgen.budget.at": budget.at,
      "massgen.budget.spent": budget.spent,
      "massgen.budget.limit": budget.limit,
    }),
  }),
  planning: ({ agentId, irreversible, blocked }: EventOfType<"planning">) => ({
    "gen_ai.agent.id": agentId,
    ...(irreversible !== null && { "massgen.irreversible": irreversible }),
    "massgen.blocked": blocked,
  }),
  consensus: ({ winner, label, reason }: EventOfType<"consensus">) => ({
    "massgen.winner": winner,
    "massgen.label": label,
    "massgen.reason": reason,
  }),
};
