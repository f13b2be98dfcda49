import { describe, expect, it } from "vitest";
import { startTurn } from "../../../src/agent/turn.js";
import type { TurnRequest } from "../../../src/agent/types.js";
import { MassGenError } from "../../../src/errors.js";
import type { ToolMessage } from "../../../src/formatter/messages.js";
import { type ToolContext, tool } from "../../../src/tools/tool.js";
import { gate } from "../../orchestrator/helpers.js";
import { backendOf, call, calls, recorder, requestOf, type ScriptedBackend, settle, stop, virtualRuntime } from "../support.js";

const input = { type: "object" };
const results = (backend: ScriptedBackend) => (backend.requests[1]?.messages.at(-1) as ToolMessage | undefined)?.content;

function start(execute: (input: unknown, context: ToolContext) => unknown, more: Partial<TurnRequest> = {}) {
  const backend = backendOf([[call("1", "work"), calls], [stop]]);
  const hooks = recorder();
  const made = tool({ name: "work", description: "", input, execute });
  const { done } = startTurn(requestOf(backend, { tools: [made], ...more }), hooks);
  const of = (type: string) => hooks.events.filter((event) => event.type === type);
  return { backend, hooks, done, of, outputs: () => of("tool-progress").map((event) => (event as { output: unknown }).output) };
}

describe("a tool that yields", () => {
  it("gives its last value as the result, and every one before it as progress", async () => {
    const { done, backend, of, outputs } = start(async function* () {
      yield "10 %";
      await settle();
      yield { percent: 50 };
      yield "all of it";
    });
    await done;
    expect(outputs()).toEqual(["10 %", { percent: 50 }]);
    expect(of("tool-progress")[0]).toEqual({
      type: "tool-progress",
      stepId: "t.1",
      toolCallId: "1",
      toolName: "work",
      output: "10 %",
    });
    expect(results(backend)).toMatchObject([{ output: "all of it" }]);
    expect(of("tool-result")).toMatchObject([{ output: "all of it", isError: false }]);
  });

  it("is heard at once, not when the next value comes", async () => {
    const { open, opened } = gate();
    const { done, outputs } = start(async function* () {
      yield "working";
      await opened;
      yield "done";
    });
    await settle();
    expect(outputs()).toEqual(["working"]);
    open();
    await done;
    expect(outputs()).toEqual(["working"]);
  });

  it("may return its result instead", async () => {
    const { done, backend, outputs } = start(async function* () {
      yield "half";
      return { ok: true };
    });
    await done;
    expect(outputs()).toEqual(["half"]);
    expect(results(backend)).toMatchObject([{ output: '{"ok":true}' }]);
  });

  it("may be any async iterable, also one that comes with a promise or has nothing", async () => {
    const pieces = new ReadableStream({
      start(controller) {
        controller.enqueue("a");
        controller.enqueue("b");
        controller.close();
      },
    });
    const streamed = start(async () => pieces);
    await streamed.done;
    expect(results(streamed.backend)).toMatchObject([{ output: "b" }]);
    const nothing = start(async function* () {});
    await nothing.done;
    expect(results(nothing.backend)).toMatchObject([{ output: "done" }]);
  });

  it("that throws after a while has failed, and what it had told stays told", async () => {
    const { done, backend, of, outputs } = start(async function* () {
      yield "half";
      await settle();
      throw new MassGenError("no_space", "The disk is full.");
    });
    await done;
    expect(outputs()).toEqual(["half"]);
    expect(results(backend)).toMatchObject([{ output: "The disk is full.", isError: true }]);
    expect(of("tool-result")).toMatchObject([{ isError: true, error: { code: "no_space", message: "The disk is full." } }]);
  });

  it("is closed at its time limit and by an abort; nothing more is heard of it", async () => {
    for (const end of ["limit", "abort"]) {
      const runtime = virtualRuntime();
      const controller = new AbortController();
      const { open, opened } = gate();
      let closed = false;
      const values: AsyncIterator<string> = {
        next: () => opened.then(() => ({ done: false, value: "late" })),
        return: async () => {
          closed = true;
          throw new Error("closing failed");
        },
      };
      const timeouts = { turn: Infinity, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: 100 };
      const { done, hooks, outputs } = start(() => ({ [Symbol.asyncIterator]: () => values }), {
        runtime,
        timeouts,
        signal: controller.signal,
      });
      await settle();
      if (end === "limit") await runtime.advance(100);
      else controller.abort();
      await done;
      expect(closed).toBe(true);
      const count = hooks.events.length;
      open();
      await settle();
      expect(outputs()).toEqual([]);
      expect(hooks.events).toHaveLength(count);
      expect(runtime.pending()).toBe(0);
    }
  });
});

