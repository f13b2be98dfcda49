import { expect, test } from "vitest";
import type { BackendConfig } from "../../src/backends/create-backend.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { simulatedTeam, startEmulator } from "../../src/testing/index.js";

test("one agent on each of the five wires, vLLM and Poe: the team reaches consensus, every wire takes part in full", async () => {
  await using emulator = await startEmulator({ respond: simulatedTeam(), strict: true });
  const { url, baseUrl } = emulator;
  const apiKey = "k";
  const backends: Record<string, BackendConfig> = {
    openai: { type: "openai", model: "gpt-5.2", baseUrl, apiKey },
    claude: { type: "claude", model: "claude-sonnet-5-5", baseUrl: url, apiKey },
    gemini: { type: "gemini", model: "gemini-3-flash-preview", baseUrl: url, apiKey },
    grok: { type: "grok", model: "grok-4", baseUrl, apiKey },
    azure: { type: "azure_openai", model: "my-deployment", baseModel: "gpt-5.2", baseUrl: url, apiKey },
    vllm: { type: "vllm", model: "Qwen/Qwen3-4B", baseUrl },
    poe: { type: "poe", model: "GPT-5-mini", baseUrl, apiKey },
  };
  await using orchestrator = new Orchestrator({ agents: Object.entries(backends).map(([id, backend]) => ({ id, backend })) });
  const run = orchestrator.run("Which index fits this query?");
  const trouble: string[] = [];
  const answered = new Set<string>();
  run.on("turn-error", ({ agentId, error }) => trouble.push(`${agentId}: ${error.message}`));
  run.on("warning", ({ message }) => trouble.push(message));
  run.on("step-finish", ({ agentId, status }) => status === "retry" && trouble.push(`${agentId} tried again`));
  run.on("answer", ({ agentId }) => answered.add(agentId));
  const { reason, text, answers, votes, usage } = await run.result;

  expect(trouble).toEqual([]);
  expect(reason).toBe("consensus");
  expect(text).toContain("Simulated final answer");
  expect([...answered].sort()).toEqual(Object.keys(backends).sort());
  expect(answers).toHaveLength(7);
  expect(votes.length).toBeGreaterThan(3);
  for (const id of Object.keys(backends)) expect(usage.byAgent[id]?.outputTokens, id).toBeGreaterThan(0);
  expect([...new Set(emulator.requests.map(({ path }) => path.split("?")[0]))].sort()).toEqual([
    "/openai/v1/responses",
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1beta/models/gemini-3-flash-preview:streamGenerateContent",
  ]);
});
