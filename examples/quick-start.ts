// A team of three on one question: `npx tsx examples/quick-start.ts`
import { Orchestrator } from "massgen";
import { serverForExamples } from "./support/server.js";

await using server = await serverForExamples();

await using orchestrator = new Orchestrator({
  agents: [
    { id: "ada", backend: { type: "chatcompletion", model: server.model("ada"), baseUrl: server.baseUrl } },
    { id: "ben", backend: { type: "chatcompletion", model: server.model("ben"), baseUrl: server.baseUrl } },
    { id: "cleo", backend: { type: "chatcompletion", model: server.model("cleo"), baseUrl: server.baseUrl } },
  ],
});

const run = orchestrator.run("Which index fits a query on a date range, and why?");
for await (const event of run) {
  if (event.type === "answer-delta") process.stdout.write("."); // a draft as it is written
  if (event.type === "vote") console.log(`\n${event.agentId} → ${event.label}: ${event.reason}`);
}

const { text, winner, votes, answers, usage } = await run.result;
console.log(`\n${text}\n`);
console.log(`${winner} won with ${votes.length} votes; ${answers.length - 1} other answers; ${usage.outputTokens} tokens written`);
