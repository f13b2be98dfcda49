import { Agent, type AgentOptions } from "../agent/agent.js";
import type { CompactionOptions, CompactionPlan } from "../agent/context-window/options.js";
import type { TurnTimeouts } from "../agent/types.js";
import type { Backend, ModelSettings, TraceContext } from "../backends/backend.js";
import { type BackendConfig, createBackend } from "../backends/create-backend.js";
import { ConfigError } from "../errors.js";
import type { ToolChoice } from "../formatter/messages.js";
import { atLeast, bad, given, knownKeys, oneOf, required, shown } from "../option-checks.js";
import { type RecordOptions, resolveRecord } from "../run-record/options.js";
import { type Runtime, systemRuntime } from "../runtime.js";
import { type LoggingOption, resolveLogging, resolveTracing, type TracingOptions } from "../telemetry/options.js";
import type { TelemetryPlan } from "../telemetry/telemetry.js";
import type { Budget } from "../token-manager/budget.js";
import type { PriceOverrides } from "../token-manager/prices.js";
import { RESERVED_TOOL_NAMES, type Tool } from "../tools/tool.js";
import { resolveCompaction } from "./compaction-options.js";
import type { AnswerNovelty, CoreConfig, PeerAnswers, Presentation, SelfVote } from "./core/types.js";
import { resolveBudget, resolvePrices } from "./cost-options.js";
import { type PlanningMode, type PlanningModeOptions, resolvePlanningMode } from "./planning-mode.js";
import { defaultPrompts, type Prompts, type VotingSensitivity } from "./prompts/prompts.js";
import type { RunnableToolkits } from "./toolkits/team-toolkits.js";
import { resolveToolkits, type ToolkitOptions } from "./toolkits/toolkit-options.js";
import { approval, borda, type DecisionRule, plurality, unanimity } from "./voting/rule.js";

/** An agent as plain data: `backend` is a config, or any object that implements `Backend`. */
export interface AgentConfig extends Omit<AgentOptions, "backend"> {
  backend: Backend | BackendConfig;
}

/** Milliseconds; `Infinity` switches one off. */
export interface Timeouts extends TurnTimeouts {
  /** Coordination of the whole run; presenting and reviewing are not counted. */
  run: number;
}

export interface OrchestratorOptions extends ToolkitOptions {
  /** In registration order: models know the first as `agent1`, the second as `agent2`. */
  agents: (Agent | AgentConfig)[];
  /** What a new answer does to agents that are evaluating. `auto`: one that has finished a tool step goes on with the news, others start over. Default `auto`. */
  peerAnswers?: PeerAnswers;
  /** Drafts after which the others have `draftGraceMs` left. Default: more than half, one of two. */
  draftQuorum?: number;
  /** Default 60,000. */
  draftGraceMs?: number;
  /** Once more than half have decided, the others abstain after this. Default 60,000. */
  voteGraceMs?: number;
  /** The longest that an accepted answer waits for others being written. Default 20,000. */
  coalesceMs?: number;
  /** `discount`: a self-vote counts only where nobody has a vote from someone else. Default `discount`. */
  selfVote?: SelfVote;
  /** How different a better answer must be: `balanced` and `strict` refuse near copies. Default `lenient`. */
  answerNovelty?: AnswerNovelty;
  /** How good an answer must be to be voted for. Default `lenient`. */
  votingSensitivity?: VotingSensitivity;
  /** The draft included. Default 3. */
  maxAnswersPerAgent?: number;
  /** The last epoch is for voting only. Default 4. */
  maxEpochs?: number;
  /** How often a turn is asked again for an acceptable decision. Default 2. */
  maxDecisionRetries?: number;
  /** Failed turns, or abstentions, after which an agent is out. Default 3. */
  maxAgentFailures?: number;
  /** Default: a third of the smallest context window of the team (128,000 where unknown), shared by all answers. */
  maxAnswerTokens?: number;
  /** Model steps in one turn. Default 50. */
  maxSteps?: number;
  /** How often a step that died is started again before its turn fails. Default 2. */
  maxStepRetries?: number;
  /** How often a review may send the result back. Default 0: no review. */
  maxRestarts?: number;
  /** Id of the agent that reviews. Default: the winner. */
  reviewer?: string;
  /** `present`: the winner writes the final text; `reuse`: its answer is the final text; `synthesize`: it merges the answers. Default `present`. */
  presentation?: Presentation;
  /** Calls with effects outside the workspaces are only noted until the answer is presented. Default false. */
  planningMode?: boolean | PlanningModeOptions;
  /** Default `plurality`. */
  decisionRule?: "plurality" | "approval" | "borda" | "unanimity" | DecisionRule;
  /** Defaults: run 1,800,000; turn 600,000; step 300,000; firstChunk 300,000; chunk 120,000; tool 120,000. */
  timeout?: Partial<Timeouts>;
  /** How long an `input-request` waits for `run.respond`. Default 600,000. */
  inputTimeoutMs?: number;
  /**
   * How conversations are kept within the models' context windows, which is done unless this is `false`: when one comes near its window,
   * and when its provider says that it is too long. See docs/compaction.md.
   */
  compaction?: boolean | CompactionOptions;
  /** Stops the run with the best answer so far when it is spent. */
  budget?: Budget;
  /** Prices of your own, in USD per million tokens, by backend type and model id. They go before the built-in ones; `null`: not known. */
  prices?: PriceOverrides;
  /** Writes every run down in a directory of its own, `<dir>/<runId>`: a directory, or `{ dir, … }`. Default: nothing is written. */
  record?: string | RecordOptions;
  /**
   * Writes a record of each event: `true`, a level (`"debug"`) or filter (`"info,agent=gpt:debug,mcp:off"`), or options. Default: off,
   * unless the environment sets `MASSGEN_LOG`.
   */
  logging?: LoggingOption;
  /**
   * Spans and metrics through `@opentelemetry/api`, an optional peer: `true` for the global providers, or options. Default: off. A run
   * ends with `missing_peer` where the package is not installed.
   */
  tracing?: boolean | TracingOptions;
  /** Texts the models read, overridden one by one. */
  prompts?: Partial<Prompts>;
  /** Clock, timers, randomness and ids; replaced in tests. */
  runtime?: Runtime;
}

