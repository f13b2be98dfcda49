import OpenAI from "openai";
import { onTestFinished } from "vitest";
import { Orchestrator, type OrchestratorOptions } from "../../src/index.js";
import { type RunningServer, type ServeOptions, serve } from "../../src/server/index.js";
import { newAnswer, type ScriptedBackend, type ScriptedRule, scriptedBackend, vote } from "../../src/testing/index.js";

/** Which phase a request of a team is in, read off what it offers. */
export function phaseOf(tools: readonly { name: string }[] | undefined): "draft" | "evaluate" | "present" {
  const names = (tools ?? []).map(({ name }) => name);
  if (names.includes("vote")) return "evaluate";
  return names.includes("new_answer") ? "draft" : "present";
}

/** Drafts its own words, votes for agent1, and presents what `present` says. */
export function member(name: string, present: ScriptedRule = () => `Final words of ${name}.`): ScriptedBackend {
  return scriptedBackend((request, info) => {
    const phase = phaseOf(request.tools);
    if (phase === "draft") return newAnswer(`Draft of ${name}.`);
    return phase === "evaluate" ? vote("agent1", `${name} likes it.`) : present(request, info);
  });
}

export interface TestServer extends RunningServer {
  client: OpenAI;
  orchestrator: Orchestrator;
  backends: ScriptedBackend[];
}

/** A server of one team over scripted backends, and the official SDK as its client; stopped when the test ends. */
export async function startTeam(
  backends: ScriptedBackend[] = [member("one"), member("two")],
  options: Partial<ServeOptions> = {},
  team: Partial<OrchestratorOptions> = {},
): Promise<TestServer> {
  const orchestrator = new Orchestrator({
    agents: backends.map((backend, i) => ({ id: ["gpt", "claude", "qwen"][i] ?? `a${i}`, backend })),
    ...team,
  });
  const server = await serve({ models: { team: orchestrator }, port: 0, drainMs: 0, ...options });
  onTestFinished(async () => {
    await server.stop();
    await orchestrator.close();
  });
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: options.apiKeys?.[0] ?? "none", maxRetries: 0 });
  return { ...server, client, orchestrator, backends };
}
