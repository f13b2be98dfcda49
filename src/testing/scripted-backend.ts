import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, FinishReason, StreamOptions } from "../backends/backend.js";
import { MassGenError } from "../errors.js";
import { textOf } from "../formatter/messages.js";
import { type Runtime, systemRuntime } from "../runtime.js";
import { estimateTokens } from "../token-manager/estimate.js";
import type { Usage } from "../token-manager/usage.js";
import type { ScriptedCallInfo, ScriptedPart, ScriptedRule, ScriptedStep } from "./script.js";
import { splitText } from "./split.js";

export interface ScriptedBackendOptions {
  /** Default `"scripted"`. */
  type?: string;
  /** Default `"scripted-model"`. */
  model?: string;
  /** Default: every tool choice is taken. */
  capabilities?: BackendCapabilities;
  /** Reported by every step; `null` reports none. Default: an estimate from the lengths of request and reply. */
  usage?: Usage | null;
  /** Characters per delta. Default 12. */
  chunkSize?: number;
  /** Pause before each delta, in ms on `runtime`. Default 0: none. */
  chunkDelayMs?: number;
  /** The clock for `wait(ms)` and `chunkDelayMs`. Default: the real one. */
  runtime?: Runtime;
}

/** A `Backend` that says what a test tells it to, and remembers what it was asked. */
export interface ScriptedBackend extends Backend {
  /** Every request so far, in order: copies, which later changes to the original do not reach. */
  readonly requests: readonly BackendRequest[];
  /** Steps that no call has used yet; 0 for a rule. */
  readonly remaining: number;
  /** Streams begun and not yet over. */
  readonly active: number;
  /** Whether `close()` has been called. */
  readonly closed: boolean;
  /** Throws `script_incomplete` when steps are left, `script_exhausted` when there were more calls than steps. */
  assertComplete(): void;
  close(): Promise<void>;
}

/**
 * A backend for tests. `steps` is either a list, of which each `stream()` call uses the next one (an entry may be a
 * rule that looks at the request first), or one rule for every call. A call beyond the last step throws a
 * `MassGenError` with code `script_exhausted`.
 *
 * @example
 * scriptedBackend([newAnswer("42"), [think("Both agree."), vote("agent1")], "The answer is 42."])
 */
export function scriptedBackend(
  steps: readonly (ScriptedStep | ScriptedRule)[] | ScriptedRule,
  options: ScriptedBackendOptions = {},
): ScriptedBackend {
  const { type = "scripted", model = "scripted-model", chunkSize = 12, chunkDelayMs = 0, runtime = systemRuntime } = options;
  const requests: BackendRequest[] = [];
  let active = 0;
  let closed = false;
  let toolCalls = 0;

  function exhausted(call: number, request: BackendRequest): MassGenError {
    const scripted = `${steps.length} step${steps.length === 1 ? " is" : "s are"}`;
    return new MassGenError(
      "script_exhausted",
      `Call ${call + 1} of the scripted backend "${model}" has no step: ${scripted} scripted. Its last message was ${lastMessage(request)}. Add a step, or give a rule.`,
    );
  }

  async function* play(
    request: BackendRequest,
    source: ScriptedStep | ScriptedRule | undefined,
    info: ScriptedCallInfo,
  ): AsyncGenerator<BackendChunk> {
    const { signal } = info;
    if (source === undefined) throw exhausted(info.call, request);
    if (signal?.aborted) return;
    active++;
    try {
      const step = typeof source === "function" ? await source(request, info) : source;
      let usage = options.usage === undefined ? undefined : options.usage;
      let reason: FinishReason = "stop";
      let written = "";

      for (const part of parts(step)) {
        if (signal?.aborted) return;
        if ("wait" in part) {
          if (!(await settledBeforeAbort(part.wait, runtime, signal))) return;
        } else if ("hang" in part) {
          await untilAbort(part.hang.ignoreSignal ? undefined : signal);
          return;
        } else if ("fail" in part) {
          throw part.fail;
        } else if ("cut" in part) {
          return;
        } else if ("usage" in part) {
          usage = part.usage;
        } else if ("finish" in part) {
          reason = part.finish;
        } else {
          if ("toolCall" in part) reason = "tool-calls";
          for (const piece of chunksOf(part, chunkSize, () => `call_${++toolCalls}`)) {
            if (chunkDelayMs > 0 && isDelta(piece) && !(await settledBeforeAbort(chunkDelayMs, runtime, signal))) return;
            if (signal?.aborted) return;
            if ("delta" in piece) written += piece.delta;
            yield piece;
            if (piece.type === "finish") return;
          }
        }
      }
      if (signal?.aborted) return;
      if (usage === undefined) usage = { inputTokens: estimateTokens(JSON.stringify(request)), outputTokens: estimateTokens(written) };
      if (usage !== null) yield { type: "usage", usage: { ...usage } };
      yield { type: "finish", reason };
    } finally {
      active--;
    }
  }

  return {
    type,
    model,
    capabilities: options.capabilities ?? { toolChoice: { required: true, named: true } },
    requests,
    get remaining() {
      return typeof steps === "function" ? 0 : Math.max(0, steps.length - requests.length);
    },
    get active() {
      return active;
    },
    get closed() {
      return closed;
    },
    stream(request: BackendRequest, { signal }: StreamOptions) {
      const call = requests.length;
      const copy = structuredClone(request);
      requests.push(copy);
      return play(copy, typeof steps === "function" ? steps : steps[call], { call, signal });
    },
    assertComplete() {
      if (typeof steps === "function") return;
      const extra = requests[steps.length];
      if (extra !== undefined) throw exhausted(steps.length, extra);
      if (requests.length < steps.length) {
        throw new MassGenError(
          "script_incomplete",
          `${steps.length - requests.length} of ${steps.length} steps of the scripted backend "${model}" were not used: calls so far: ${requests.length}.`,
        );
      }
    },
    async close() {
      closed = true;
    },
  };
}

