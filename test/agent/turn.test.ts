import { describe, expect, it } from "vitest";
import { startTurn } from "../../src/agent/turn.js";
import type { StepEvent } from "../../src/agent/types.js";
import { BackendError } from "../../src/errors.js";
import { tool } from "../../src/tools/tool.js";
import { backendOf, call, calls, feed, goOn, newAnswer, recorder, requestOf, stop, text, usage, vote } from "./support.js";

const types = (events: StepEvent[]) => events.map((event) => event.type);
const finishes = (events: StepEvent[]) => events.filter((event) => event.type === "step-finish");
const ping = tool({ name: "ping", description: "", input: { type: "object" }, execute: () => "pong" });

describe("a step that ends the turn", () => {
  it("streams the text, ends the step once, and puts the text to decide", async () => {
    const hooks = recorder();
    const backend = backendOf([[text("Hel"), text(""), text("lo"), usage(7, 2), stop]]);
    const { done } = startTurn(requestOf(backend), hooks);
    expect(hooks.events).toEqual([]);
    expect(await done).toEqual({ status: "ended", usage: { inputTokens: 7, outputTokens: 2 } });
    expect(hooks.events).toEqual([
      { type: "step-start", stepId: "t.1" },
      { type: "text-delta", stepId: "t.1", delta: "Hel" },
      { type: "text-delta", stepId: "t.1", delta: "lo" },
      { type: "step-finish", stepId: "t.1", status: "ok", usage: { inputTokens: 7, outputTokens: 2 }, finishReason: "stop" },
    ]);
    expect(hooks.points).toEqual([{ calls: [], text: "Hello", worked: false, finishReason: "stop" }]);
    expect(hooks.log.slice(-2)).toEqual(["step-finish", "decide"]);
  });

  it("sends system, messages, tools before decisions, settings, params and trace", async () => {
    let trace: unknown;
    const backend = backendOf([
      (_request, options) => {
        trace = options.trace;
        return [stop];
      },
    ]);
    const more = { tools: [ping], settings: { temperature: 0 }, params: { top_k: 3 }, trace: { traceparent: "x" } };
    await startTurn(requestOf(backend, more), recorder()).done;
    expect(trace).toEqual({ traceparent: "x" });
    expect(backend.requests[0]).toEqual({
      system: "be good",
      messages: [{ role: "user", content: "task" }],
      tools: [{ name: "ping", description: "", inputSchema: { type: "object" } }, newAnswer, vote],
      settings: { temperature: 0 },
      params: { top_k: 3 },
    });
  });

  it("hands decision calls over as they are, invalid ones too, and never as tool-call events", async () => {
    const hooks = recorder();
    const broken = { type: "tool-call", toolCallId: "b", toolName: "vote", input: "{agent", invalid: "cut off" } as const;
    await startTurn(requestOf(backendOf([[call("a", "vote", { agent_id: "agent1" }), broken, calls]])), hooks).done;
    expect(hooks.points[0]).toEqual({
      calls: [
        { toolCallId: "a", toolName: "vote", input: { agent_id: "agent1" } },
        { toolCallId: "b", toolName: "vote", input: "{agent", invalid: "cut off" },
      ],
      text: "",
      worked: false,
      finishReason: "tool-calls",
    });
    expect(types(hooks.events)).toEqual(["step-start", "step-finish"]);
  });

  it.each(["content-filter", "refusal", "length", "other"] as const)("puts a reply that ended with %s to decide", async (reason) => {
    const hooks = recorder();
    await startTurn(requestOf(backendOf([[text("no"), { type: "finish", reason }]])), hooks).done;
    expect(hooks.points).toEqual([{ calls: [], text: "no", worked: false, finishReason: reason }]);
  });

  it("puts calls of known decisions to decide though they are not offered, and streams none of them", async () => {
    const hooks = recorder();
    const backend = backendOf([[call("a", "new_answer", { content: "x" }), calls]]);
    await startTurn(requestOf(backend, { decisions: [vote], knownDecisions: ["new_answer"] }), hooks).done;
    expect(hooks.points[0]?.calls).toHaveLength(1);
    expect(hooks.log).toEqual(["step-start", "step-finish", "decide"]);
  });

  it("rejects with what decide threw", async () => {
    const boom = new Error("boom");
    const hooks = recorder([], { decide: () => Promise.reject(boom) });
    await expect(startTurn(requestOf(backendOf([[stop]])), hooks).done).rejects.toBe(boom);
    expect(finishes(hooks.events)).toHaveLength(1);
  });

  it("rejects with what emit threw, though the backend never ends", async () => {
    const boom = new Error("boom");
    const hooks = recorder([], {
      emit: (event) => {
        if (event.type === "text-delta") throw boom;
      },
    });
    const stream = feed();
    stream.push(text("x"));
    await expect(startTurn(requestOf(backendOf([stream.script])), hooks).done).rejects.toBe(boom);
  });
});

