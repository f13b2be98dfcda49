// A run's log, as lines and as records for a logger of your own: `npx tsx examples/logging.ts`
import { Orchestrator } from "massgen";
import { serverForExamples } from "./support/server.js";

await using server = await serverForExamples();
const agents = ["ada", "ben"].map((id) => ({
  id,
  backend: { type: "chatcompletion" as const, model: server.model(id), baseUrl: server.baseUrl },
}));
const task = "Which index fits a query on a date range, and why?";
// Whatever traces your program hands you its trace: each request to a provider carries it on, and each record has its id.
const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };

{
  // Lines for people. `MASSGEN_LOG=debug` shows more without a change here.
  await using orchestrator = new Orchestrator({
    agents,
    logging: { level: "info", filter: "agent=ben:warn", destination: "stdout", pretty: true },
  });
  await orchestrator.run(task, { trace }).result;
}

const records: Record<string, unknown>[] = [];
const note = (fields: object, message: string) => void records.push({ ...fields, message });
{
  await using orchestrator = new Orchestrator({
    agents,
    logging: { filter: "off,coordination:info", logger: { debug: note, info: note, warn: note, error: note } },
  });
  await orchestrator.run(task, { trace }).result;
}
for (const { event, trace_id, message } of records) console.log(event, trace_id, message);