type PlainPart = Exclude<ScriptedPart, string>;

function parts(step: ScriptedStep): PlainPart[] {
  const list = (Array.isArray(step) ? step : [step]) as readonly ScriptedPart[];
  return list.map((part) => (typeof part === "string" ? { text: part } : part));
}

function* chunksOf(
  part: Extract<PlainPart, { text: string } | { reasoning: string } | { toolCall: unknown } | { chunk: unknown }>,
  chunkSize: number,
  newId: () => string,
): Generator<BackendChunk> {
  if ("chunk" in part) {
    yield part.chunk;
  } else if ("text" in part) {
    for (const delta of splitText(part.text, chunkSize)) yield { type: "text-delta", delta };
  } else if ("reasoning" in part) {
    const kind = part.kind === undefined ? {} : { kind: part.kind };
    for (const delta of splitText(part.reasoning, chunkSize)) yield { type: "reasoning-delta", delta, ...kind };
  } else {
    const { name: toolName, input, id: toolCallId = newId(), invalid } = part.toolCall;
    yield { type: "tool-input-start", toolCallId, toolName };
    const json = invalid !== undefined && typeof input === "string" ? input : JSON.stringify(input);
    for (const delta of splitText(json, chunkSize)) yield { type: "tool-input-delta", toolCallId, delta };
    yield { type: "tool-call", toolCallId, toolName, input: structuredClone(input), ...(invalid !== undefined && { invalid }) };
  }
}

function isDelta(piece: BackendChunk): boolean {
  return "delta" in piece;
}

function lastMessage(request: BackendRequest): string {
  const message = request.messages.at(-1);
  if (message === undefined) return "missing (no messages)";
  let text = textOf(message.content);
  if (message.role === "tool")
    text = message.content.map((result) => (typeof result.output === "string" ? result.output : "[parts]")).join("\n");
  return `from ${message.role}: ${JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)}`;
}

/** False when the signal aborted first. A promise given by the test that rejects fails the step. */
function settledBeforeAbort(what: number | PromiseLike<unknown>, runtime: Runtime, signal: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let cancel = () => {};
    const done = (settle: () => void) => {
      signal?.removeEventListener("abort", onAbort);
      cancel();
      settle();
    };
    const onAbort = () => done(() => resolve(false));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (typeof what === "number") cancel = runtime.setTimer(what, () => done(() => resolve(true)));
    else
      what.then(
        () => done(() => resolve(true)),
        (error) => done(() => reject(error)),
      );
  });
}

function untilAbort(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) resolve();
    else signal?.addEventListener("abort", () => resolve(), { once: true });
  });
}
