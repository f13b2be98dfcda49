import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Orchestrator } from "../../../src/index.js";
import { createServer } from "../../../src/server/index.js";
import { type ScriptedBackend, scriptedBackend } from "../../../src/testing/index.js";
import { published } from "../schemas.js";
import { mutated } from "./mutations.js";
import { chatBodies, responsesBodies } from "./valid-bodies.js";

const corpus = fileURLToPath(new URL("../../../../shared/corpora/json/", import.meta.url));

export interface Refusal {
  path: string;
  body: string;
  status: number;
  reply: string;
}

/** A server of one agent, asked without a socket. */
export function fuzzedServer() {
  const backend: ScriptedBackend = scriptedBackend(() => "{}");
  const orchestrator = new Orchestrator({ agents: [{ id: "solo", backend }] });
  const server = createServer({ models: { team: orchestrator } });
  return {
    runs: () => backend.requests.length,
    async post(path: string, body: string | Buffer): Promise<Refusal> {
      const headers = { "content-type": "application/json" };
      const response = await server.fetch(new Request(`http://x${path}`, { method: "POST", headers, body }));
      return { path, body: String(body), status: response.status, reply: await response.text() };
    },
    async close() {
      await server.close();
      await orchestrator.close();
    },
  };
}

/** Bodies that the published schema rejects, with the path they go to: every second one for the Responses API. */
export function* rejectedBodies(seed: number): Generator<{ path: string; body: string }, never> {
  const apis = [
    { path: "/v1/chat/completions", bodies: mutated(chatBodies, seed), valid: published("chat", "CreateChatCompletionRequest") },
    { path: "/v1/responses", bodies: mutated(responsesBodies, seed + 1), valid: published("responses", "CreateResponse") },
  ];
  for (;;) {
    for (const { path, bodies, valid } of apis) {
      let body = bodies.next().value;
      while (valid(body)) body = bodies.next().value;
      yield { path, body: JSON.stringify(body) };
    }
  }
}

/** What is wrong with a refusal; empty when it is a well-formed 4xx. */
export function flaw({ status, reply }: Refusal): string {
  if (status < 400 || status > 499) return `status ${status}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(reply);
  } catch {
    return "not JSON";
  }
  const { error } = parsed as { error?: Record<string, unknown> };
  if (typeof error?.message !== "string" || error.message === "") return "no message";
  return published("chat", "ErrorResponse")(parsed) ? "" : "not an ErrorResponse";
}

/** Bodies of JSON's own test suite; none of them is a request. Empty where the corpora are absent. */
export function jsonCorpus(): { path: string; name: string; body: Buffer }[] {
  if (!existsSync(corpus)) return [];
  return readdirSync(corpus).map((name, i) => {
    return { name, path: i % 2 === 0 ? "/v1/chat/completions" : "/v1/responses", body: readFileSync(join(corpus, name)) };
  });
}
