// A user's server: a team on the emulator behind a URL, asked by the official SDK. Prints one line of JSON.
import { Orchestrator } from "massgen";
import { serve } from "massgen/server";
import { scriptedBackend, simulatedTeam, startEmulator } from "massgen/testing";
import OpenAI from "openai";

const LONG = "More than a socket takes at once. ".repeat(10_000);
const emulator = await startEmulator({ respond: simulatedTeam() });
const agents = ["one", "two"].map((id) => ({ id, backend: { type: "vllm", model: `model-${id}`, baseUrl: emulator.baseUrl } }));
const team = new Orchestrator({ agents });
const talker = new Orchestrator({ agents: [{ id: "talker", backend: scriptedBackend(() => LONG, { chunkSize: 65_536 }) }] });
const server = await serve({ models: { team, talker }, port: 0 });
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });

/** @param {string} model */
async function ask(model) {
  const messages = [{ role: "user", content: "Which sea has the saltiest water?" }];
  const stream = await client.chat.completions.create(
    { model, messages, stream: true },
    { headers: { "idempotency-key": model }, signal: AbortSignal.timeout(30_000) },
  );
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  return text;
}

const text = await ask("team");
for (const when of ["as it is written", "from store"]) {
  if ((await ask("talker")) !== LONG) throw new Error(`a long reply did not arrive whole, ${when}`);
}
await server.stop();
await emulator.close();
console.log(JSON.stringify({ text, models: server.url }));
