import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BackendConfig } from "../../src/backends/create-backend.js";
import type { EventOfType, Message } from "../../src/index.js";
import { Orchestrator, type OrchestratorOptions, tool } from "../../src/index.js";
import type { EmulatedPrompt, Emulator, EmulatorOptions, Reply } from "../../src/testing/index.js";
import { startEmulator } from "../../src/testing/index.js";

const WINDOW = 24_000;
/** Tokens of one tool result; a hundred of them are more than ten windows. */
const RESULT = 2_500;
const STEPS = 100;

let emulator: Emulator;
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(OPENAI|AZURE|ANTHROPIC|GOOGLE|GEMINI|VLLM)_/.test(name)) vi.stubEnv(name, undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await emulator?.close();
});

type Wire = (emulator: Emulator) => BackendConfig;
const key = { apiKey: "key-for-tests" };
const known = { contextWindow: WINDOW };
const wires: [string, Wire, string[]][] = [
  ["chat completions", ({ baseUrl }) => ({ type: "chatcompletion", model: "m", baseUrl, ...key, ...known }), ["clear", "summary"]],
  ["vLLM, whose window nobody has told", ({ baseUrl }) => ({ type: "vllm", model: "m", baseUrl, ...key }), ["clear", "summary"]],
  ["OpenAI Responses", ({ baseUrl }) => ({ type: "openai", model: "gpt-5.2", baseUrl, ...key, ...known }), ["native"]],
  ["Azure OpenAI", ({ url }) => ({ type: "azure_openai", model: "gpt-5.2", baseUrl: url, ...key, ...known }), ["native"]],
  ["Claude", ({ url }) => ({ type: "claude", model: "claude-sonnet-5", baseUrl: url, ...key, ...known }), ["native"]],
  ["Gemini", ({ url }) => ({ type: "gemini", model: "gemini-2.5-flash", baseUrl: url, ...key, ...known }), ["clear", "summary"]],
];

const SUMMARY = "## Goal and constraints\nSurvey the archive.\n## Work done\nShelves were read in order.";
const isSummary = ({ messages }: EmulatedPrompt) =>
  messages.some(({ role, text }) => role === "system" && text.includes("You condense a conversation"));

/** An agent that reads shelf after shelf, and says so; then it answers. */
function reader(): { respond: (prompt: EmulatedPrompt) => Reply | string; prompts: EmulatedPrompt[] } {
  const prompts: EmulatedPrompt[] = [];
  return {
    prompts,
    respond(prompt) {
      if (isSummary(prompt)) return SUMMARY;
      const step = prompts.push(prompt) - 1;
      if (step >= STEPS) return "The survey is complete.";
      return { text: `Now shelf ${step}.`, toolCalls: [{ name: "read_shelf", input: { shelf: step } }] };
    },
  };
}

const readShelf = tool({
  name: "read_shelf",
  description: "Reads what is on a shelf.",
  input: { type: "object", properties: { shelf: { type: "integer" } }, required: ["shelf"] },
  execute: (input) => `Shelf ${(input as { shelf: number }).shelf}: ${"dust and paper. ".repeat(RESULT / 4)}`,
});

async function survey(
  wire: Wire,
  emulated: EmulatorOptions = {},
  options: Partial<OrchestratorOptions> = {},
  input: string | Message[] = "Survey the archive.",
) {
  const agent = reader();
  emulator = await startEmulator({ contextWindow: WINDOW, respond: agent.respond, compact: () => SUMMARY, ...emulated });
  const orchestrator = new Orchestrator({
    agents: [{ id: "reader", systemMessage: "You are an archivist.", backend: wire(emulator), tools: [readShelf] }],
    maxSteps: 2 * STEPS,
    ...options,
  });
  const run = orchestrator.run(input);
  const compactions: EventOfType<"compaction">[] = [];
  run.on("compaction", (event) => compactions.push(event));
  const result = await run.result;
  const refused = emulator.requests.filter(({ status, path }) => status === 400 && !path.endsWith("/compact"));
  return { result, compactions, prompts: agent.prompts, refused };
}

