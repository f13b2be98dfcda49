import { describe, expect, test } from "vitest";
import { createBackend } from "../../src/backends/create-backend.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import type { ReplyRule } from "../../src/testing/emulator/reply.js";
import { startEmulator } from "../../src/testing/index.js";
import type { Tool } from "../../src/tools/tool.js";

/** A model whose first act is always an answer: it works only when told to, and votes once it may. */
const eager: ReplyRule = (prompt) => {
  const offered = new Set(prompt.tools.map((tool) => tool.name));
  if (offered.has("vote")) return { toolCalls: [{ name: "vote", input: { agent_id: "agent1", reason: "It did the measuring." } }] };
  if (!offered.has("new_answer")) return "The index on (a, b) is the one.";
  const calls = prompt.messages.flatMap((message) => message.toolCalls.map((call) => call.name));
  const worked = calls.includes("measure");
  if (!worked && calls.includes("new_answer")) return { toolCalls: [{ name: "measure", input: {} }] };
  const content = worked ? "Measured: the index on (a, b) answers this in 3 ms." : "An index on a.";
  return { toolCalls: [{ name: "new_answer", input: { content } }] };
};

const measure = {
  name: "measure",
  description: "Measures the query.",
  inputSchema: { type: "object", properties: {} },
  execute: async () => "3 ms",
} as unknown as Tool;

async function transcript(model: string) {
  await using emulator = await startEmulator({ respond: eager, strict: true });
  const agents = ["one", "two"].map((id) => ({
    id,
    backend: createBackend({ type: "openai", model, baseUrl: emulator.baseUrl }),
    tools: [measure],
  }));
  const run = new Orchestrator({ agents }).run("Which index fits this query?");
  const acts: Record<string, string[]> = { one: [], two: [], run: [] };
  for await (const event of run) {
    const who = "agentId" in event && event.agentId ? acts[event.agentId]! : acts.run!;
    if (event.type === "decision-rejected") who.push(`rejected: ${event.code}`);
    else if (event.type === "tool-call") who.push(`call: ${event.toolName}`);
    else if (event.type === "answer") who.push("answer");
    else if (event.type === "vote") who.push(`vote: ${event.label}`);
    else if (event.type === "consensus" || event.type === "run-finish") who.push(event.type);
  }
  const { text, reason } = await run.result;
  const efforts = new Set(emulator.requests.map(({ body }) => (body as { reasoning?: { effort?: string } }).reasoning?.effort));
  const team = (emulator.requests[0]!.body as { instructions?: string }).instructions ?? "";
  return { acts, text, reason, efforts: [...efforts], team };
}

describe("an eager model on default settings", () => {
  test.each([
    ["gpt-5", undefined],
    ["gpt-5.1", "medium"],
    ["gpt-5.2", "medium"],
    ["gpt-5-codex", undefined],
    ["gpt-5.2-codex", "medium"],
    ["gpt-5.4", "medium"],
    ["gpt-4o", undefined],
  ])("%s works, evaluates, and votes", async (model, effort) => {
    const { acts, text, reason, efforts, team } = await transcript(model);
    expect(acts.one!.slice(0, 3)).toEqual(["rejected: no_work", "call: measure", "answer"]);
    expect(acts.one!.filter((act) => act !== "consensus")).toEqual(["rejected: no_work", "call: measure", "answer", "vote: agent1.1"]);
    expect(acts.two).toEqual(["rejected: no_work", "call: measure", "answer", "vote: agent1.1"]);
    expect(text).toBe("The index on (a, b) is the one.");
    expect(reason).toBe("consensus");
    expect(efforts).toEqual([effort]);
    // Codex models are tuned for short prompts, and get one.
    expect(team.length).toBeGreaterThan(100);
    expect(team.length < 400).toBe(model.includes("codex"));
  });
});