const KNOWN_KEYS: Record<keyof OrchestratorOptions, true> = {
  agents: true,
  peerAnswers: true,
  draftQuorum: true,
  draftGraceMs: true,
  voteGraceMs: true,
  coalesceMs: true,
  selfVote: true,
  answerNovelty: true,
  votingSensitivity: true,
  maxAnswersPerAgent: true,
  maxEpochs: true,
  maxDecisionRetries: true,
  maxAgentFailures: true,
  maxAnswerTokens: true,
  maxSteps: true,
  maxStepRetries: true,
  maxRestarts: true,
  reviewer: true,
  presentation: true,
  workspaces: true,
  mcpServers: true,
  toolkits: true,
  taskPlanning: true,
  memory: true,
  planningMode: true,
  decisionRule: true,
  timeout: true,
  inputTimeoutMs: true,
  compaction: true,
  budget: true,
  prices: true,
  record: true,
  logging: true,
  tracing: true,
  prompts: true,
  runtime: true,
};
const SETTING_KEYS = [
  "maxOutputTokens",
  "temperature",
  "topP",
  "stop",
  "responseFormat",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
  "reasoningEffort",
];
const RUN_KEYS = ["signal", "system", "tools", "toolChoice", "settings", "context", "trace"];
const AGENT_KEYS = ["id", "systemMessage", "backend", "tools", "mcpServers", "toolkits", "workspace", "settings", "params"];

export interface RunOptions {
  /** Aborts the run, down to every socket. */
  signal?: AbortSignal;
  /** Told to every agent of the run, after its own system message. */
  system?: string;
  /** Tools for this run. Those without `execute` belong to you: only the presenter calls them, and you answer its `input-request`. */
  tools?: Tool[];
  /** For the presentation. */
  toolChoice?: ToolChoice;
  /** Override the agents' own. `maxOutputTokens`, `stop` and `responseFormat` apply to the presentation alone. */
  settings?: ModelSettings;
  /** Handed to every tool as it is. */
  context?: unknown;
  /** W3C trace context, sent with every request to a provider. */
  trace?: TraceContext;
}

/** Everything a run needs to know, checked and with the defaults filled in. */
export interface ResolvedOptions {
  agents: Agent[];
  /** Backends made from plain configs: the orchestrator closes them. */
  ownBackends: Backend[];
  core: Omit<CoreConfig, "agents">;
  prompts: Prompts;
  votingSensitivity: VotingSensitivity;
  timeout: Timeouts;
  maxSteps: number;
  maxStepRetries: number;
  inputTimeoutMs: number;
  compaction: CompactionPlan | undefined;
  budget: Budget | undefined;
  prices: PriceOverrides | undefined;
  /** Nothing, where nobody has any. */
  toolkits: RunnableToolkits | undefined;
  planning: PlanningMode | undefined;
  telemetry: TelemetryPlan | undefined;
  record: RecordOptions | undefined;
  runtime: Runtime;
}

