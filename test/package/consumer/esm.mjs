// A user's ES module: a team of three on the emulator, from a question to a result. Prints one line of JSON.
import { Orchestrator } from "massgen";
import { simulatedTeam, startEmulator } from "massgen/testing";

const emulator = await startEmulator({ respond: simulatedTeam() });
try {
  const agents = ["one", "two", "three"].map((id) => ({ id, backend: { type: "vllm", model: `model-${id}`, baseUrl: emulator.baseUrl } }));
  const run = new Orchestrator({ agents }).run("Which sea has the saltiest water?");
  let events = 0;
  for await (const _event of run) events++;
  const { text, winner, reason } = await run.result;
  if (!text || !winner || reason !== "consensus") throw new Error(`no consensus: ${JSON.stringify({ text, winner, reason })}`);
  console.log(JSON.stringify({ events, winner, text }));
} finally {
  await emulator.close();
}