describe("what a tool logs", () => {
  it("is an event each, with its level and JSON-safe data, and models never read it", async () => {
    const { done, backend, of } = start((_, { logger }) => {
      logger.debug("looking");
      logger.info("found", { n: 3, when: new Date(0) });
      logger.warn("odd", 10n);
      logger.error("broken", new TypeError("no"));
      return "ok";
    });
    await done;
    const about = { stepId: "t.1", toolCallId: "1", toolName: "work", type: "tool-log" };
    expect(of("tool-log")).toEqual([
      { ...about, level: "debug", message: "looking" },
      { ...about, level: "info", message: "found", data: { n: 3, when: "1970-01-01T00:00:00.000Z" } },
      { ...about, level: "warn", message: "odd", data: expect.stringContaining("BigInt") },
      { ...about, level: "error", message: "broken", data: { name: "TypeError", code: "unknown", message: "no" } },
    ]);
    expect(JSON.stringify(backend.requests[1]?.messages)).not.toMatch(/looking|found|odd|broken/);
  });

  it("goes nowhere once the call has its result", async () => {
    let late = () => {};
    const { done, of, hooks } = start((_, { logger }) => {
      late = () => logger.info("too late");
      return "ok";
    });
    await done;
    const count = hooks.events.length;
    late();
    expect(of("tool-log")).toEqual([]);
    expect(hooks.events).toHaveLength(count);
  });
});

describe("a tool", () => {
  it("has the time it asks for instead of the turn's default", async () => {
    const runtime = virtualRuntime();
    const timeouts = { turn: Infinity, step: Infinity, firstChunk: Infinity, chunk: Infinity, tool: 100 };
    const backend = backendOf([[call("1", "slow"), call("2", "fast"), calls], [stop]]);
    const { open, opened } = gate();
    const slow = tool({ name: "slow", description: "", input, timeoutMs: 5000, execute: () => opened.then(() => "in time") });
    const fast = tool({ name: "fast", description: "", input, timeoutMs: 10, execute: () => new Promise(() => {}) });
    const { done } = startTurn(requestOf(backend, { tools: [slow, fast], runtime, timeouts }), recorder());
    await runtime.advance(4999);
    open();
    await done;
    expect(results(backend)).toMatchObject([
      { output: "in time" },
      { output: expect.stringContaining("longer than 10 ms"), isError: true },
    ]);
  });

  it("knows the workspace and can keep a file, where the agent has one", async () => {
    const kept: unknown[] = [];
    const { done } = start(
      async (_, context) => {
        kept.push(context.workspace, await context.saveFile?.("long.txt", "long"));
      },
      { toolContext: { workspace: "/w", saveFile: async (name) => `tool-results/${name}` } },
    );
    await done;
    expect(kept).toEqual(["/w", "tool-results/long.txt"]);
  });
});

describe("a turn's note", () => {
  it("is asked for before the first step and stands at the end of the user's message", async () => {
    const parts = [{ type: "file" as const, mediaType: "image/png", data: "aaaa" }];
    for (const content of ["task", parts]) {
      const backend = backendOf([[stop]]);
      const note = async () => "Files: agent1.1/";
      await startTurn(requestOf(backend, { note, messages: [{ role: "user", content }] }), recorder()).done;
      const sent = backend.requests[0]?.messages.at(-1)?.content;
      if (typeof content === "string") expect(sent).toBe("task\n\nFiles: agent1.1/");
      else expect(sent).toEqual([...parts, { type: "text", text: "\n\nFiles: agent1.1/" }]);
    }
  });

  it("leaves the messages of the request as they are", async () => {
    const messages = [{ role: "user" as const, content: "task" }];
    await startTurn(requestOf(backendOf([[stop]]), { note: async () => "Files: agent1.1/", messages }), recorder()).done;
    expect(messages).toEqual([{ role: "user", content: "task" }]);
  });

  it("is not asked for where the turn is aborted before it begins", async () => {
    let asked = false;
    const note = async () => {
      asked = true;
      return "";
    };
    const turn = startTurn(requestOf(backendOf([[stop]]), { note }), recorder());
    turn.abort("no");
    await settle();
    expect([asked, (await turn.done).status]).toEqual([false, "aborted"]);
  });

  it("that fails fails the turn; one that hangs is stopped with it", async () => {
    const failing = startTurn(requestOf(backendOf([[stop]]), { note: async () => Promise.reject(new Error("no disk")) }), recorder());
    await expect(failing.done).rejects.toThrow("no disk");
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const note = (given: AbortSignal) => {
      signal = given;
      return new Promise<never>(() => {});
    };
    const backend = backendOf([[stop]]);
    const hanging = startTurn(requestOf(backend, { note, signal: controller.signal }), recorder());
    await settle();
    controller.abort();
    expect((await hanging.done).status).toBe("aborted");
    expect(signal?.aborted).toBe(true);
    expect(backend.requests).toHaveLength(0);
  });
});