describe("going on after a decision", () => {
  it("answers every call of the step exactly once, then gives the note, then asks for news", async () => {
    const hooks = recorder([goOn({ v: "stale" }, { note: "look again", decisions: [vote], toolChoice: "required" })]);
    hooks.updates = [{ note: "news", decisions: [newAnswer], toolChoice: "auto" }];
    let ran = 0;
    const spy = tool({ name: "spy", description: "", input: { type: "object" }, execute: () => ran++ });
    const backend = backendOf([[text("hm"), call("s", "spy"), call("v", "vote"), calls], [stop]]);
    await startTurn(requestOf(backend, { tools: [spy] }), hooks).done;
    expect(ran).toBe(0);
    expect(hooks.points.map((point) => point.worked)).toEqual([false, false]);
    expect(hooks.log).not.toContain("worked");
    const [, assistant, results, note, news] = backend.requests[1]?.messages ?? [];
    expect(assistant).toEqual({
      role: "assistant",
      content: [
        { type: "text", text: "hm" },
        { type: "tool-call", toolCallId: "s", toolName: "spy", input: {} },
        { type: "tool-call", toolCallId: "v", toolName: "vote", input: {} },
      ],
    });
    expect(results).toEqual({
      role: "tool",
      content: [
        { type: "tool-result", toolCallId: "s", toolName: "spy", output: expect.stringMatching(/^Not run/), isError: true },
        { type: "tool-result", toolCallId: "v", toolName: "vote", output: "stale", isError: true },
      ],
    });
    expect([note, news]).toEqual([
      { role: "user", content: "look again" },
      { role: "user", content: "news" },
    ]);
    expect(backend.requests[1]?.tools?.map(({ name }) => name)).toEqual(["spy", "new_answer"]);
    expect(backend.requests[1]?.toolChoice).toBe("auto");
    const shown = hooks.events.filter((event) => event.type === "tool-call" || event.type === "tool-result");
    expect(shown).toMatchObject([
      { type: "tool-call", toolCallId: "s", stepId: "t.1" },
      { type: "tool-result", toolCallId: "s", isError: true, stepId: "t.1" },
    ]);
  });

  it("still answers a decision the verdict forgot", async () => {
    const backend = backendOf([[call("v", "vote"), calls], [stop]]);
    await startTurn(requestOf(backend), recorder([goOn()])).done;
    expect(backend.requests[1]?.messages.at(-1)).toMatchObject({ role: "tool", content: [{ toolCallId: "v", output: "Not accepted." }] });
  });

  it("gives the note as a user message when nothing was called, and sends no empty reply back", async () => {
    const backend = backendOf([[text("I think"), stop], [stop], [stop]]);
    await startTurn(requestOf(backend), recorder([goOn({}, { note: "decide" }), goOn({}, { note: "really" })])).done;
    expect(backend.requests[2]?.messages.slice(1)).toEqual([
      { role: "assistant", content: [{ type: "text", text: "I think" }] },
      { role: "user", content: "decide" },
      { role: "user", content: "really" },
    ]);
    expect(backend.requests[0]?.messages).toHaveLength(1);
  });

  it("goes on recognising a decision that was offered earlier in the turn", async () => {
    const hooks = recorder([goOn({ v: "no" }, { decisions: [vote] })]);
    const backend = backendOf([
      [call("v", "vote"), calls],
      [call("n", "new_answer"), calls],
    ]);
    await startTurn(requestOf(backend), hooks).done;
    expect(backend.requests[1]?.tools).toEqual([vote]);
    expect(hooks.points[1]?.calls[0]?.toolName).toBe("new_answer");
  });
});

