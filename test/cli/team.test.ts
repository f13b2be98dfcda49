import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { discoverTeam, teamOf } from "../../src/cli/team.js";

const never = new AbortController().signal;
let served: Record<string, unknown>;
let asked: { url: string; authorization: string | null }[];

beforeEach(() => {
  served = {};
  asked = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    asked.push({ url, authorization: new Headers(init.headers).get("authorization") });
    if (!(url in served)) throw new TypeError("fetch failed");
    return Response.json(served[url]);
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("the team without a config", () => {
  it("is three agents of the one provider whose key is set; nothing else is asked", async () => {
    const team = await discoverTeam({ GROQ_API_KEY: "k" }, never);
    expect(team!.agents.map(({ id }) => id)).toEqual(["groq-1", "groq-2", "groq-3"]);
    expect(team!.agents[0]!.backend).toEqual({ type: "groq", model: "openai/gpt-oss-120b" });
    expect(team!.why).toBe("openai/gpt-oss-120b at Groq, as GROQ_API_KEY is set");
    expect(asked).toEqual([]);
  });

  it("mixes providers where there are several, in a fixed order", async () => {
    const team = await discoverTeam({ GROQ_API_KEY: "k", OPENAI_API_KEY: "k" }, never);
    expect(team!.agents.map(({ id }) => id)).toEqual(["openai-1", "groq", "openai-2"]);
  });

  it("takes OPENAI_BASE_URL and OPENAI_MODEL with OPENAI_API_KEY", async () => {
    const team = await discoverTeam({ OPENAI_API_KEY: "k", OPENAI_BASE_URL: "http://x/v1" }, never);
    expect(team!.agents[0]!.backend).toEqual({ type: "chatcompletion" });
    expect(team!.why).toContain("the model it serves at http://x/v1");
    const named = await discoverTeam({ OPENAI_API_KEY: "k", OPENAI_MODEL: "m" }, never);
    expect(named!.agents[0]!.backend).toEqual({ type: "openai", model: "m" });
  });

  it.each([
    ["OPENAI_API_KEY", "openai", "gpt-5-mini"],
    ["ANTHROPIC_API_KEY", "claude", "claude-sonnet-5"],
    ["GOOGLE_API_KEY", "gemini", "gemini-2.5-flash"],
    ["GEMINI_API_KEY", "gemini", "gemini-2.5-flash"],
    ["XAI_API_KEY", "grok", "grok-4"],
  ])("%s alone: three of %s", async (key, type, model) => {
    const team = await discoverTeam({ [key]: "k" }, never);
    expect(team!.agents.map(({ id, backend }) => [id, backend])).toEqual([1, 2, 3].map((n) => [`${type}-${n}`, { type, model }]));
    expect(team!.why).toContain(`as ${key} is set`);
    expect(asked).toEqual([]);
  });

  it("mixes at most three, those with an API of their own first", async () => {
    const env = { XAI_API_KEY: "k", GROQ_API_KEY: "k", GEMINI_API_KEY: "k", ANTHROPIC_API_KEY: "k" };
    expect((await discoverTeam(env, never))!.agents.map(({ id }) => id)).toEqual(["claude", "gemini", "grok"]);
    const gateway = await discoverTeam({ ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: "http://gw" }, never);
    expect(gateway!.why).toContain("at http://gw");
  });

  it("takes a server whose address is set, with the first model that talks", async () => {
    served["http://gpu:9000/v1/models"] = { data: [{ id: "embed-1" }, { id: "talk-1" }] };
    const team = await discoverTeam({ VLLM_BASE_URL: "http://gpu:9000", VLLM_API_KEY: "k" }, never);
    expect(team!.agents.map(({ id, backend }) => [id, backend])).toEqual(
      ["vllm-1", "vllm-2", "vllm-3"].map((id) => [id, { type: "vllm", model: "talk-1", baseUrl: "http://gpu:9000/v1" }]),
    );
    expect(asked).toEqual([{ url: "http://gpu:9000/v1/models", authorization: "Bearer k" }]);
  });

  it("takes such a server even when it does not answer yet", async () => {
    expect((await discoverTeam({ VLLM_BASE_URL: "http://gpu:9000" }, never))!.agents[0]!.backend).toEqual({ type: "vllm" });
  });

  it("looks on this machine last", async () => {
    served["http://localhost:1234/v1/models"] = { data: [{ id: "qwen" }] };
    const team = await discoverTeam({}, never);
    expect(asked.map(({ url }) => new URL(url).port)).toEqual(["8000", "30000", "1234"]);
    expect(team!.why).toBe("qwen on LM Studio at http://localhost:1234/v1");
  });

  it("is none where there is nothing, or something that is no model server", async () => {
    expect(await discoverTeam({}, never)).toBeUndefined();
    served["http://localhost:8000/v1/models"] = { hello: "world" };
    expect(await discoverTeam({}, never)).toBeUndefined();
  });

  it("stops looking when it is told to", async () => {
    await expect(discoverTeam({}, AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
  });
});

describe("--backend", () => {
  it("once makes three agents of it; more than once, one each", () => {
    expect(teamOf(["vllm:Qwen/Qwen3:4b"])).toEqual(
      ["vllm-1", "vllm-2", "vllm-3"].map((id) => ({ id, backend: { type: "vllm", model: "Qwen/Qwen3:4b" } })),
    );
    expect(teamOf(["vllm", "groq:m"])).toEqual([
      { id: "vllm", backend: { type: "vllm" } },
      { id: "groq", backend: { type: "groq", model: "m" } },
    ]);
  });
});
