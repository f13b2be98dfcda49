import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { countTokens as tokenize } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import type { BackendRequest } from "../../src/backends/backend.js";
import { ESTIMATE_MARGIN, TOKENIZER_MARGIN } from "../../src/token-manager/count.js";
import { estimateTokens, requestTokens } from "../../src/token-manager/estimate.js";

const folder = fileURLToPath(new URL("../../../shared/recordings/", import.meta.url));
const present = existsSync(`${folder}manifest.json`);
if (!present) console.log("estimation: skipped, for ../shared/recordings is not beside the project");

interface Fixture {
  id: string;
  format: string;
  request: string | null;
  expected: {
    text: string;
    reasoning: string | null;
    toolCalls: unknown[];
    serverItems: unknown[];
    citations: unknown[];
    error: unknown;
    usage: { input: number | null; output: number; cachedInput: number | null; reasoning: number | null } | null;
  } | null;
}

interface Sample {
  id: string;
  provider: string;
  recorded: number;
  estimate: number;
  tokenizer: number;
}

const all: Fixture[] = present ? JSON.parse(readFileSync(`${folder}manifest.json`, "utf8")).fixtures : [];

/** Whose tool frame the recording has, by the folder it is in. */
const backends: Record<string, string> = { anthropic: "claude", xai: "grok", vllm: "vllm", llamacpp: "vllm" };

interface Tool {
  name?: string;
  type?: string;
  functionDeclarations?: Tool[];
  function?: Tool;
}

/** Requests of texts and functions alone: what a server's own tools put in nobody can count beforehand. */
function inputs(): Sample[] {
  return all.flatMap(({ id, request: file, expected }) => {
    const recorded = expected?.usage?.input;
    if (!file || !recorded || expected?.usage?.cachedInput) return [];
    const { body } = JSON.parse(readFileSync(`${folder}${file}`, "utf8"));
    const tools = ((body.tools ?? []) as Tool[]).flatMap((tool) => tool.functionDeclarations ?? tool.function ?? tool);
    const hosted = tools.some((tool) => typeof tool.name !== "string" || /_\d{8}$/.test(String(tool.type)));
    if (hosted || body.mcp_servers || body.plugins || body.context_management) return [];
    const raw = body.messages ?? body.contents ?? body.input;
    // What a model thought earlier is sent to some, and read by none.
    if (JSON.stringify(raw).includes('"reasoning"')) return [];
    const system = body.system ?? body.instructions ?? body.systemInstruction;
    const request = {
      ...(system && { system: typeof system === "string" ? system : JSON.stringify(system) }),
      messages: typeof raw === "string" ? [{ role: "user", content: raw }] : raw,
      tools: tools as unknown as BackendRequest["tools"],
    } as BackendRequest;
    const provider = id.split("/")[0]!;
    const count = (counter: (text: string) => number) => requestTokens(request, counter, backends[provider]);
    return [{ id, provider, recorded, estimate: count(estimateTokens), tokenizer: count(tokenize) }];
  });
}

/** Replies whose text is all that was counted: no tools, no hidden or summarized reasoning. */
function outputs(): Sample[] {
  return all.flatMap(({ id, format, expected }) => {
    const { usage, text = "", reasoning } = expected ?? {};
    if (!expected || !usage || [expected.serverItems, expected.citations, expected.toolCalls].some((list) => list.length > 0)) return [];
    if (expected.error || (reasoning && (format !== "openai-chat" || id.startsWith("xai/")))) return [];
    const whole = text + (reasoning ?? "");
    if (whole.length < 100) return [];
    const hidden = format === "gemini" || reasoning ? 0 : (usage.reasoning ?? 0);
    const recorded = usage.output - hidden;
    return [{ id, provider: id.split("/")[0]!, recorded, estimate: estimateTokens(whole), tokenizer: tokenize(whole) }];
  });
}

/** By provider, the error of the sums; positive: counted too high. */
function table(samples: Sample[]): string {
  const providers = [...new Set(samples.map((sample) => sample.provider))].sort();
  const rows = providers.map((provider) => {
    const own = samples.filter((sample) => sample.provider === provider);
    const sum = (key: "recorded" | "estimate" | "tokenizer") => own.reduce((total, sample) => total + sample[key], 0);
    const error = (key: "estimate" | "tokenizer") => `${Math.round((sum(key) / sum("recorded") - 1) * 100)} %`;
    return `${provider} | ${own.length} | ${sum("recorded")} | ${error("estimate")} | ${error("tokenizer")}`;
  });
  return `provider | samples | tokens | estimate | gpt-tokenizer\n${rows.join("\n")}`;
}

describe.skipIf(!present)("counting against what providers recorded", () => {
  test("requests above a hundred tokens lie within the margin, smaller ones within as many", () => {
    const samples = inputs();
    console.log(`input: ${table(samples)}`);
    const large = samples.filter(({ recorded }) => recorded > 100);
    expect(large.length).toBeGreaterThanOrEqual(7);
    const outside = large.filter(({ recorded, estimate }) => Math.abs(recorded - estimate) > ESTIMATE_MARGIN * estimate);
    expect(outside).toEqual([]);
    expect(samples.filter(({ recorded, estimate }) => recorded <= 100 && Math.abs(recorded - estimate) > 100)).toEqual([]);
  });

  test("requests to OpenAI lie within the tokenizer's margin, or within a frame of a dozen tokens", () => {
    const samples = inputs().filter(({ provider }) => ["openai-chat", "openai-responses", "azure"].includes(provider));
    expect(samples.length).toBeGreaterThanOrEqual(4);
    expect(
      samples.filter(({ recorded, tokenizer }) => Math.abs(recorded - tokenizer) > Math.max(12, TOKENIZER_MARGIN * tokenizer)),
    ).toEqual([]);
  });

  test("replies, together, lie within the margin", () => {
    const samples = outputs();
    console.log(`output: ${table(samples)}`);
    expect(samples.length).toBeGreaterThanOrEqual(8);
    const sum = (key: "recorded" | "estimate") => samples.reduce((total, sample) => total + sample[key], 0);
    expect(Math.abs(sum("estimate") / sum("recorded") - 1)).toBeLessThanOrEqual(ESTIMATE_MARGIN);
  });
});
