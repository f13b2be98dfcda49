import type { CompactionOptions } from "../agent/context-window/options.js";
import type { AgentConfig, OrchestratorOptions, Timeouts } from "../orchestrator/options.js";
import type { LoggingOption } from "../telemetry/options.js";
import { backendConfig } from "./backends.js";
import { pricesOf } from "./prices.js";
import type { CompactionEntry, ConfigFile } from "./schema.js";
import { agentTools, teamTools } from "./tools/options.js";

/** The id of an agent that has none; also what models read of it. */
export const defaultId = (index: number): string => `agent${index + 1}`;

const presentations = { winner_present: "present", winner_reuse: "reuse", synthesize: "synthesize" } as const;

/** A checked file as options. Relative paths are meant from `folder`. */
export function toOptions(config: ConfigFile, folder: string): OrchestratorOptions & { agents: AgentConfig[] } {
  const entries = config.agents ?? (config.agent ? [config.agent] : []);
  const agents = entries.map(
    ({ id, system_message, backend }, index): AgentConfig => ({
      id: id ?? defaultId(index),
      ...(system_message !== undefined && { systemMessage: system_message }),
      backend: backendConfig(backend),
      ...agentTools(backend, config, folder),
    }),
  );
  const {
    coordination,
    budget,
    compaction,
    prices,
    final_answer_strategy: strategy,
    max_new_answers_per_agent: answers,
    ...rest
  } = config.orchestrator ?? {};
  const timeout = timeouts(config.timeout_settings ?? {});
  const options: Omit<OrchestratorOptions, "agents"> = defined({
    peerAnswers: rest.peer_answers,
    draftQuorum: rest.draft_quorum,
    draftGraceMs: rest.draft_grace_ms,
    voteGraceMs: rest.vote_grace_ms,
    coalesceMs: rest.coalesce_ms,
    selfVote: rest.self_vote,
    answerNovelty: rest.answer_novelty_requirement,
    votingSensitivity: rest.voting_sensitivity,
    // MassGen's `null` is "no limit"; the epochs still end it.
    maxAnswersPerAgent: answers === null ? Number.MAX_SAFE_INTEGER : answers,
    maxEpochs: rest.max_epochs,
    maxDecisionRetries: rest.max_decision_retries,
    maxAgentFailures: rest.max_agent_failures,
    maxAnswerTokens: rest.max_answer_tokens,
    maxSteps: rest.max_steps,
    maxStepRetries: rest.max_step_retries,
    maxRestarts: coordination?.max_orchestration_restarts,
    reviewer: rest.reviewer,
    presentation: strategy && presentations[strategy],
    decisionRule: rest.decision_rule,
    timeout: Object.keys(timeout).length > 0 ? timeout : undefined,
    compaction: typeof compaction === "object" ? compactionOf(compaction) : compaction,
    budget:
      budget &&
      defined({
        maxTokens: budget.max_tokens,
        maxUsd: budget.max_usd,
        maxTokensPerAgent: budget.max_tokens_per_agent,
        maxUsdPerAgent: budget.max_usd_per_agent,
        onUnknownPrice: budget.on_unknown_price,
        warnAt: budget.warn_at,
        onExceed: budget.on_exceed,
      }),
    prices: prices && pricesOf(prices),
    logging: loggingOf(config.logging),
    tracing: typeof config.tracing === "object" ? defined(config.tracing) : config.tracing,
    record: rest.record,
  });
  return { agents, ...options, ...teamTools(config, folder) };
}

/** Its level and filter have been checked. */
function loggingOf(given: ConfigFile["logging"]): LoggingOption | undefined {
  return (typeof given === "object" ? defined(given) : given) as LoggingOption | undefined;
}

function compactionOf(given: CompactionEntry): CompactionOptions {
  return defined({
    highWater: given.high_water,
    lowWater: given.low_water,
    methods: given.methods,
    keepExchanges: given.keep_exchanges,
    keepToolResults: given.keep_tool_results,
    floor: given.floor,
    minSaving: given.min_saving,
    coolDown: given.cool_down,
    timeoutMs: given.timeout_seconds === undefined ? undefined : milliseconds(given.timeout_seconds),
  });
}

const milliseconds = (seconds: number): number => Math.max(1, Math.round(seconds * 1000));

function timeouts(given: NonNullable<ConfigFile["timeout_settings"]>): Partial<Timeouts> {
  const ms = (seconds: number | null | undefined) =>
    seconds === null ? Number.POSITIVE_INFINITY : seconds === undefined ? undefined : milliseconds(seconds);
  return defined({
    run: ms(given.orchestrator_timeout_seconds),
    turn: ms(given.turn_timeout_seconds),
    step: ms(given.step_timeout_seconds),
    firstChunk: ms(given.first_chunk_timeout_seconds),
    chunk: ms(given.chunk_timeout_seconds),
    tool: ms(given.tool_timeout_seconds),
  });
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the keys whose value is undefined. */
function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}
