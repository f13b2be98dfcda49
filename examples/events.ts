// Everything a run tells, three ways: `npx tsx examples/events.ts`
import { Orchestrator } from "massgen";
import { serverForExamples } from "./support/server.js";

await using server = await serverForExamples();
const agents = ["ada", "ben", "cleo"].map((id) => ({
  id,
  backend: { type: "chatcompletion" as const, model: server.model(id), baseUrl: server.baseUrl },
}));
await using orchestrator = new Orchestrator({ agents });
const run = orchestrator.run("Which index fits a query on a date range, and why?");

// 1. Listeners, typed by the event's name.
run.on("answer", ({ agentId, label, content }) => console.log(`${agentId} answered ${label}, ${content.length} characters`));
run.on("vote-void", ({ agentId, label }) => console.log(`${agentId}'s vote for ${label} is void`));
run.on("consensus", ({ label, tally }) => console.log(`consensus on ${label}:`, tally));

// 2. The whole run as an async iterable. Any number of loops may read it; each sees everything.
const counts = new Map<string, number>();
async function count(): Promise<void> {
  for await (const { type } of run) counts.set(type, (counts.get(type) ?? 0) + 1);
}

// 3. The final text alone, as it is written.
async function show(): Promise<void> {
  for await (const piece of run.textStream) process.stdout.write(piece);
  console.log();
}

await Promise.all([count(), show()]);
console.log(Object.fromEntries(counts));
