import { Orchestrator } from "massgen";

const orchestrator = new Orchestrator({
  agents: [
    { id: "groq", backend: { type: "groq", model: "llama-3.3-70b-versatile" } },
    { id: "router", backend: { type: "openrouter", model: "qwen/qwen3-4b" } },
    { id: "local", backend: { type: "vllm", model: "Qwen/Qwen3-4B", baseUrl: "http://localhost:8000/v1" } },
  ],
});

const run = orchestrator.run("Which index fits this query, and why?");
for await (const event of run) {
  if (event.type === "answer-delta") console.log(event.agentId, event.delta);
}
const { text, winner }: { text: string; winner: string | undefined | null } = await run.result;
console.log(text, winner);