/** What no compaction may lose. */
function expectKept(prompts: readonly EmulatedPrompt[]): void {
  for (const [step, { messages }] of prompts.entries()) {
    const said = messages.map(({ text }) => text).join("\n");
    expect(said).toContain("You are an archivist.");
    expect(said).toContain("Survey the archive.");
    if (step > 0) expect(said).toContain(`Now shelf ${step - 1}.`);
    if (step > 0) expect(said).toContain(`Shelf ${step - 1}: dust and paper.`);
  }
}

describe("a conversation ten times the window", () => {
  it.each(wires)("runs to its end on %s, and all that must stay is there", { timeout: 60_000 }, async (name, wire, methods) => {
    const { result, compactions, prompts, refused } = await survey(wire, name.startsWith("vLLM") ? { overflowWords: "vllm" } : {});
    expect(result.text).toMatch(/The survey is complete\.$/);
    expect(prompts).toHaveLength(STEPS + 1);
    expect(STEPS * RESULT).toBeGreaterThan(10 * WINDOW);
    // The emulator refuses what the real one would: calls without results, results without calls, a window that is full.
    expect(refused).toHaveLength(name.startsWith("vLLM") ? 1 : 0);
    expect(methods).toEqual(expect.arrayContaining([...new Set(compactions.map(({ method }) => method))]));
    for (const { tokensBefore = 0, tokensAfter = 0 } of compactions) expect(tokensAfter).toBeLessThan(tokensBefore * 0.8);
    expectKept(prompts);
  });

  it.each(wires)("as the history that a run is given, on %s", { timeout: 60_000 }, async (name, wire) => {
    const history: Message[] = Array.from({ length: 60 }, (_, i) => [
      { role: "user" as const, content: `Question ${i}: ${"why is it so? ".repeat(500)}` },
      { role: "assistant" as const, content: `Answer ${i}: ${"because of this. ".repeat(500)}` },
    ]).flat();
    const agent = { respond: (prompt: EmulatedPrompt) => (isSummary(prompt) ? SUMMARY : "Yes.") };
    const input: Message[] = [...history, { role: "user", content: "Survey the archive." }];
    const { result, compactions, refused } = await survey(
      wire,
      { ...agent, ...(name.startsWith("vLLM") && { overflowWords: "vllm" as const }) },
      {},
      input,
    );
    expect(result.text).toBe("Yes.");
    expect(refused.length).toBeLessThanOrEqual(name.startsWith("vLLM") ? 1 : 0);
    // All of it is more than the provider could read at once, so the model itself reads it part by part.
    expect(compactions.map(({ method }) => method)).toEqual(["summary"]);
    expect(JSON.stringify(emulator.requests.at(-1)?.body)).toContain("Shelves were read in order.");
  });
});

describe("a compact endpoint that fails", () => {
  const native = wires.filter(([, , methods]) => methods.includes("native"));
  const faults = [
    ["is not there", { type: "status", status: 404 }],
    ["is forbidden", { type: "status", status: 403 }],
    ["breaks down", { type: "status", status: 500 }],
    ["grows what it is given", { type: "grown-summary" }],
    ["gives nothing", { type: "no-summary" }],
    ["hangs", { type: "stall", before: "headers" }],
  ] as const;
  const cases = native.flatMap(([name, wire]) => faults.map(([what, fault]) => [name, what, wire, fault] as const));

  it.each(cases)("on %s: it %s, and the next method takes over", { timeout: 60_000 }, async (_name, what, wire, fault) => {
    const compact = { timeoutMs: what === "hangs" ? 100 : 60_000 };
    const { result, compactions, prompts, refused } = await survey(
      wire,
      { compact: () => ({ text: SUMMARY, fault }) },
      { compaction: compact },
    );
    expect(result.text).toMatch(/The survey is complete\.$/);
    expect(refused).toEqual([]);
    expect(compactions[0]?.failed?.[0]).toMatchObject({ method: "native", why: expect.any(String) });
    expect(compactions.every(({ method }) => method === "clear" || method === "summary")).toBe(true);
    expectKept(prompts);
    // What cannot work is asked for once; what may work again, once in a turn.
    const asked = emulator.requests.filter(
      ({ path, body }) => path.endsWith("/compact") || (body as { compaction?: unknown })?.compaction !== undefined,
    );
    if (what !== "grows what it is given") expect(asked).toHaveLength(1);
  });
});
