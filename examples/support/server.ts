// What the examples ask: a simulated team on this machine, so that they run without a key. With MASSGEN_LIVE=1 it is
// the real server at OPENAI_BASE_URL (default: OpenAI), by OPENAI_API_KEY and OPENAI_MODEL.
import { type ReplyRule, simulatedTeam, startEmulator } from "massgen/testing";

interface Server extends AsyncDisposable {
  baseUrl: string;
  /** The model that an agent of this name gets. */
  model(agent: string): string;
}

export async function serverForExamples(respond: ReplyRule = simulatedTeam({ delayMs: 5 })): Promise<Server> {
  if (process.env.MASSGEN_LIVE) {
    return {
      baseUrl: process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1",
      model: () => process.env.OPENAI_MODEL ?? "gpt-5-mini",
      [Symbol.asyncDispose]: async () => {},
    };
  }
  console.log("(simulated replies; set MASSGEN_LIVE=1 and OPENAI_API_KEY for real ones)\n");
  const emulator = await startEmulator({ respond });
  return {
    baseUrl: emulator.baseUrl,
    model: (agent) => `simulated-${agent}`,
    [Symbol.asyncDispose]: () => emulator.close(),
  };
}
