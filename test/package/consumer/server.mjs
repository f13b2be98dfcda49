// A user's server: a team on the emulator behind a URL, asked by the official SDK. Prints one line of JSON.
import { Orchestrator } from "massgen";
import { serve } from "massgen/server";
import { simulatedTeam, startEmulator } from "massgen/testing";
import OpenAI from "openai";

const emulator = await startEmulator({ respond: simulatedTeam() });
const agents = ["one", "two"].map((id) => ({ id, backend: { type: "vllm", model: `model-${id}`, baseUrl: emulator.baseUrl } }));
const server = await serve({ models: { team: new Orchestrator({ agents }) }, port: 0 });
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none" });
let text = "";
const messages = [{ role: "user", content: "Which sea has the saltiest water?" }];
for await (const { choices } of await client.chat.completions.create({ model: "team", messages, stream: true })) {
  text += choices[0]?.delta.content ?? "";
}
await server.stop();
await emulator.close();
console.log(JSON.stringify({ text, models: server.url }));
