import { describe, expect, it } from "vitest";
import { startTurn } from "../../src/agent/turn.js";
import type { TurnRequest } from "../../src/agent/types.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import type { Runtime } from "../../src/runtime.js";
import { type Emulator, type Fault, type Reply, type ReplyRule, type ReplySource, startEmulator } from "../../src/testing/index.js";
import { recorder, requestOf, settle, watchedSignal } from "../agent/support.js";

/** Every wire there is, and a preset of each kind. */
const wires: [string, (emulator: Emulator) => object][] = [
  ["chat completions", ({ baseUrl }) => ({ type: "chatcompletion", baseUrl })],
  ["vllm", ({ baseUrl }) => ({ type: "vllm", baseUrl })],
  ["openai", ({ baseUrl }) => ({ type: "openai", baseUrl })],
  ["grok", ({ baseUrl }) => ({ type: "grok", baseUrl })],
  ["grok, chat", ({ baseUrl }) => ({ type: "grok", wire: "chat", baseUrl })],
  ["azure_openai", ({ url }) => ({ type: "azure_openai", baseUrl: url })],
  ["azure_openai, chat", ({ url }) => ({ type: "azure_openai", wire: "chat", baseUrl: url })],
  ["azure_openai, dated", ({ url }) => ({ type: "azure_openai", apiVersion: "2024-10-21", baseUrl: url })],
  ["claude", ({ url }) => ({ type: "claude", baseUrl: url })],
  ["gemini", ({ url }) => ({ type: "gemini", baseUrl: url })],
];

const backendAt = (emulator: Emulator, wire: (emulator: Emulator) => object) =>
  createBackend({ model: "m-1", apiKey: "k", ...wire(emulator) } as BackendConfig);

/** Real I/O, and timers that write down what they were set to: they fire at once, or never. */
function clock(fires = true): { runtime: Runtime; waits: number[]; pending: () => number } {
  const waits: number[] = [];
  let pending = 0;
  const runtime: Runtime = {
    now: () => 0,
    setTimer(ms, fn) {
      waits.push(ms);
      pending++;
      const handle = fires
        ? setImmediate(() => {
            pending--;
            fn();
          })
        : undefined;
      return () => {
        pending--;
        clearImmediate(handle);
      };
    },
    random: () => 0.75,
    newId: (prefix) => `${prefix}_1`,
  };
  return { runtime, waits, pending: () => pending };
}

async function turn(wire: (emulator: Emulator) => object, replies: ReplySource[], more: Partial<TurnRequest> = {}) {
  await using emulator = await startEmulator();
  emulator.reply(...replies);
  const backend = backendAt(emulator, wire);
  const { runtime, waits } = clock();
  const hooks = recorder();
  const outcome = await startTurn(requestOf(backend, { runtime, ...more }), hooks).done.catch((error: unknown) => error);
  await backend.close?.();
  const statuses = hooks.events.flatMap((event) => (event.type === "step-finish" ? [event.status] : []));
  return { outcome, waits, statuses, text: hooks.points[0]?.text, requests: emulator.requests };
}

const status = (code: number, more: Partial<Extract<Fault, { type: "status" }>> = {}): ReplySource => ({
  fault: { type: "status", status: code, ...more },
});

describe.each(wires)("%s", (_name, wire) => {
  it.each([408, 409, 429, 500, 502, 503, 504, 529])("starts the step again after %i, once for each failure", async (code) => {
    const { outcome, waits, statuses, text, requests } = await turn(wire, [status(code), status(code), "whole"]);
    expect(outcome).toMatchObject({ status: "ended" });
    expect(statuses).toEqual(["retry", "retry", "ok"]);
    expect(text).toBe("whole");
    // The backend itself never sends a request twice.
    expect(requests).toHaveLength(3);
    // Half a second and twice that, times the jitter.
    expect(waits).toEqual([625, 1250]);
  });

  it.each([400, 401, 403, 404, 413, 422])("does not after %i", async (code) => {
    const { outcome, statuses, requests } = await turn(wire, [status(code, { code: "none", errorType: "none" })]);
    expect(outcome).toMatchObject({ name: "BackendError", retryable: false, status: code });
    expect(statuses).toEqual(["error"]);
    expect(requests).toHaveLength(1);
  });

  it("waits as long as Retry-After says, at most a minute", async () => {
    const { waits, text } = await turn(wire, [status(429, { retryAfter: 7 }), status(503, { retryAfter: "3600" }), "whole"]);
    expect(waits).toEqual([7000, 60_000]);
    expect(text).toBe("whole");
  });

  it.each<[string, Fault]>([
    ["before the reply", { type: "reset", before: "headers" }],
    ["before its body", { type: "reset", before: "body" }],
    ["inside it", { type: "reset", afterChunks: 2 }],
    ["by a clean end", { type: "end", afterChunks: 2 }],
  ])("starts the step again when the connection breaks %s, and what came of it is void", async (_where, fault) => {
    const { outcome, statuses, text, requests } = await turn(wire, [{ text: "half of what there is to say", fault }, "whole"]);
    expect(outcome).toMatchObject({ status: "ended" });
    expect(statuses).toEqual(["retry", "ok"]);
    expect(text).toBe("whole");
    expect(requests).toHaveLength(2);
  });

  it("sleeps no longer when it is aborted", async () => {
    await using emulator = await startEmulator();
    emulator.reply(status(503, { retryAfter: 30 }));
    const backend = backendAt(emulator, wire);
    const { runtime, waits, pending } = clock(false);
    const { controller, listeners } = watchedSignal();
    const hooks = recorder();
    const finished = new Promise<void>((resolve) => {
      const { emit } = hooks;
      hooks.emit = (event) => {
        emit(event);
        if (event.type === "step-finish") resolve();
      };
    });
    const { done } = startTurn(requestOf(backend, { runtime, signal: controller.signal }), hooks);
    await finished;
    await settle();
    expect(waits).toEqual([30_000]);
    controller.abort();
    expect(await done).toMatchObject({ status: "aborted" });
    await settle();
    expect(pending()).toBe(0);
    expect(listeners()).toBe(0);
    expect(emulator.requests).toHaveLength(1);
    await backend.close?.();
  });

  it("never starts a presentation again that has been seen", async () => {
    const broken: Reply = { text: "half of what there is to say ".repeat(5), fault: { type: "reset", afterChunks: 5 } };
    const seen = await turn(wire, [broken, "whole"], { retryAfterOutput: false });
    expect(seen.outcome).toMatchObject({ name: "BackendError", retryable: true });
    expect(seen.statuses).toEqual(["error"]);
    expect(seen.requests).toHaveLength(1);
    const unseen = await turn(wire, [status(503), "whole"], { retryAfterOutput: false });
    expect(unseen.text).toBe("whole");

    let presented = 0;
    const respond: ReplyRule = ({ tools }) => {
      const offered = new Set(tools.map((tool) => tool.name));
      if (offered.has("vote")) return { toolCalls: [{ name: "vote", input: { agent_id: "agent1", reason: "best" } }] };
      if (offered.has("new_answer")) return { toolCalls: [{ name: "new_answer", input: { content: "The answer that was voted for." } }] };
      presented++;
      return broken;
    };
    await using emulator = await startEmulator({ respond });
    const agents = ["one", "two"].map((id) => ({ id, backend: backendAt(emulator, wire) }));
    const result = await new Orchestrator({ agents }).run("task").result;
    expect(result.text).toBe("The answer that was voted for.");
    expect(presented).toBe(1);
  });
});