describe("tool choice", () => {
  const choose = async (capabilities: object, more: object) => {
    const backend = backendOf([[stop]], capabilities);
    await startTurn(requestOf(backend, more), recorder()).done;
    return backend.requests[0];
  };
  const named = { toolName: "vote" };

  it.each([
    [named, { named: true, required: true }, named],
    [named, { named: true }, named],
    [named, { required: true }, "required"],
    [named, {}, undefined],
    ["required", { required: true }, "required"],
    ["required", { named: true }, undefined],
    ["auto", {}, "auto"],
    ["none", {}, "none"],
  ])("%j with %j is sent as %j", async (toolChoice, can, expected) => {
    expect((await choose({ toolChoice: can }, { toolChoice }))?.toolChoice).toEqual(expected);
    if (typeof toolChoice === "object") expect((await choose({}, { toolChoice }))?.toolChoice).toBeUndefined();
  });

  it("sends neither tools nor choice to a backend without tools, nor a choice without tools", async () => {
    const without = await choose({ tools: false, toolChoice: { required: true } }, { tools: [ping], toolChoice: "required" });
    expect(without).not.toHaveProperty("tools");
    expect(without).not.toHaveProperty("toolChoice");
    expect(await choose({ toolChoice: { required: true } }, { decisions: [], toolChoice: "required" })).not.toHaveProperty("toolChoice");
  });

  it.each([
    ["required", [], undefined],
    [{ toolName: "ping" }, [vote], undefined],
    ["required", [vote], "required"],
    [named, [vote], named],
  ])("%j with decisions %j is %j once tools have run", async (toolChoice, decisions, expected) => {
    const backend = backendOf([[call("p", "ping"), calls], [stop]], { toolChoice: { named: true, required: true } });
    await startTurn(requestOf(backend, { tools: [ping], decisions, toolChoice: toolChoice as "required" }), recorder()).done;
    expect(backend.requests.map((request) => request.toolChoice)).toEqual([toolChoice, expected]);
  });
});

describe("a paused reply", () => {
  it("goes straight back, counts as a step, and is not put to decide or followed by news", async () => {
    const hooks = recorder();
    hooks.updates = [{ note: "news", decisions: [vote] }];
    const backend = backendOf([
      [text("one"), { type: "finish", reason: "pause" }],
      [text("two"), { type: "finish", reason: "pause" }],
      [text("three"), stop],
    ]);
    await startTurn(requestOf(backend), hooks).done;
    expect(backend.requests[2]?.messages.slice(1)).toEqual([
      { role: "assistant", content: [{ type: "text", text: "one" }] },
      { role: "assistant", content: [{ type: "text", text: "two" }] },
    ]);
    expect(finishes(hooks.events).map((event) => "status" in event && event.status)).toEqual(["ok", "ok", "ok"]);
    expect(hooks.points.map((point) => point.text)).toEqual(["three"]);
    expect(hooks.updates).toHaveLength(1);
  });
});

describe("the limit on steps", () => {
  it("rejects before the step too many, naming the limit", async () => {
    const backend = backendOf(Array.from({ length: 9 }, () => [call("p", "ping"), calls]));
    const hooks = recorder();
    const turn = startTurn(requestOf(backend, { tools: [ping], maxSteps: 2 }), hooks);
    const { done } = turn;
    await expect(done).rejects.toMatchObject({ code: "too_many_steps", message: expect.stringContaining("2 model steps") });
    expect(backend.requests).toHaveLength(2);
    expect(finishes(hooks.events)).toHaveLength(2);
    expect(turn.usage().outputTokens).toBeGreaterThan(0);
  });

  it("allows a decision in the last step", async () => {
    const backend = backendOf([[call("p", "ping"), calls], [stop]]);
    expect((await startTurn(requestOf(backend, { tools: [ping], maxSteps: 2 }), recorder()).done).status).toBe("ended");
  });
});