const DEFAULT_TIMEOUT: Timeouts = { run: 1_800_000, turn: 600_000, step: 300_000, firstChunk: 300_000, chunk: 120_000, tool: 120_000 };
const UNKNOWN_WINDOW = 128_000;
/** Node's own fetch gives up on a silent response after this. */
const NODE_FETCH_LIMIT_MS = 300_000;

/** Checks the options and fills in the defaults. Throws a `ConfigError` that names the key at fault. */
export function resolveOptions(options: OrchestratorOptions): ResolvedOptions {
  required("options", options);
  knownKeys(options, Object.keys(KNOWN_KEYS), "");
  const ownBackends: Backend[] = [];
  const timeout = { ...DEFAULT_TIMEOUT, ...given("timeout", options.timeout) };
  knownKeys(timeout, Object.keys(DEFAULT_TIMEOUT), "timeout");
  for (const [key, value] of Object.entries(timeout)) atLeast(`timeout.${key}`, value, key === "run" ? 0 : 1, true);
  const prompts = { ...defaultPrompts, ...given("prompts", options.prompts) };
  knownKeys(prompts, Object.keys(defaultPrompts), "prompts");
  for (const [key, text] of Object.entries(prompts))
    if (typeof text !== "function") throw bad(`prompts.${key}`, "must be a function that returns the text");
  const agents = resolveAgents(options.agents, ownBackends, Math.max(timeout.firstChunk, timeout.chunk) > NODE_FETCH_LIMIT_MS);
  const count = agents.length;
  const prices = resolvePrices(options.prices);
  const logging = resolveLogging(options.logging, options.agents);
  const tracing = resolveTracing(options.tracing, options.agents);
  const reviewer = options.reviewer === undefined ? undefined : agents.findIndex(({ id }) => id === options.reviewer);
  if (reviewer === -1)
    throw bad("reviewer", `no agent has the id "${options.reviewer}"; there are ${agents.map(({ id }) => id).join(", ")}`);

  return {
    agents,
    ownBackends,
    core: {
      peerAnswers: oneOf("peerAnswers", options.peerAnswers, ["auto", "interrupt", "inject", "round"]),
      draftQuorum: atLeast("draftQuorum", options.draftQuorum ?? (count === 2 ? 1 : Math.floor(count / 2) + 1), 1),
      draftGraceMs: atLeast("draftGraceMs", options.draftGraceMs ?? 60_000, 0, true),
      voteGraceMs: atLeast("voteGraceMs", options.voteGraceMs ?? 60_000, 0, true),
      coalesceMs: atLeast("coalesceMs", options.coalesceMs ?? 20_000, 0, true),
      selfVote: oneOf("selfVote", options.selfVote, ["discount", "count", "forbid"]),
      answerNovelty: oneOf("answerNovelty", options.answerNovelty, ["lenient", "balanced", "strict"]),
      maxAnswersPerAgent: atLeast("maxAnswersPerAgent", options.maxAnswersPerAgent ?? 3, 1),
      maxEpochs: atLeast("maxEpochs", options.maxEpochs ?? 4, 1),
      maxDecisionRetries: atLeast("maxDecisionRetries", options.maxDecisionRetries ?? 2, 0),
      maxAgentFailures: atLeast("maxAgentFailures", options.maxAgentFailures ?? 3, 1),
      maxAnswerTokens: atLeast("maxAnswerTokens", options.maxAnswerTokens ?? answerShare(agents), 1),
      maxRestarts: atLeast("maxRestarts", options.maxRestarts ?? 0, 0),
      timeoutMs: timeout.run,
      retryBackoffMs: 1_000,
      presentation: oneOf("presentation", options.presentation, ["present", "reuse", "synthesize"]),
      ...(reviewer !== undefined && { reviewer }),
      rule: resolveRule(options.decisionRule),
      rejectionText: prompts.rejection,
    },
    prompts,
    votingSensitivity: oneOf("votingSensitivity", options.votingSensitivity, ["lenient", "balanced", "strict"]),
    timeout,
    maxSteps: atLeast("maxSteps", options.maxSteps ?? 50, 1),
    maxStepRetries: atLeast("maxStepRetries", options.maxStepRetries ?? 2, 0),
    inputTimeoutMs: atLeast("inputTimeoutMs", options.inputTimeoutMs ?? 600_000, 0, true),
    compaction: resolveCompaction(options.compaction),
    budget: resolveBudget(options.budget, agents, prices),
    prices,
    toolkits: resolveToolkits(options, agents),
    planning: resolvePlanningMode(options.planningMode, agents),
    telemetry: logging || tracing ? { logging, tracing } : undefined,
    record: resolveRecord(options.record),
    runtime: options.runtime ?? systemRuntime,
  };
}

