import type { AgentConfig } from "../orchestrator/options.js";
import { simulatedTeam, startEmulator } from "../testing/index.js";

export const DEMO_QUESTION = "Should a small team start with one service or with several?";

/** Three simulated models, each with a voice and a pace (ms per delta) of its own; the last improves on the others. */
const paces = { "simulated-brisk-v2": 25, "simulated-careful-7b": 45, "simulated-thorough-8b": 60 };

/** A team that needs no key: real HTTP to an emulated provider on this machine, whose every reply says it is simulated. */
export async function startDemo(): Promise<{ agents: AgentConfig[]; close(): Promise<void> }> {
  const play = simulatedTeam();
  const emulator = await startEmulator({
    models: Object.keys(paces),
    respond: async (prompt, info) => {
      const reply = await play(prompt, info);
      return typeof reply === "string" ? reply : { ...reply, delayMs: paces[prompt.model as keyof typeof paces] };
    },
  });
  const agents = Object.keys(paces).map((model): AgentConfig => {
    const id = model.split("-")[1] ?? model;
    return { id, backend: { type: "chatcompletion", model, baseUrl: emulator.baseUrl, apiKey: "simulated" } };
  });
  return { agents, close: () => emulator.close() };
}
