import { afterEach, beforeEach, describe, expect, it, test, vi } from "vitest";
import type { Backend, BackendRequest } from "../../src/backends/backend.js";
import { type BackendConfig, createBackend } from "../../src/backends/create-backend.js";
import { overflowLimit } from "../../src/backends/overflow-limit.js";
import { BackendError } from "../../src/errors.js";
import type { Message } from "../../src/formatter/messages.js";
import { type Emulator, type EmulatorOptions, startEmulator } from "../../src/testing/emulator/emulator.js";
import type { Fault } from "../../src/testing/emulator/reply.js";
import { encrypt } from "../../src/testing/emulator/sealed.js";
import { estimateTokens } from "../../src/token-manager/estimate.js";
import { collect } from "./http.js";

type Json = Record<string, unknown>;

let emulator: Emulator;
async function start(options: EmulatorOptions = {}): Promise<void> {
  await emulator?.close();
  emulator = await startEmulator({ strict: true, respond: () => "on we go", compact: () => SUMMARY, ...options });
}
beforeEach(async () => {
  for (const name of Object.keys(process.env)) if (/^(OPENAI|AZURE|ANTHROPIC)_/.test(name)) vi.stubEnv(name, undefined);
  await start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await emulator.close();
});

const SUMMARY = "They asked for a bridge, and its span was measured: 40 m.";
const TOOL = { name: "measure", description: "Measures.", inputSchema: { type: "object", properties: {} } };

const openai = (more: Json = {}) =>
  createBackend({ type: "openai", model: "gpt-5.2", baseUrl: emulator.baseUrl, apiKey: "key-for-tests", ...more } as BackendConfig);
const azure = (more: Json = {}) =>
  createBackend({ type: "azure_openai", model: "gpt-5.2", baseUrl: emulator.url, apiKey: "key-for-tests", ...more } as BackendConfig);
const claude = (more: Json = {}) =>
  createBackend({ type: "claude", model: "claude-sonnet-5", baseUrl: emulator.url, apiKey: "key-for-tests", ...more } as BackendConfig);
const wires: [string, (more?: Json) => Backend][] = [
  ["OpenAI", openai],
  ["Azure", azure],
  ["Claude", claude],
];

/** A turn in the middle of its tool loop: what is to be condensed, and what stays. */
const call = (id: string, text: string): Message[] => [
  {
    role: "assistant",
    content: [
      { type: "text", text },
      { type: "tool-call", toolCallId: id, toolName: "measure", input: {} },
    ],
  },
  { role: "tool", content: [{ type: "tool-result", toolCallId: id, toolName: "measure", output: "40 m" }] },
];
const task: Message = { role: "user", content: "Design a bridge." };
const older: Message[] = [task, ...call("c1", "Let me measure.")];
const recent = call("c2", "Once more.");
const request = (messages: Message[]): BackendRequest => ({ system: "You build bridges.", messages, tools: [TOOL] });
const went = ({ error, text }: { error?: unknown; text: string }) => expect([error, text]).toEqual([undefined, "on we go"]);
const bodyOf = (at = -1) => emulator.requests.at(at)!.body as Json;

describe("a conversation that is compacted", () => {
  test.each(wires)("%s: goes on with the task restated and the last exchanges, and is compacted again", async (_, make) => {
    const backend = make();
    const first = await backend.compact!(request(older), {});
    const before = emulator.requests.length;
    const messages = [...first.messages, task, ...recent];
    went(await collect(backend, request(messages)));
    expect(JSON.stringify(bodyOf())).toContain("You build bridges.");
    const again = await backend.compact!(request(messages), {});
    went(await collect(backend, request([...again.messages, task, ...recent])));
    // Each is one request.
    expect(emulator.requests).toHaveLength(before + 3);
    expect(emulator.requests.every(({ status }) => status === 200)).toBe(true);
  });

  test.each(wires)("%s: as text or not at all, to another model", async (_, make) => {
    const { messages } = await make().compact!(request(older), {});
    const other = make({ model: make === claude ? "claude-opus-5" : "gpt-5.1" });
    expect((await collect(other, request([...messages, task]))).error).toBeUndefined();
    expect(JSON.stringify(bodyOf())).not.toMatch(/"type":"compaction"/);
    expect(JSON.stringify(bodyOf())).toContain(make === claude ? SUMMARY : "compacted by its provider");
  });

  test.each(wires)("%s: the usage is what it cost, and grows with the conversation", async (_, make) => {
    const backend = make();
    const short = (await backend.compact!(request(older), {})).usage!;
    const long = (await backend.compact!(request([{ role: "user", content: "a word ".repeat(4000) }, ...older]), {})).usage!;
    expect(short.outputTokens).toBe(estimateTokens(SUMMARY));
    expect(long.inputTokens - short.inputTokens).toBeGreaterThan(6900);
  });
});

