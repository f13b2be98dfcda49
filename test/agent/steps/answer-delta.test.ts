import { describe, expect, it } from "vitest";
import { startTurn } from "../../../src/agent/turn.js";
import type { BackendChunk } from "../../../src/backends/backend.js";
import { BackendError } from "../../../src/errors.js";
import { tool } from "../../../src/tools/tool.js";
import { backendOf, call, calls, feed, goOn, type Recorder, recorder, requestOf, settle, stop, text, virtualRuntime } from "../support.js";

const start = (toolCallId: string, toolName = "new_answer"): BackendChunk => ({ type: "tool-input-start", toolCallId, toolName });
const piece = (toolCallId: string, delta: string): BackendChunk => ({ type: "tool-input-delta", toolCallId, delta });
const answers = (hooks: Recorder) =>
  hooks.events.flatMap((event) => (event.type === "answer-delta" ? [[event.toolCallId, event.delta] as const] : []));

describe("the streamed decision argument", () => {
  it("is decoded as it comes, after writing(true)", async () => {
    const hooks = recorder();
    const input = { reason: "r", content: "Hi\nyou 😀" };
    const chunks = [
      start("n"),
      piece("n", '{"reason":"r","cont'),
      piece("n", 'ent":"Hi\\'),
      piece("n", "nyou \\uD83D"),
      piece("n", '\\uDE00"}'),
      call("n", "new_answer", input),
      calls,
    ];
    await startTurn(requestOf(backendOf([chunks])), hooks).done;
    expect(answers(hooks)).toEqual([
      ["n", "Hi"],
      ["n", "\nyou "],
      ["n", "😀"],
    ]);
    expect(hooks.log).toEqual(["step-start", "writing:true", "answer-delta", "answer-delta", "answer-delta", "step-finish", "decide"]);
  });

  it("comes in one piece from a backend without deltas", async () => {
    const hooks = recorder();
    await startTurn(requestOf(backendOf([[call("n", "new_answer", { content: "whole" }), calls]])), hooks).done;
    expect(hooks.log).toEqual(["step-start", "writing:true", "answer-delta", "step-finish", "decide"]);
    expect(answers(hooks)).toEqual([["n", "whole"]]);
  });

  it("is completed from the call where the backend mended the JSON, and left alone where it contradicts", async () => {
    const hooks = recorder();
    const mended = [start("n"), piece("n", '{"content":"a\nb"}'), call("n", "new_answer", { content: "a\nb" }), calls];
    await startTurn(requestOf(backendOf([mended])), hooks).done;
    expect(answers(hooks).map(([, delta]) => delta)).toEqual(["a", "\nb"]);
    const other = recorder();
    const twice = [start("n"), piece("n", '{"content":"one","content":"second"}'), call("n", "new_answer", { content: "second" }), calls];
    await startTurn(requestOf(backendOf([twice])), other).done;
    expect(answers(other).map(([, delta]) => delta)).toEqual(["one"]);
  });

  it("adds nothing for an invalid call, input that is no object, or another tool", async () => {
    const hooks = recorder();
    const chunks: BackendChunk[] = [
      start("v", "vote"),
      piece("v", '{"content":"not this"}'),
      call("v", "vote", { content: "not this" }),
      { type: "tool-call", toolCallId: "n", toolName: "new_answer", input: '{"content":"x', invalid: "cut" },
      call("m", "new_answer", null),
      calls,
    ];
    await startTurn(requestOf(backendOf([chunks])), hooks).done;
    expect(answers(hooks)).toEqual([]);
  });

  it("keeps calls with one id apart", async () => {
    const hooks = recorder();
    const one = [start("n"), piece("n", '{"content":"one"}'), call("n", "new_answer", { content: "one" })];
    const two = [start("n"), piece("n", '{"content":"two"}'), call("n", "new_answer", { content: "two" })];
    const three = call("n", "new_answer", { content: "three" });
    await startTurn(requestOf(backendOf([[...one, ...two, three, calls]])), hooks).done;
    expect(answers(hooks)).toEqual([
      ["n", "one"],
      ["call_1", "two"],
      ["call_2", "three"],
    ]);
    expect(hooks.points[0]?.calls.map(({ toolCallId }) => toolCallId)).toEqual(["n", "call_1", "call_2"]);
    expect(hooks.log.filter((entry) => entry === "writing:true")).toHaveLength(1);
  });
});

describe("writing(false)", () => {
  it("follows a verdict to go on, before the next step", async () => {
    const hooks = recorder([goOn({ n: "no" })]);
    await startTurn(requestOf(backendOf([[call("n", "new_answer", {}), calls], [stop]])), hooks).done;
    expect(hooks.log).toEqual([
      "step-start",
      "writing:true",
      "step-finish",
      "decide",
      "writing:false",
      "step-start",
      "step-finish",
      "decide",
    ]);
  });

  it("follows a step that died or was interrupted while writing", async () => {
    const runtime = virtualRuntime();
    const stream = feed();
    const hooks = recorder();
    const controller = new AbortController();
    const backend = backendOf([
      async function* () {
        yield start("n");
        throw new BackendError("connection", "cut", { retryable: true });
      },
      stream.script,
    ]);
    const turn = startTurn(requestOf(backend, { runtime, signal: controller.signal }), hooks);
    const { done } = turn;
    await runtime.advance(1000);
    stream.push(text("So:"));
    stream.push(start("n"));
    stream.push(piece("n", '{"content":"half an ans'));
    await settle();
    expect(turn.partialText()).toBe("So:\n\nhalf an ans");
    controller.abort();
    expect(hooks.log).toEqual([
      "step-start",
      "writing:true",
      "step-finish",
      "writing:false",
      "step-start",
      "text-delta",
      "writing:true",
      "answer-delta",
      "step-finish",
      "writing:false",
    ]);
    expect(turn.partialText()).toBe("So:\n\nhalf an ans");
    await done;
  });

  it("follows a decision that was begun but never called", async () => {
    const ping = tool({ name: "ping", description: "", input: { type: "object" }, execute: () => "pong" });
    const hooks = recorder();
    const backend = backendOf([
      [start("n"), call("p", "ping"), calls],
      [start("n"), stop],
    ]);
    await startTurn(requestOf(backend, { tools: [ping] }), hooks).done;
    expect(hooks.log.filter((entry) => /writing|worked|decide/.test(entry))).toEqual([
      "writing:true",
      "writing:false",
      "worked",
      "writing:true",
      "writing:false",
      "decide",
    ]);
  });
});
