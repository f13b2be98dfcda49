// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of config files
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig, parseConfig } from "../../src/config/index.js";
import { ConfigError } from "../../src/errors.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";

/** The message's lines without its heading. */
function problems(text: string, env: Record<string, string> = {}): string[] {
  try {
    parseConfig(text, { path: "team.yaml", env });
  } catch (error) {
    if (!(error instanceof ConfigError) || error.code !== "invalid_config") throw error;
    const [heading, ...lines] = error.message.split("\n");
    expect(heading).toContain("team.yaml");
    return lines.map((line) => line.trim());
  }
  return [];
}

const one = (backend: string, rest = "") => `agents:\n  - id: ada\n    backend: ${backend}\n${rest}`;

describe("a config file", () => {
  it("becomes options that an orchestrator takes", () => {
    const options = parseConfig(`
agents:
  - id: ada
    system_message: Be brief.
    backend: { type: vllm, model: m, base_url: "http://localhost:8000/v1", api_key: k, temperature: 0.5, top_k: 40 }
  - backend: { type: chat_completions, provider: poe, model: p }
orchestrator:
  voting_sensitivity: strict
  answer_novelty_requirement: balanced
  max_new_answers_per_agent: 2
  final_answer_strategy: winner_reuse
  coordination: { max_orchestration_restarts: 1 }
  reviewer: ada
  peer_answers: round
  self_vote: forbid
  decision_rule: borda
  max_epochs: 5
  draft_quorum: 1
  draft_grace_ms: 10
  vote_grace_ms: 20
  coalesce_ms: 30
  max_decision_retries: 0
  max_agent_failures: 2
  max_answer_tokens: 500
  max_steps: 6
  max_step_retries: 0
  budget: { max_tokens: 1000, max_tokens_per_agent: 400, warn_at: [0.5, 0.9], on_exceed: abort }
  compaction:
    high_water: 0.7
    low_water: 0.4
    methods: [native, summary]
    keep_exchanges: 2
    keep_tool_results: 0
    floor: 4000
    min_saving: 0.1
    cool_down: 1
    timeout_seconds: 30
tracing: { content: true }
timeout_settings:
  orchestrator_timeout_seconds: 60
  turn_timeout_seconds: 50
  step_timeout_seconds: 40
  first_chunk_timeout_seconds: 30
  chunk_timeout_seconds: 0.5
  tool_timeout_seconds: null
ui: { display_type: simple }
`);
    expect(options).toEqual({
      agents: [
        {
          id: "ada",
          systemMessage: "Be brief.",
          backend: { type: "vllm", model: "m", baseUrl: "http://localhost:8000/v1", apiKey: "k", params: { temperature: 0.5, top_k: 40 } },
        },
        { id: "agent2", backend: { type: "chat_completions", provider: "poe", model: "p" } },
      ],
      votingSensitivity: "strict",
      answerNovelty: "balanced",
      maxAnswersPerAgent: 2,
      presentation: "reuse",
      maxRestarts: 1,
      reviewer: "ada",
      peerAnswers: "round",
      selfVote: "forbid",
      decisionRule: "borda",
      maxEpochs: 5,
      draftQuorum: 1,
      draftGraceMs: 10,
      voteGraceMs: 20,
      coalesceMs: 30,
      maxDecisionRetries: 0,
      maxAgentFailures: 2,
      maxAnswerTokens: 500,
      maxSteps: 6,
      maxStepRetries: 0,
      budget: { maxTokens: 1000, maxTokensPerAgent: 400, warnAt: [0.5, 0.9], onExceed: "abort" },
      compaction: {
        highWater: 0.7,
        lowWater: 0.4,
        methods: ["native", "summary"],
        keepExchanges: 2,
        keepToolResults: 0,
        floor: 4000,
        minSaving: 0.1,
        coolDown: 1,
        timeoutMs: 30_000,
      },
      tracing: { content: true },
      timeout: { run: 60_000, turn: 50_000, step: 40_000, firstChunk: 30_000, chunk: 500, tool: Number.POSITIVE_INFINITY },
    });
    expect(new Orchestrator(options).agents.map(({ id, backend }) => [id, backend.type])).toEqual([
      ["ada", "vllm"],
      ["agent2", "poe"],
    ]);
  });

  it("leaves everything that is not given to the defaults", () => {
    expect(Object.keys(parseConfig(one("{ type: vllm }")))).toEqual(["agents"]);
  });

  it("takes one `agent`, and `null` for no limit on answers", () => {
    const options = parseConfig("agent: { backend: { type: vllm } }\norchestrator: { max_new_answers_per_agent: null }");
    expect(options.agents).toEqual([{ id: "agent1", backend: { type: "vllm" } }]);
    expect(new Orchestrator(options).agents).toHaveLength(1);
    expect(options.maxAnswersPerAgent).toBeGreaterThan(1e9);
  });

  it("is read from a file, in YAML or JSON, with anchors and merges", async () => {
    const folder = await mkdtemp(join(tmpdir(), "massgen-config-"));
    try {
      const json = join(folder, "team.json");
      await writeFile(json, JSON.stringify({ agents: [{ id: "ada", backend: { type: "vllm" } }] }));
      expect((await loadConfig(json)).agents).toHaveLength(1);
      const yaml = join(folder, "team.yaml");
      await writeFile(yaml, "agents:\n  - backend: &b { type: vllm, top_k: 3 }\n  - backend: { <<: *b, model: m }\n");
      expect((await loadConfig(yaml)).agents[1]!.backend).toEqual({ type: "vllm", model: "m", params: { top_k: 3 } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("that cannot be read is named", async () => {
    await expect(loadConfig("no-such-file.yaml")).rejects.toMatchObject({
      code: "config_unreadable",
      message: 'The config file "no-such-file.yaml" cannot be read: there is no such file.',
    });
    await expect(loadConfig("test")).rejects.toMatchObject({ code: "config_unreadable", message: expect.stringContaining("a folder") });
  });
});

describe("the backends with an API of their own", () => {
  const backendOf = (entry: string) => parseConfig(one(entry), { env: {} }).agents[0]!.backend;

  it.each([
    [
      "{ type: openai, model: gpt-5.2, enable_web_search: { search_context_size: high }, enable_code_interpreter: true, enable_image_generation: true, builtin_tools: [{ type: mcp, server_label: d }], upload_files: [{ image_path: a.png }, { audio_path: a.mp3 }, { file_path: a.pdf }], reasoning: { effort: high } }",
      {
        type: "openai",
        model: "gpt-5.2",
        enableWebSearch: { search_context_size: "high" },
        enableCodeInterpreter: true,
        enableImageGeneration: true,
        builtinTools: [{ type: "mcp", server_label: "d" }],
        uploadFiles: [{ imagePath: "a.png" }, { audioPath: "a.mp3" }, { filePath: "a.pdf" }],
        params: { reasoning: { effort: "high" } },
      },
    ],
    [
      "{ type: claude, model: m, api_version: 2023-06-01, enable_web_search: true, enable_code_execution: true, prompt_caching: 1h, thinking: { type: adaptive }, max_tokens: 5 }",
      {
        type: "claude",
        model: "m",
        apiVersion: "2023-06-01",
        enableWebSearch: true,
        enableCodeExecution: true,
        promptCaching: "1h",
        params: { thinking: { type: "adaptive" }, max_tokens: 5 },
      },
    ],
    [
      "{ type: gemini, model: m, enable_code_execution: true, enable_url_context: true, builtin_tools: [{ googleMaps: {} }], safety_settings: [] }",
      {
        type: "gemini",
        model: "m",
        enableCodeExecution: true,
        enableUrlContext: true,
        builtinTools: [{ googleMaps: {} }],
        params: { safety_settings: [] },
      },
    ],
    ["{ type: grok, model: m, wire: chat, enable_web_search: true }", { type: "grok", model: "m", wire: "chat", enableWebSearch: true }],
    [
      "{ type: azure_openai, model: d, azure_endpoint: https://r.openai.azure.com, api_version: 2024-10-21, base_model: gpt-4o }",
      { type: "azure_openai", model: "d", baseUrl: "https://r.openai.azure.com", apiVersion: "2024-10-21", baseModel: "gpt-4o" },
    ],
  ])("%s", (entry, config) => {
    expect(backendOf(entry)).toEqual(config);
  });

  it.each([
    [
      "{ type: vllm, enable_web_search: true }",
      ["enable_web_search is not a key of vllm, but of openai, claude, gemini, grok, azure_openai."],
    ],
    ["{ type: claude, model: m, enable_code_interpreter: true }", ["Write it as `enable_code_execution`."]],
    ["{ type: openai, model: m, enable_code_execution: true }", ["Write it as `enable_code_interpreter`."]],
    [
      "{ type: openai, thinking: {}, builtin_tools: [{ type: function }], upload_files: [{ imagepath: a }] }",
      ["model is missing", "thinking cannot be used", "builtin_tools[0] cannot be used", "upload_files[0] cannot be used"],
    ],
    ["{ type: openai, model: m, upload_files: [{ x: a }] }", ["exactly one of image_path, audio_path, file_path"]],
    ["{ type: claude, model: m, prompt_caching: 2h }", ['must be true, false or "1h"']],
    ["{ type: openai, model: m, enable_web_search: 1 }", ["must be true, false or a mapping of options"]],
    ["{ type: azure_openai, model: d }", ["base_url is missing: Azure needs the endpoint"]],
    ["{ type: openai, model: m, azure_endpoint: http://a }", ["azure_endpoint is a key of azure_openai alone"]],
    ["{ type: azure_openai, model: d, base_url: http://a, azure_endpoint: http://b }", ["are both given. Keep `base_url`"]],
    ["{ type: azure_openai, model: d, base_url: http://a, wire: chat, enable_web_search: true }", ["cannot be used with this `wire`"]],
    ["{ type: openai, model: m, enable_video_generation: true }", ["OpenAI ended Sora in September 2026"]],
    ["{ type: openai, model: m, temprature: 1 }", ['Did you mean "temperature"?']],
  ])("%s is told what is wrong", (entry, messages) => {
    const before = process.env.AZURE_OPENAI_ENDPOINT;
    delete process.env.AZURE_OPENAI_ENDPOINT;
    try {
      const found = problems(one(entry));
      expect(found).toHaveLength(messages.length);
      messages.forEach((message, i) => {
        expect(found[i]).toContain(message);
      });
    } finally {
      if (before !== undefined) process.env.AZURE_OPENAI_ENDPOINT = before;
    }
  });
});

describe("variables", () => {
  it("are filled in from the environment, with defaults", () => {
    const text = one('{ type: vllm, model: "${A}/${B:-b}", base_url: "${C:-http://x:1}", cache_salt: "$${A}" }');
    expect(parseConfig(text, { env: { A: "a", C: "" } }).agents[0]!.backend).toEqual({
      type: "vllm",
      model: "a/b",
      baseUrl: "http://x:1",
      params: { cache_salt: "${A}" },
    });
  });

  it("that are unset leave an api_key out, and are named anywhere else", () => {
    const text = one('{ type: vllm, api_key: "${VLLM_API_KEY}" }');
    expect(parseConfig(text, { env: {} }).agents[0]!.backend).toEqual({ type: "vllm" });
    expect(parseConfig(text, { env: { VLLM_API_KEY: "k" } }).agents[0]!.backend).toEqual({ type: "vllm", apiKey: "k" });
    expect(problems(one('{ type: vllm, model: "${MODEL}" }'))).toEqual([
      "3:28  agents[0].backend.model needs the environment variable MODEL, which is not set. Set it, or give a default: ${MODEL:-…}.",
    ]);
    expect(problems(one('{ type: vllm, model: "${NOT A NAME}" }'))[0]).toContain("is not ${NAME} or ${NAME:-default}");
  });
});

describe("what is wrong with a config file", () => {
  it("is told all at once, in the order of the file, with line and column", () => {
    const found = problems(`agents:
  - id: ada
    backend: { type: vlm }
  - id: ada
    sytem_message: Hi
    backend: { type: vllm, temprature: 1, top_k: many, base_url: "http://x/v1?y" }
  - backend: { type: groq }
orchestrator: { voting_sensitivity: strikt, max_epochs: 0, reviewer: bob }
timeout_settings: { orchestrator_timeout_seconds: "5" }
`);
    expect(found).toEqual([
      '3:16  agents[0].backend.type "vlm" is not a backend. Did you mean "vllm"?',
      '4:5  agents[1].id is "ada", as that of agents[0] is. Give each agent its own.',
      '5:5  agents[1].sytem_message is not a known key. Did you mean "system_message"?',
      expect.stringMatching(/^6:28 {2}agents\[1\]\.backend\.temprature .*Did you mean "temperature"\?$/),
      expect.stringMatching(/^6:43 {2}agents\[1\]\.backend\.top_k .*must be a number/),
      expect.stringMatching(/^6:56 {2}agents\[1\]\.backend\.base_url cannot be used: .*is not a base URL/),
      "7:5  agents[2].backend.model is missing: name the model to ask.",
      '8:17  orchestrator.voting_sensitivity must be one of lenient, balanced, strict (did you mean "strict"?), not "strikt".',
      "8:45  orchestrator.max_epochs must be at least 1, not 0.",
      '8:60  orchestrator.reviewer is "bob", but no agent is. There are ada, ada, agent3.',
      '9:21  timeout_settings.orchestrator_timeout_seconds must be a number, not "5".',
    ]);
  });

  it("the error carries the first path", () => {
    expect(() => parseConfig(one("{ type: vllm, modle: x }"))).toThrow(
      expect.objectContaining({ code: "invalid_config", path: "agents[0].backend.modle" }),
    );
  });

  it.each([
    ["modle: m", "model"],
    ["baseUrl: x", "base_url"],
    ["apikey: x", "api_key"],
    ["tempreature: 1", "temperature"],
  ])("an unknown backend key %s is told with the nearest, %s", (entry, nearest) => {
    expect(problems(one(`{ type: vllm, ${entry} }`))[0]).toContain(`Did you mean "${nearest}"?`);
  });

  it.each([
    [one("{ type: vllm }", "ochestrator: {}"), 'Did you mean "orchestrator"?'],
    [one("{ type: vllm }", "orchestrator: { coordination: { max_orchestration_restart: 1 } }"), '"max_orchestration_restarts"'],
    [one("{ type: vllm }", "timeout_settings: { turn_timeout_secs: 1 }"), '"turn_timeout_seconds"'],
    [one("{ type: vllm }", "ui: { displaytype: simple }"), '"display_type"'],
    [one("{ type: vllm }", "orchestrator: { budget: { warnat: 0.5 } }"), 'Did you mean "warn_at"?'],
    [one("{ type: vllm }", "orchestrator: { budget: { onexceed: abort } }"), 'Did you mean "on_exceed"?'],
    [one("{ type: vllm }", "tracing: { contents: true }"), 'Did you mean "content"?'],
    [one("{ type: vllm }", "traceing: true"), 'Did you mean "tracing"?'],
    [one("{ type: vllm }", "orchestrator: { tracing: true }"), "it belongs to the top level"],
  ])("an unknown key elsewhere is told with the nearest", (text, hint) => {
    expect(problems(text).join()).toContain(hint);
  });

  it.each([
    ["budget: { max_usd: 1, warn_at: 80 }", "warn_at must be at most 1, not 80"],
    ["budget: { max_usd: 1, warn_at: [0.5, 0] }", "warn_at[1] must be more than 0, not 0"],
    [
      "budget: { max_usd: 1, warn_at: half }",
      "warn_at must be a part of the caps, above 0 and at most 1, e.g. 0.8, or a list of such parts",
    ],
    ["budget: { max_usd: 1, on_exceed: abrot }", 'on_exceed must be one of finish, abort (did you mean "abort"?)'],
  ])("of a budget, `%s` is told", (text, message) => {
    expect(problems(one("{ type: vllm }", `orchestrator: { ${text} }`)).join()).toContain(message);
  });

  it.each([
    ["compaction: { high_water: 80 }", "high_water must be at most 1, not 80"],
    ["compaction: { methods: [clear, sumary] }", 'methods[1] must be one of native, clear, summary, trim (did you mean "summary"?)'],
    ["compaction: { keep_exchanges: 0 }", "keep_exchanges must be at least 1, not 0"],
    ["compaction: { low_water: 0.8 }", "low_water must be below high_water (0.8), not 0.8"],
    ["compaction: { high_water: 0.4 }", "high_water must be above low_water (0.5), not 0.4"],
    ["compaction: { keepexchanges: 2 }", 'Did you mean "keep_exchanges"?'],
    ["compaction: 0.8", "compaction must be true, false or a mapping of options, not 0.8"],
    ["compaction: { trigger_threshold: 0.75 }", "does not belong here: write it as `high_water`"],
    ["compaction: { target_ratio: 0.4 }", "does not belong here: write it as `low_water`"],
    ["coordination: { compression_target_ratio: 0.2 }", "write `compaction: { low_water: … }` under `orchestrator`"],
  ])("of compaction, `%s` is told", (text, message) => {
    expect(problems(one("{ type: vllm }", `orchestrator: { ${text} }`))).toEqual([expect.stringContaining(message)]);
  });

  it("`compaction` belongs to the team, and MassGen's `memory` leads to it", () => {
    expect(problems(one("{ type: vllm, compaction: false }")).join()).toContain("it belongs under `orchestrator`");
    expect(problems(one("{ type: vllm }", "compaction: false")).join()).toContain("it belongs under `orchestrator`");
    expect(problems(one("{ type: vllm }", "memory: { compression: { trigger_threshold: 0.75, target_ratio: 0.4 } }")).join()).toContain(
      "what its `compression` did is `compaction` under `orchestrator`",
    );
  });

  it("`compaction` is a switch or options", () => {
    const compaction = (text: string) => parseConfig(one("{ type: vllm, model: m }", `orchestrator: { compaction: ${text} }`)).compaction;
    expect([compaction("true"), compaction("false"), compaction("{}")]).toEqual([true, false, {}]);
    expect(compaction("{ methods: [clear], timeout_seconds: 0.5 }")).toEqual({ methods: ["clear"], timeoutMs: 500 });
  });

  it("`tracing` is a switch or options", () => {
    expect(parseConfig(one("{ type: vllm }", "tracing: true")).tracing).toBe(true);
    expect(parseConfig(one("{ type: vllm }", "tracing: { content: false }")).tracing).toEqual({ content: false });
    expect(problems(one("{ type: vllm }", "tracing: 5")).join()).toContain(
      "tracing must be true, false or a mapping in which `content` is true or false, not 5",
    );
    expect(problems(one("{ type: vllm }", "tracing: { content: 1 }")).join()).toContain("tracing.content must be true or false, not 1");
  });

  it("`warn_at` is one part or several", () => {
    const budget = (warn: string) =>
      parseConfig(one("{ type: vllm, model: m }", `orchestrator: { budget: { max_tokens: 9, warn_at: ${warn} } }`)).budget;
    expect([budget("0.8")?.warnAt, budget("[0.5, 1]")?.warnAt]).toEqual([0.8, [0.5, 1]]);
  });

  it.each([
    [one("{ type: vllm, hooks: {} }"), "agents[0].backend.hooks"],
    [one("{ type: vllm, enable_multimodal_tools: true }"), "agents[0].backend.enable_multimodal_tools"],
    [one("{ type: vllm, command_line_docker_volumes: x }"), "agents[0].backend.command_line_docker_volumes"],
    ["agent: { backend: { type: vllm, disallowed_tools: [] } }", "agent.backend.disallowed_tools"],
    [one("{ type: vllm }", "memory: {}"), "memory"],
    [one("{ type: vllm }", "orchestrator: { session_storage: s }"), "orchestrator.session_storage"],
    [one("{ type: vllm }", "orchestrator: { skip_coordination_rounds: true }"), "orchestrator.skip_coordination_rounds"],
    [one("{ type: vllm }", "orchestrator: { coordination: { use_skills: true } }"), "orchestrator.coordination.use_skills"],
  ])("a feature that is not there yet is told as such", (text, path) => {
    expect(problems(text)).toEqual([expect.stringContaining(`${path} is a MassGen feature that this version does not support yet`)]);
  });

  it("a backend that is not there yet is told as such", () => {
    expect(problems(one("{ type: claude_code, model: x }"))[0]).toContain("this version does not support yet");
  });

  it.each(["models: [a]", "num_agents: 3\nmax_rounds: 2"])("keys of MassGen 1 are outdated: %s", (text) => {
    for (const problem of problems(text)) expect(problem).toContain("MassGen 1 and outdated");
    expect(problems(text)).toHaveLength(text.split("\n").length);
  });

  it("keys that belong elsewhere are told where", () => {
    expect(problems(one("{ type: vllm, system_prompt: x }"))[0]).toContain("`system_message` of the agent");
    expect(problems(one("{ type: vllm }", "orchestrator: { timeout: {} }"))[0]).toContain("`timeout_settings`");
  });

  it.each([
    ["", "a mapping that lists the team"],
    ["[1]", "a mapping that lists the team"],
    ["{}", "agents is missing"],
    ["agents: []", "agents must list at least one agent"],
    ["agents: [1]", "agents[0] must be a mapping of keys to values, not 1"],
    ["agents:", "agents must be a list, not empty"],
    ["agents: [{ id: a }]", "agents[0].backend is missing"],
    ["agent: { backend: { type: vllm } }\nagents: [{ backend: { type: vllm } }]", "agents are both given"],
    ["agents: [", "This is not YAML"],
    ["agents: 1\nagents: 2", "A key is given twice"],
    [one("{ type: vllm, model: ${M} }"), "put quotes around a variable"],
  ])("%j", (text, message) => {
    expect(problems(text)).toEqual([expect.stringContaining(message)]);
  });
});

describe("context_window", () => {
  const team = (window: unknown) => `agents:\n  - backend: { type: vllm, model: m, context_window: ${window} }\n`;

  it("is one of a backend, in whole tokens", () => {
    expect(parseConfig(team(32_768)).agents[0]?.backend).toEqual({ type: "vllm", model: "m", contextWindow: 32_768 });
    for (const window of [0, 1.5, "many"]) expect(() => parseConfig(team(window))).toThrow("context_window");
    expect(() => parseConfig("context_window: 5\nagents:\n  - backend: { type: vllm, model: m }\n")).toThrow("belongs under the `backend`");
  });
});

describe("rate_limits", () => {
  const team = (limits: string) => `agents:\n  - backend: { type: vllm, model: m, rate_limits: ${limits} }\n`;

  it("belong to a backend and are spelled as the file's other keys", () => {
    const [agent] = parseConfig(team("{ requests_per_minute: 60, tokens_per_minute: 90000, concurrent: 4 }")).agents;
    expect(agent?.backend).toEqual({
      type: "vllm",
      model: "m",
      rateLimits: { requestsPerMinute: 60, tokensPerMinute: 90_000, concurrent: 4 },
    });
  });

  it("are checked", () => {
    expect(() => parseConfig(team("{ requests_per_minut: 60 }"))).toThrow('Did you mean "requests_per_minute"?');
    expect(() => parseConfig(team("{ concurrent: 0 }"))).toThrow("must be at least 1");
    expect(() => parseConfig("rate_limits: {}\nagents:\n  - backend: { type: vllm, model: m }\n")).toThrow("belongs under the `backend`");
  });
});