describe("the request to OpenAI", () => {
  it("carries the instructions and what the endpoint takes, no more", async () => {
    const params = { store: false, prompt_cache_key: "k", service_tier: "flex", reasoning: { effort: "high" }, truncation: "auto" };
    const context = { context_management: [{ type: "compaction", compact_threshold: 200_000 }] };
    const backend = openai({ params: { ...params, ...context }, enableWebSearch: true });
    const settings = { maxOutputTokens: 500, reasoningEffort: "low" as const };
    await backend.compact!({ ...request(older), toolChoice: "required", settings }, {});
    const { input, ...body } = bodyOf();
    expect(body).toEqual({ model: "gpt-5.2", instructions: "You build bridges.", prompt_cache_key: "k", service_tier: "flex" });
    expect((input as Json[]).map(({ type, role }) => type ?? role)).toEqual(["user", "assistant", "function_call", "function_call_output"]);
  });

  it("brings back the user's messages as they were, pictures too, and the item for this model alone", async () => {
    const picture: Message = {
      role: "user",
      content: [
        { type: "text", text: "Like this." },
        { type: "file", mediaType: "image/png", data: "iVBORw0KGgo=" },
      ],
    };
    const backend = openai();
    const { messages } = await backend.compact!(request([...older, picture]), {});
    const item = { type: "compaction", id: expect.any(String), encrypted_content: encrypt("gpt-5.2", SUMMARY) };
    expect(messages).toEqual([
      { role: "user", content: [{ type: "text", text: "Design a bridge." }] },
      { role: "user", content: [picture.content[0], { type: "file", mediaType: "image/png", data: "data:image/png;base64,iVBORw0KGgo=" }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: expect.any(String) },
          { type: "provider", provider: "openai", endpoint: emulator.baseUrl, model: "gpt-5.2", data: { items: [item] } },
        ],
      },
    ]);
    await collect(backend, request([...messages, task]));
    expect(bodyOf()).toMatchObject({ store: false, input: [{ role: "user" }, { role: "user" }, item, { role: "user" }] });
  });

  it("goes to each place that may have it", async () => {
    await openai().compact!(request(older), {});
    await azure().compact!(request(older), {});
    expect(emulator.requests.map(({ path }) => path)).toEqual(["/v1/responses/compact", "/openai/v1/responses/compact"]);
    expect(azure({ apiVersion: "2025-04-01-preview" }).compact).toBeUndefined();
    expect(azure({ wire: "chat" }).compact).toBeUndefined();
    expect(createBackend({ type: "grok", model: "grok-4" }).compact).toBeUndefined();
    expect(createBackend({ type: "vllm", model: "m" }).compact).toBeUndefined();
  });
});

describe("the request to Claude", () => {
  it("is without what the API refuses beside a compaction, and leaves room for the summary", async () => {
    const params = {
      stop_sequences: ["x"],
      output_config: { effort: "low", format: { type: "json_schema", schema: { type: "object" } } },
      context_management: { edits: [{ type: "compact_20260112" }] },
    };
    const settings = { maxOutputTokens: 200, stop: ["END"] };
    await claude({ params }).compact!({ ...request(older), toolChoice: { toolName: "measure" }, settings }, {});
    const body = bodyOf();
    expect(body).toMatchObject({ compaction: { type: "summarize" }, max_tokens: 16_000, output_config: { effort: "low" } });
    expect(body).toMatchObject({ system: [{ text: "You build bridges." }], tools: [{ name: "measure" }] });
    for (const key of ["stop_sequences", "tool_choice", "context_management"]) expect(body).not.toHaveProperty(key);
    expect(body.output_config).not.toHaveProperty("format");
  });

  it("a signed summary comes first, alone, with its beta; a threshold beside it is left out and that is told", async () => {
    const backend = claude({
      params: { context_management: { edits: [{ type: "compact_20260112" }, { type: "clear_tool_uses_20250919" }] } },
    });
    const { messages } = await backend.compact!(request(older), {});
    const reply = await collect(backend, request([...messages, task, ...recent]));
    expect(reply.error).toBeUndefined();
    const { messages: sent, context_management } = bodyOf() as { messages: { role: string; content: Json[] }[]; context_management: Json };
    expect(sent.map(({ role, content }) => [role, content.map(({ type }) => type)])).toEqual([
      ["assistant", ["compaction"]],
      ["user", ["text"]],
      ["assistant", ["text", "tool_use"]],
      ["user", ["tool_result"]],
    ]);
    expect(context_management).toEqual({ edits: [{ type: "clear_tool_uses_20250919" }] });
    expect(emulator.requests.at(-1)!.headers["anthropic-beta"]!.split(",")).toContain("compact-2026-09-04");
    expect(reply.chunks).toContainEqual(expect.objectContaining({ type: "warning", message: expect.stringContaining("compact_20260112") }));
    expect(await backend.countTokens!(request([...messages, task]), {})).toBeGreaterThan(10);
  });

  it("a leftover result of a tool is refused", async () => {
    const { messages } = await claude().compact!(request(older), {});
    const { error } = await collect(claude(), request([...messages, task, recent[1]!]));
    expect(error).toMatchObject({ code: "bad_request", message: expect.stringContaining("tool_use_id") });
  });

  test.each(["claude-sonnet-4-5", "claude-3-haiku-20240307", "glm-4.6"])("%s is not asked at all", async (model) => {
    await expect(claude({ model }).compact!(request(older), {})).rejects.toMatchObject({ code: "unsupported", retryable: false });
    expect(emulator.requests).toEqual([]);
  });

  test.each(["claude-opus-5-5", "claude-haiku-5-5", "claude-sonnet-4-6", "claude-opus-4-7", "claude-next-9"])(
    "%s is asked",
    async (model) => {
      expect((await claude({ model }).compact!(request(older), {})).messages).toHaveLength(1);
    },
  );
});

