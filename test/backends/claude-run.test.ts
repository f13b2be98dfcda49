import { expect, test } from "vitest";
import { Orchestrator } from "../../src/index.js";
import { startEmulator } from "../../src/testing/emulator/emulator.js";
import type { ReplyRule } from "../../src/testing/emulator/reply.js";

/** Works, thinks, answers; then votes for the first answer; presents. */
const respond: ReplyRule = ({ tools, messages }) => {
  const offered = new Set(tools.map((tool) => tool.name));
  const worked = messages.some((message) => message.role === "tool");
  if (offered.has("look") && !worked) return { reasoning: "First a look.", toolCalls: [{ name: "look" }, { name: "look" }] };
  if (offered.has("vote")) return { reasoning: "Clear.", toolCalls: [{ name: "vote", input: { agent_id: "agent1", reason: "best" } }] };
  if (offered.has("new_answer")) {
    return { reasoning: "Now I know.", toolCalls: [{ name: "new_answer", input: { content: "The answer, with everything it needs." } }] };
  }
  return "The final answer.";
};

test("a team of Claudes, thinking in every way there is, reaches consensus with tools", async () => {
  await using emulator = await startEmulator({ respond });
  const look = { name: "look", description: "Looks.", inputSchema: { type: "object", properties: {} }, execute: () => "trees" };
  const claude = (model: string, params = {}) => ({
    backend: { type: "claude" as const, model, baseUrl: emulator.url, apiKey: "k", params },
    tools: [look],
  });
  const orchestrator = new Orchestrator({
    agents: [
      { id: "manual", ...claude("claude-sonnet-4-5", { thinking: { type: "enabled", budget_tokens: 2000 } }) },
      { id: "adaptive", ...claude("claude-opus-5-5") },
      { id: "plain", ...claude("claude-haiku-4-5") },
    ],
  });
  const result = await orchestrator.run("Which?").result;
  expect(result).toMatchObject({ reason: "consensus", text: "The final answer." });
  expect(result.votes).toHaveLength(3);
  expect(emulator.requests.filter((request) => request.status !== 200)).toEqual([]);
  expect(emulator.requests.some((request) => JSON.stringify(request.body).includes('"signature"'))).toBe(true);
});
