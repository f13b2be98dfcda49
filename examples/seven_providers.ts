// One agent on each of seven wires, in one team: `npx tsx examples/seven_providers.ts`
// Here an emulator plays all providers. For the real ones leave `baseUrl` and `apiKey` out: keys come from the environment.
import { Orchestrator } from "massgen";
import { simulatedTeam, startEmulator } from "massgen/testing";

await using server = await startEmulator({ respond: simulatedTeam() });
const { url, baseUrl } = server;
const apiKey = "simulated";

await using orchestrator = new Orchestrator({
  agents: [
    { id: "gpt", backend: { type: "openai", model: "gpt-5.2", baseUrl, apiKey } },
    { id: "claude", backend: { type: "claude", model: "claude-sonnet-5-5", baseUrl: url, apiKey } },
    { id: "gemini", backend: { type: "gemini", model: "gemini-3-flash-preview", baseUrl: url, apiKey } },
    { id: "grok", backend: { type: "grok", model: "grok-4", baseUrl, apiKey } },
    { id: "azure", backend: { type: "azure_openai", model: "my-deployment", baseModel: "gpt-5.2", baseUrl: url, apiKey } },
    { id: "vllm", backend: { type: "vllm", model: "Qwen/Qwen3-4B", baseUrl } },
    { id: "poe", backend: { type: "poe", model: "GPT-5-mini", baseUrl, apiKey } },
  ],
});

const run = orchestrator.run("Which index fits a query on a date range, and why?");
run.on("answer", ({ agentId, label }) => console.log(`${agentId} answers: ${label}`));
run.on("vote", ({ agentId, label }) => console.log(`${agentId} votes for ${label}`));

const { text, reason, winner, votes, usage } = await run.result;
console.log(`\n${text}\n`);
console.log(`${reason}: ${winner} by ${votes.length} votes`);
for (const [id, { inputTokens, outputTokens }] of Object.entries(usage.byAgent)) {
  console.log(`${id}: ${inputTokens} tokens read, ${outputTokens} written`);
}
