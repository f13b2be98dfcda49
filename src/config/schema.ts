import { z } from "zod";
import { priceKeys, pricesSchema } from "./prices.js";
import {
  agentToolKeys,
  contextPathSchema,
  coordinationToolKeys,
  customToolSchema,
  mcpServerSchema,
  orchestratorToolKeys,
} from "./tools/schema.js";

const mapping = z.record(z.string(), z.unknown());
/** On, off, or on with options. */
const feature = z.union([z.boolean(), mapping]);
const levels = z.enum(["lenient", "balanced", "strict"]);
const text = z.string().min(1);
const count = z.int().min(1);
const amount = z.number().min(0);
/** A share of a whole; the second may be none of it. */
const part = z.number().positive().max(1);
const share = z.number().min(0).max(1);
/** Seconds; `null`: no limit. */
const seconds = z.number().positive().nullable();

/** Keys of a backend that are massgen's, those of its agent's tools among them; every other one is a parameter of the API. */
export const backendSchema = z.looseObject({
  type: text,
  model: text.optional(),
  base_url: text.optional(),
  api_key: z.string().optional(),
  provider: text.optional(),
  headers: z.record(z.string(), z.string()).optional(),
  inline_thinking: z.union([z.boolean(), z.literal("already-open")]).optional(),
  long_waits: z.boolean().optional(),
  rate_limits: z
    .strictObject({ requests_per_minute: count.optional(), tokens_per_minute: count.optional(), concurrent: count.optional() })
    .optional(),
  context_window: count.optional(),
  enable_web_search: feature.optional(),
  enable_code_interpreter: feature.optional(),
  enable_code_execution: z.boolean().optional(),
  enable_image_generation: feature.optional(),
  enable_url_context: z.boolean().optional(),
  builtin_tools: z.array(mapping).optional(),
  upload_files: z.array(mapping).optional(),
  prompt_caching: z.union([z.boolean(), z.literal("1h")]).optional(),
  wire: z.enum(["responses", "chat"]).optional(),
  api_version: text.optional(),
  azure_endpoint: text.optional(),
  base_model: text.optional(),
  ...agentToolKeys,
});

const agentSchema = z.strictObject({
  id: text.optional(),
  system_message: z.string().optional(),
  backend: backendSchema,
});

export const compactionMapping = z.strictObject({
  high_water: share.optional(),
  low_water: share.optional(),
  methods: z.array(z.enum(["native", "clear", "summary", "trim"])).optional(),
  keep_exchanges: count.optional(),
  keep_tool_results: z.int().min(0).optional(),
  floor: z.int().min(0).optional(),
  min_saving: share.optional(),
  cool_down: z.int().min(0).optional(),
  timeout_seconds: z.number().positive().optional(),
});
export type CompactionEntry = z.infer<typeof compactionMapping>;

const orchestratorSchema = z.strictObject({
  voting_sensitivity: levels.optional(),
  answer_novelty_requirement: levels.optional(),
  max_new_answers_per_agent: count.nullable().optional(),
  final_answer_strategy: z.enum(["winner_present", "winner_reuse", "synthesize"]).optional(),
  coordination: z.strictObject({ max_orchestration_restarts: z.int().min(0).optional(), ...coordinationToolKeys }).optional(),
  compaction: z.union([z.boolean(), compactionMapping]).optional(),
  reviewer: text.optional(),
  peer_answers: z.enum(["auto", "interrupt", "inject", "round"]).optional(),
  self_vote: z.enum(["discount", "count", "forbid"]).optional(),
  decision_rule: z.enum(["plurality", "approval", "borda", "unanimity"]).optional(),
  max_epochs: count.optional(),
  draft_quorum: count.optional(),
  draft_grace_ms: amount.optional(),
  vote_grace_ms: amount.optional(),
  coalesce_ms: amount.optional(),
  max_decision_retries: z.int().min(0).optional(),
  max_agent_failures: count.optional(),
  max_answer_tokens: count.optional(),
  max_steps: count.optional(),
  max_step_retries: z.int().min(0).optional(),
  budget: z
    .strictObject({
      max_tokens: count.optional(),
      max_usd: z.number().positive().optional(),
      max_tokens_per_agent: count.optional(),
      max_usd_per_agent: z.number().positive().optional(),
      on_unknown_price: z.enum(["deny", "allow"]).optional(),
      warn_at: z.union([part, z.array(part).min(1)]).optional(),
      on_exceed: z.enum(["finish", "abort"]).optional(),
    })
    .optional(),
  ...orchestratorToolKeys,
  prices: pricesSchema.optional(),
  record: text.optional(),
});

const timeoutSchema = z.strictObject({
  orchestrator_timeout_seconds: seconds.optional(),
  turn_timeout_seconds: seconds.optional(),
  step_timeout_seconds: seconds.optional(),
  first_chunk_timeout_seconds: seconds.optional(),
  chunk_timeout_seconds: seconds.optional(),
  tool_timeout_seconds: seconds.optional(),
});

const uiSchema = z.strictObject({ display_type: z.enum(["rich_terminal", "terminal", "simple", "silent"]).optional() });

const loggingMapping = z.strictObject({
  level: text.optional(),
  filter: text.optional(),
  destination: text.optional(),
  pretty: z.boolean().optional(),
});
/** On or off, a level or filter, or options. */
const loggingSchema = z.union([z.boolean(), text, loggingMapping]);

const tracingMapping = z.strictObject({ content: z.boolean().optional() });

/** The file as a whole. Exactly one of `agents` and `agent` is checked where the file is read. */
export const configSchema = z.strictObject({
  agents: z.array(agentSchema).min(1).optional(),
  agent: agentSchema.optional(),
  orchestrator: orchestratorSchema.optional(),
  timeout_settings: timeoutSchema.optional(),
  ui: uiSchema.optional(),
  /** Checked apart, as those of a backend. */
  mcp_servers: z.unknown().optional(),
  logging: loggingSchema.optional(),
  tracing: z.union([z.boolean(), tracingMapping]).optional(),
});

export type ConfigFile = z.infer<typeof configSchema>;
export type BackendEntry = z.infer<typeof backendSchema>;

/** The keys each part of a file may have; parts are named as in messages, list indices left out. */
export const knownKeys: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(configSchema.shape),
  agents: Object.keys(agentSchema.shape),
  agent: Object.keys(agentSchema.shape),
  "agents.backend": Object.keys(backendSchema.shape),
  "agent.backend": Object.keys(backendSchema.shape),
  "agents.backend.rate_limits": Object.keys(backendSchema.shape.rate_limits.unwrap().shape),
  "agent.backend.rate_limits": Object.keys(backendSchema.shape.rate_limits.unwrap().shape),
  orchestrator: Object.keys(orchestratorSchema.shape),
  "orchestrator.coordination": Object.keys(orchestratorSchema.shape.coordination.unwrap().shape),
  "orchestrator.compaction": Object.keys(compactionMapping.shape),
  "orchestrator.budget": Object.keys(orchestratorSchema.shape.budget.unwrap().shape),
  ...priceKeys,
  timeout_settings: Object.keys(timeoutSchema.shape),
  ui: Object.keys(uiSchema.shape),
  mcp_servers: Object.keys(mcpServerSchema.shape),
  "agents.backend.custom_tools": Object.keys(customToolSchema.shape),
  "agent.backend.custom_tools": Object.keys(customToolSchema.shape),
  "orchestrator.context_paths": Object.keys(contextPathSchema.shape),
  logging: Object.keys(loggingMapping.shape),
  tracing: Object.keys(tracingMapping.shape),
};
