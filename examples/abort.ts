// Three ways to end a run early: `npx tsx examples/abort.ts`
import { Orchestrator, RunError } from "massgen";
import { serverForExamples } from "./support/server.js";

await using server = await serverForExamples();
const agents = ["ada", "ben", "cleo"].map((id) => ({
  id,
  backend: { type: "chatcompletion" as const, model: server.model(id), baseUrl: server.baseUrl },
}));
const question = "Which index fits a query on a date range, and why?";
await using orchestrator = new Orchestrator({ agents });

// 1. finish(): the best answer so far is presented now.
const hasty = orchestrator.run(question);
hasty.once("answer", () => hasty.finish());
const { reason, label } = await hasty.result;
console.log(`${reason}: ${label} was presented`);

// 2. A signal: everything stops, down to the sockets. What there was comes with the error.
const controller = new AbortController();
const stopped = orchestrator.run(question, { signal: controller.signal });
stopped.once("answer", () => controller.abort(new Error("the user has left")));
try {
  await stopped.result;
} catch (error) {
  if (!(error instanceof RunError)) throw error;
  console.log(`${error.code}: ${error.message}`);
  console.log(`answers so far: ${error.partial.answers.map(({ label }) => label).join(", ")}`);
}

// 3. A deadline: the best answer so far is the result, without another word from a model.
await using quick = new Orchestrator({ agents, timeout: { run: 400 } });
const late = await quick.run(question).result.catch((error: RunError) => error);
console.log(late instanceof RunError ? `${late.code}: nobody had answered yet` : `${late.reason}: ${late.label}`);
