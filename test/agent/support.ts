import type { StepEvent, TurnHooks, TurnRequest, TurnUpdate, Verdict } from "../../src/agent/types.js";
import type { Backend, BackendCapabilities, BackendChunk, BackendRequest, StreamOptions } from "../../src/backends/backend.js";
import type { ToolDefinition } from "../../src/formatter/messages.js";
import type { Runtime } from "../../src/runtime.js";

/** Code being loaded. */
let loads = 0;

/** Lets everything that is ready to run do so. */
export async function settle(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (loads > 0);
}

export interface VirtualRuntime extends Runtime {
  /** Moves the clock, fires due timers in order, and lets their consequences run. */
  advance(ms: number): Promise<void>;
  /** Timers that wait. */
  pending(): number;
  /** Timers ever set. */
  set(): number;
}

export function virtualRuntime(random = 0.5): VirtualRuntime {
  let now = 1_000_000;
  let set = 0;
  let timers: { at: number; fn: () => void }[] = [];
  return {
    now: () => now,
    loading(code) {
      loads++;
      const loaded = () => {
        loads--;
      };
      code.then(loaded, loaded);
    },
    setTimer(ms, fn) {
      set++;
      const timer = { at: now + ms, fn };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    random: () => random,
    newId: (prefix) => `${prefix}_1`,
    async advance(ms) {
      await settle();
      const end = now + ms;
      for (;;) {
        const next = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers = timers.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.fn();
        await settle();
      }
      now = end;
      await settle();
    },
    pending: () => timers.length,
    set: () => set,
  };
}

export type Script = (request: BackendRequest, options: StreamOptions) => AsyncIterable<BackendChunk> | BackendChunk[];

export interface ScriptedBackend extends Backend {
  requests: BackendRequest[];
  signals: AbortSignal[];
}

/** One script per step. */
export function backendOf(scripts: (Script | BackendChunk[])[], capabilities: BackendCapabilities = {}): ScriptedBackend {
  const requests: BackendRequest[] = [];
  const signals: AbortSignal[] = [];
  return {
    type: "scripted",
    model: "m",
    capabilities,
    requests,
    signals,
    async *stream(request, options) {
      const script = scripts[requests.length];
      requests.push(request);
      if (options.signal) signals.push(options.signal);
      if (script === undefined) throw new Error(`no script for step ${requests.length}`);
      yield* typeof script === "function" ? script(request, options) : script;
    },
  };
}

export const stop: BackendChunk = { type: "finish", reason: "stop" };
export const calls: BackendChunk = { type: "finish", reason: "tool-calls" };
export const text = (delta: string): BackendChunk => ({ type: "text-delta", delta });
export const call = (toolCallId: string, toolName: string, input: unknown = {}): BackendChunk => ({
  type: "tool-call",
  toolCallId,
  toolName,
  input,
});
export const usage = (inputTokens: number, outputTokens: number): BackendChunk => ({ type: "usage", usage: { inputTokens, outputTokens } });

/** A stream that is fed by hand and never ends by itself. */
export function feed(): { script: Script; push(chunk: BackendChunk): void; fail(error: unknown): void; returned: () => boolean } {
  const queue: BackendChunk[] = [];
  let failure: { error: unknown } | undefined;
  let wake = () => {};
  let returned = false;
  const iterator: AsyncIterator<BackendChunk> = {
    async next() {
      for (;;) {
        const value = queue.shift();
        if (value !== undefined) return { done: false, value };
        if (failure !== undefined) throw failure.error;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async return() {
      returned = true;
      throw new Error("closing failed");
    },
  };
  return {
    script: () => ({ [Symbol.asyncIterator]: () => iterator }),
    push(chunk) {
      queue.push(chunk);
      wake();
    },
    fail(error) {
      failure = { error };
      wake();
    },
    returned: () => returned,
  };
}

export const decision = (name: string): ToolDefinition => ({ name, description: name, inputSchema: { type: "object" } });
export const newAnswer = decision("new_answer");
export const vote = decision("vote");

export interface Recorder extends TurnHooks {
  events: StepEvent[];
  /** Hooks other than `emit`, as called: `writing:true`, `worked`, `decide`. */
  log: string[];
  points: Parameters<TurnHooks["decide"]>[0][];
  updates: (TurnUpdate | undefined)[];
}

/** Hooks that write everything down; `verdicts` are given one after the other, then `end`. */
export function recorder(verdicts: Verdict[] = [], more: Partial<TurnHooks> = {}): Recorder {
  const hooks: Recorder = {
    events: [],
    log: [],
    points: [],
    updates: [],
    emit: (event) => {
      hooks.events.push(event);
      hooks.log.push(event.type);
    },
    writing: (on) => hooks.log.push(`writing:${on}`),
    worked: () => hooks.log.push("worked"),
    decide: async (point) => {
      hooks.log.push("decide");
      hooks.points.push(point);
      return verdicts.shift() ?? { type: "end" };
    },
    takeUpdate: () => hooks.updates.shift(),
    external: async () => {
      throw new Error("no external tools expected");
    },
    ...more,
  };
  return hooks;
}

export function goOn(results: Record<string, string> = {}, more: Partial<Extract<Verdict, { type: "continue" }>> = {}): Verdict {
  const list = Object.entries(results).map(([toolCallId, said]) => ({ toolCallId, text: said }));
  return { type: "continue", results: list, decisions: [newAnswer, vote], ...more };
}

export function requestOf(backend: Backend, more: Partial<TurnRequest> = {}): TurnRequest {
  return {
    runId: "r",
    agentId: "a",
    turnId: "t",
    backend,
    system: "be good",
    messages: [{ role: "user", content: "task" }],
    tools: [],
    decisions: [newAnswer, vote],
    streamedArgument: { toolName: "new_answer", field: "content" },
    timeouts: { turn: Infinity, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: Infinity },
    maxSteps: 50,
    maxStepRetries: 2,
    runtime: virtualRuntime(),
    signal: new AbortController().signal,
    ...more,
  };
}

/** Counts listeners on a signal. */
export function watchedSignal(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count--;
    remove(...args);
  };
  return { controller, listeners: () => count };
}