function resolveAgents(given: OrchestratorOptions["agents"], ownBackends: Backend[], longWaits: boolean): Agent[] {
  if (!Array.isArray(given) || given.length === 0) throw bad("agents", "must list at least one agent: { id, backend: { type, model } }");
  const agents = given.map((agent, i) => {
    if (agent instanceof Agent) return agent;
    if (typeof agent !== "object" || agent === null)
      throw bad(`agents[${i}]`, `must be an Agent, or { id, backend: { type, model } }, not ${shown(agent)}`);
    knownKeys(agent, AGENT_KEYS, `agents[${i}]`);
    knownKeys(agent.settings ?? {}, SETTING_KEYS, `agents[${i}].settings`);
    const reserved = agent.tools?.find(({ name }) => RESERVED_TOOL_NAMES.includes(name));
    if (reserved !== undefined)
      throw bad(`agents[${i}].tools`, `"${reserved.name}" is one of massgen's own tools; give yours another name`);
    if (typeof agent.backend !== "object" || agent.backend === null) {
      throw bad(
        `agents[${i}].backend`,
        'must be { type, model } or an object that implements Backend, e.g. { type: "openai", model: "gpt-5.2" }',
      );
    }
    if (isBackend(agent.backend)) return new Agent({ ...agent, backend: agent.backend });
    const backend = createBackend(longWaits ? { longWaits, ...agent.backend } : agent.backend);
    ownBackends.push(backend);
    return new Agent({ ...agent, backend });
  });
  const ids = agents.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw bad("agents", `two agents have the id "${twice}"; give each one of its own`);
  return agents;
}

const isBackend = (backend: Backend | BackendConfig): backend is Backend => typeof (backend as Backend).stream === "function";

/** A third of the smallest window, shared by all answers: they are all read at once, and new versions may follow in the same turn. */
function answerShare(agents: Agent[]): number {
  const windows = agents.map(({ backend }) => backend.capabilities.contextWindow ?? UNKNOWN_WINDOW);
  return Math.max(1, Math.floor(Math.min(...windows) / 3 / agents.length));
}

function resolveRule(rule: OrchestratorOptions["decisionRule"]): DecisionRule {
  if (typeof rule === "object" && rule !== null) {
    const fine =
      typeof rule.score === "function" && typeof rule.name === "string" && ["single", "approval", "ranking"].includes(rule.ballot);
    if (!fine)
      throw bad("decisionRule", 'must be a name, or { name, ballot: "single" | "approval" | "ranking", score(ballots, candidates) }');
    return rule;
  }
  const rules = { plurality, approval, borda, unanimity: unanimity() };
  return rules[oneOf("decisionRule", rule, ["plurality", "approval", "borda", "unanimity"])];
}

/** Checks what `run` is given. */
export function checkRunOptions(options: RunOptions, agents: readonly Agent[]): void {
  required("run options", options);
  knownKeys(options, RUN_KEYS, "");
  const { signal, tools = [], settings = {} } = options;
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw bad("signal", "must be an AbortSignal; of an AbortController, pass `controller.signal`");
  }
  if (options.system !== undefined && typeof options.system !== "string")
    throw bad("system", `must be a text, not ${shown(options.system)}`);
  knownKeys(settings, SETTING_KEYS, "settings");
  const names = tools.map(({ name }) => name);
  for (const [i, name] of names.entries()) {
    const path = `tools[${i}]`;
    if (RESERVED_TOOL_NAMES.includes(name))
      throw new ConfigError("reserved_tool", `${path}: "${name}" is one of massgen's own tools; give yours another name`, { path });
    const owner = agents.find((agent) => agent.tools.some((own) => own.name === name));
    if (owner !== undefined)
      throw new ConfigError("duplicate_tool", `${path}: agent "${owner.id}" has a tool named "${name}" of its own; rename one of them`, {
        path,
      });
    if (names.indexOf(name) !== i)
      throw new ConfigError("duplicate_tool", `${path}: two tools are named "${name}"; rename one of them`, { path });
  }
}