describe("a compaction that fails", () => {
  const failing = async (make: (more?: Json) => Backend, fault: Fault, finishReason?: string): Promise<BackendError> => {
    emulator.replyToCompaction({ text: SUMMARY, fault, ...(finishReason && { finishReason }) });
    const failed = await make().compact!(request(older), {}).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(BackendError);
    return failed as BackendError;
  };

  describe.each(wires)("%s", (_, make) => {
    test.each([
      [403, "unsupported"],
      [404, "unsupported"],
      [405, "unsupported"],
      [501, "unsupported"],
      [400, "bad_request"],
      [401, "authentication"],
      [429, "rate_limit"],
      [500, "server_error"],
      [529, "overloaded"],
    ] as const)("%i is %s", async (status, code) => {
      expect(await failing(make, { type: "status", status })).toMatchObject({ code, status });
    });

    it("tells a parameter that the server does not know from a conversation that is wrong", async () => {
      const wrong = { type: "status", status: 400 } as const;
      for (const message of [
        "compaction is not supported on this model",
        "Unknown endpoint: compact",
        "compaction: Extra inputs are not permitted",
      ]) {
        expect((await failing(make, { ...wrong, message })).code).toBe("unsupported");
      }
      for (const message of ["The picture is not supported.", "the signature of the compaction block does not verify"]) {
        expect((await failing(make, { ...wrong, message })).code).toBe("bad_request");
      }
    });

    it("does not take a filter or an empty account for a lack", async () => {
      const body = { error: { message: "You have insufficient credit balance.", type: "billing_error" } };
      expect((await failing(make, { type: "status", status: 403, body })).code).toBe("quota");
    });

    it("nonsense, a cut connection, a body that ends", async () => {
      expect((await failing(make, { type: "reset", before: "headers" })).code).toBe("connection");
      expect((await failing(make, { type: "reset", before: "body" })).code).toBe("connection");
      expect((await failing(make, { type: "garbage", bytes: "<oops>" })).code).toBe("stream_error");
      expect((await failing(make, { type: "truncated-json" })).code).toMatch(/^stream_/);
    });

    it("no summary, which still has cost something", async () => {
      const error = await failing(make, { type: "no-summary" });
      expect(error).toMatchObject({ code: "stream_error", retryable: false });
      expect(error.usage!.inputTokens).toBeGreaterThan(10);
    });

    it("one that is longer than what it stands for is told by its usage", async () => {
      emulator.replyToCompaction({ text: SUMMARY, fault: { type: "grown-summary" } });
      const { usage } = await make().compact!(request([{ role: "user", content: "a word ".repeat(1000) }, ...older]), {});
      expect(usage!.outputTokens).toBeGreaterThan(1.8 * usage!.inputTokens);
    });

    it("a server without", async () => {
      await start({ compact: false });
      await expect(make().compact!(request(older), {})).rejects.toMatchObject({ code: "unsupported", retryable: false });
    });

    it("a conversation beyond the window", async () => {
      await start({ contextWindow: 1000 });
      const long = request([{ role: "user", content: "a word ".repeat(2000) }, ...older]);
      const error = await make().compact!(long, {}).catch((thrown: BackendError) => thrown);
      expect(error).toMatchObject({ code: "context_overflow", retryable: false });
      expect(overflowLimit((error as BackendError).message)).toBe(make === claude ? 1000 : undefined);
      expect((await make().compact!(request(older), {})).messages.length).toBeGreaterThan(0);
    });

    it("is ended by its signal, before and while it lasts", async () => {
      await expect(make().compact!(request(older), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
      emulator.replyToCompaction({ fault: { type: "stall", before: "headers" } });
      const abort = new AbortController();
      const compacting = make().compact!(request(older), { signal: abort.signal });
      const asked = await emulator.nextRequest();
      abort.abort();
      await expect(compacting).rejects.toMatchObject({ code: "aborted" });
      expect(await asked.closed).toBe("client-left");
    });
  });

  test.each([
    ["max_tokens", "stream_error"],
    ["model_context_window_exceeded", "context_overflow"],
    ["refusal", "content_filter"],
    ["tool_use", "stream_error"],
  ])("Claude stopped for %s", async (reason, code) => {
    expect((await failing(claude, { type: "no-summary" }, reason)).code).toBe(code);
  });
});

describe("compaction within a step", () => {
  it("OpenAI: is told with what it read, and its item goes back in its place", async () => {
    const backend = openai({ params: { context_management: [{ type: "compaction", compact_threshold: 1000 }] } });
    const long: Message[] = [{ role: "user", content: "a word ".repeat(1000) }, ...older];
    const reply = await collect(backend, request(long));
    const usage = reply.chunks.find((chunk) => chunk.type === "usage")!.usage;
    expect(usage.outputTokens).toBe(estimateTokens("on we go") + estimateTokens(SUMMARY));
    expect(reply.chunks.filter(({ type }) => type === "compaction")).toEqual([
      { type: "compaction", method: "provider", tokensBefore: usage.inputTokens },
    ]);
    expect((await collect(backend, request([...long, reply.message!, task]))).error).toBeUndefined();
    const { input } = bodyOf() as { input: Json[] };
    expect(input.slice(-3)).toMatchObject([{ type: "message", role: "assistant" }, { type: "compaction" }, { role: "user" }]);
  });

  it("Claude: is told with what it read and what was left, and its block goes back in its place", async () => {
    const edit = { type: "compact_20260112", trigger: { type: "input_tokens", value: 50_000 } };
    const backend = claude({ params: { context_management: { edits: [edit] } } });
    const long: Message[] = [{ role: "user", content: "a word ".repeat(29_000) }, ...older];
    const reply = await collect(backend, request(long));
    const compaction = reply.chunks.find((chunk) => chunk.type === "compaction")!;
    const usage = reply.chunks.find((chunk) => chunk.type === "usage")!.usage;
    expect(compaction.tokensBefore).toBeGreaterThan(50_000);
    expect(compaction.tokensAfter).toBeLessThan(500);
    expect(usage.inputTokens).toBe(compaction.tokensBefore! + compaction.tokensAfter!);
    // Whether what came before is still sent or not: the block is the same.
    for (const before of [long, []]) {
      const next = await collect(backend, request([...before, reply.message!, task]));
      expect(next.error).toBeUndefined();
      expect(next.chunks.find((chunk) => chunk.type === "usage")!.usage.inputTokens).toBeLessThan(500);
      expect((bodyOf().messages as { content: Json[] }[]).at(-2)!.content).toMatchObject([{ type: "compaction", content: SUMMARY }, {}]);
    }
    // Without the edit, the block alone asks for its beta.
    expect((await collect(claude(), request([reply.message!, task]))).error).toBeUndefined();
    expect(emulator.requests.at(-1)!.headers["anthropic-beta"]).toBe("compact-2026-01-12");
  });

  it("Claude: pauses where asked to, and goes on from there", async () => {
    const edit = { type: "compact_20260112", trigger: { type: "input_tokens", value: 50_000 }, pause_after_compaction: true };
    const backend = claude({ params: { context_management: { edits: [edit] } } });
    const long: Message[] = [{ role: "user", content: "a word ".repeat(29_000) }];
    const paused = await collect(backend, request(long));
    expect([paused.chunks.at(-1), paused.text]).toMatchObject([{ type: "finish", reason: "pause" }, ""]);
    went(await collect(backend, request([...long, paused.message!])));
  });

  it("Claude: one that came to nothing is a warning, and the step goes on", async () => {
    emulator.replyToCompaction({ fault: { type: "no-summary" } });
    const edit = { type: "compact_20260112", trigger: { type: "input_tokens", value: 50_000 } };
    const backend = claude({ params: { context_management: { edits: [edit] } } });
    const reply = await collect(backend, request([{ role: "user", content: "a word ".repeat(29_000) }]));
    went(reply);
    expect(reply.chunks).toContainEqual(expect.objectContaining({ type: "warning", code: "compaction_failed" }));
    expect(reply.chunks.some(({ type }) => type === "compaction")).toBe(false);
  });
});