describe("other parts of a reply", () => {
  it("passes them on, keeps files and reasoning in the message, counts built-in tools as work", async () => {
    const hooks = recorder([goOn({}, { note: "go on" })]);
    const backend = backendOf([
      [
        { type: "response-metadata", id: "resp" },
        { type: "reasoning-delta", delta: "th" },
        { type: "reasoning-delta", delta: "ink" },
        { type: "reasoning-delta", delta: "sum", kind: "summary" },
        { type: "builtin-tool", id: "w1", toolName: "web_search", state: "started", input: { q: "x" } },
        { type: "builtin-tool", id: "w1", toolName: "web_search", state: "finished", output: "hits" },
        { type: "builtin-tool", id: "w2", toolName: "web_search", state: "failed" },
        { type: "source", url: "http://x" },
        { type: "file", mediaType: "image/png", data: "AAAA" },
        { type: "compaction", method: "auto", tokensBefore: 9 },
        { type: "warning", code: "w", message: "careful" },
        stop,
      ],
      [stop],
    ]);
    await startTurn(requestOf(backend), hooks).done;
    const stepId = "t.1";
    expect(hooks.events.slice(1, 11)).toEqual([
      { type: "reasoning-delta", stepId, delta: "th" },
      { type: "reasoning-delta", stepId, delta: "ink" },
      { type: "reasoning-delta", stepId, delta: "sum", kind: "summary" },
      { type: "tool-call", stepId, toolCallId: "w1", toolName: "web_search", input: { q: "x" }, builtin: true },
      { type: "tool-result", stepId, toolCallId: "w1", toolName: "web_search", output: "hits", isError: false, builtin: true },
      { type: "tool-call", stepId, toolCallId: "w2", toolName: "web_search", input: null, builtin: true },
      { type: "tool-result", stepId, toolCallId: "w2", toolName: "web_search", output: null, isError: true, builtin: true },
      { type: "source", stepId, url: "http://x" },
      { type: "file", stepId, mediaType: "image/png", data: "AAAA" },
      { type: "compaction", stepId, method: "auto", reason: "provider", tokensBefore: 9 },
    ]);
    expect(hooks.events[11]).toEqual({ type: "warning", stepId, code: "w", message: "careful" });
    expect(hooks.points[0]?.worked).toBe(true);
    expect(hooks.log).toContain("worked");
    expect(backend.requests[1]?.messages[1]).toEqual({
      role: "assistant",
      content: [
        { type: "reasoning", text: "think" },
        { type: "reasoning", text: "sum", kind: "summary" },
        { type: "file", mediaType: "image/png", data: "AAAA" },
      ],
    });
  });

  it("sends the backend's own message back untouched", async () => {
    const message = {
      role: "assistant" as const,
      content: [{ type: "provider" as const, provider: "p", endpoint: "e", model: "m", data: 1 }],
    };
    const backend = backendOf([[text("hi"), { type: "message", message }, stop], [stop]]);
    await startTurn(requestOf(backend), recorder([goOn({}, { note: "n" })])).done;
    expect(backend.requests[1]?.messages[1]).toBe(message);
  });
});

describe("tool call ids", () => {
  const idsOf = (message: unknown) =>
    (message as { content: { type: string; toolCallId?: string }[] }).content.flatMap((part) => part.toolCallId ?? []);

  it("are made unique in the reply, in results and in events, over steps and against the history", async () => {
    const hooks = recorder();
    const backend = backendOf([
      [call("", "ping", 1), call("x", "ping", 2), call("x", "ping", 3), calls],
      [call("x", "ping", 4), call("old", "ping", 5), call("new", "ping", 6), calls],
      [stop],
    ]);
    const old = { role: "assistant" as const, content: [{ type: "tool-call" as const, toolCallId: "old", toolName: "ping", input: {} }] };
    await startTurn(requestOf(backend, { tools: [ping], messages: [old] }), hooks).done;
    const [, first, firstResults, second, secondResults] = backend.requests[2]?.messages ?? [];
    expect(idsOf(first)).toEqual(["call_1", "x", "call_2"]);
    expect(idsOf(firstResults)).toEqual(["call_1", "x", "call_2"]);
    expect(idsOf(second)).toEqual(["call_3", "call_4", "new"]);
    expect(idsOf(secondResults)).toEqual(["call_3", "call_4", "new"]);
    const shown = hooks.events.flatMap((event) => (event.type === "tool-call" ? [[event.toolCallId, event.input]] : []));
    expect(shown).toEqual([
      ["call_1", 1],
      ["x", 2],
      ["call_2", 3],
      ["call_3", 4],
      ["call_4", 5],
      ["new", 6],
    ]);
  });

  it("are renamed in the backend's own message too, in order, and only there", async () => {
    const part = (toolCallId: string) => ({ type: "tool-call" as const, toolCallId, toolName: "ping", input: {} });
    const message = { role: "assistant" as const, content: [{ type: "text" as const, text: "t" }, part("x"), part("x")] };
    const backend = backendOf([[call("x", "ping"), call("x", "ping"), { type: "message", message }, calls], [stop]]);
    await startTurn(requestOf(backend, { tools: [ping] }), recorder()).done;
    expect(idsOf(backend.requests[1]?.messages[1])).toEqual(["x", "call_1"]);
    expect(idsOf(message)).toEqual(["x", "x"]);
  });

  it("are free again when the step that used them was void", async () => {
    const cut = new BackendError("connection", "cut", { retryable: true, retryAfterMs: 0 });
    const backend = backendOf([
      async function* () {
        yield call("x", "ping");
        throw cut;
      },
      [call("x", "ping"), calls],
      [stop],
    ]);
    const request = requestOf(backend, { tools: [ping] });
    const { done } = startTurn(request, recorder());
    await (request.runtime as ReturnType<typeof import("./support.js").virtualRuntime>).advance(1);
    await done;
    expect(idsOf(backend.requests[2]?.messages[1])).toEqual(["x"]);
  });
});
