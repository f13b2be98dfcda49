import type { ModelSettings } from "../backends/backend.js";
import { ConfigError } from "../errors.js";
import type { CheckedClaudeParams, ClaudeApiVersion } from "./claude.js";
import { type ClaudeEffort, type ClaudeModel, defaultMaxTokens } from "./claude-models.js";
import { isObject } from "./values.js";

/** What the handler needs to know of whom it asks. */
export interface ClaudeParamsTarget {
  /** As asked for, e.g. `claude-sonnet-4-5`. */
  model: string;
  rules: ClaudeModel;
  apiVersion: ClaudeApiVersion;
  /** Server tools of the config. Default: none. */
  serverTools?: readonly Record<string, unknown>[];
}

/** A request's parameters, sorted by where they go. */
export interface ClaudeRequestParams {
  /** Top-level fields of the body. */
  body: Record<string, unknown>;
  headers: Record<string, string>;
  /** Parts of the system prompt. */
  system: Record<string, unknown>[];
  /** Server tools: those of the config, and a toolset of every MCP server. */
  tools: Record<string, unknown>[];
  disableParallelToolUse: boolean | undefined;
  /** What was asked for and cannot be sent. */
  warnings: string[];
}

/** The parameters of one request: those of the config, then the neutral settings, then those of the request, later ones winning. */
export function claudeRequestParams(
  config: CheckedClaudeParams,
  settings: ModelSettings | undefined,
  request: CheckedClaudeParams,
  target: ClaudeParamsTarget,
): ClaudeRequestParams {
  const warnings: string[] = [];
  const { serverTools = [] } = target;
  const layers = [config, settings ? settingsParams(settings, target, { ...config, ...request }, warnings) : {}, request];
  const merged: Record<string, unknown> & CheckedClaudeParams = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer)) {
      const merge = (key === "output_config" || key === "extra_body") && isObject(value) && isObject(merged[key]);
      merged[key] = merge ? { ...(merged[key] as object), ...(value as object) } : value;
    }
  }
  for (const [key, value] of Object.entries(merged)) if (value === null) delete merged[key];
  const { betas, disable_parallel_tool_use, user_profile_id, workspace_id, extra_body, system, ...body } = merged;
  body.max_tokens = maxTokens(body, settings, target);
  const wanted = [...new Set([...(betas ?? []).map(String), ...betasOf(body)])];
  return {
    body: { ...body, ...extra_body },
    headers: {
      ...(wanted.length > 0 && { "anthropic-beta": wanted.join(",") }),
      ...(user_profile_id && { "anthropic-user-profile-id": user_profile_id }),
      ...(workspace_id && { "anthropic-workspace-id": workspace_id }),
    },
    system: typeof system === "string" ? [{ type: "text", text: system }] : ((system ?? []) as Record<string, unknown>[]),
    tools: [...serverTools, ...toolsetsOf(body.mcp_servers, serverTools)],
    disableParallelToolUse: disable_parallel_tool_use ?? undefined,
    warnings,
  };
}

function settingsParams(
  settings: ModelSettings,
  target: ClaudeParamsTarget,
  own: CheckedClaudeParams,
  warnings: string[],
): CheckedClaudeParams & Record<string, unknown> {
  const params: CheckedClaudeParams & Record<string, unknown> = {};
  if (settings.maxOutputTokens !== undefined) params.max_tokens = settings.maxOutputTokens;
  if (settings.stop?.length) params.stop_sequences = settings.stop;
  if (settings.seed !== undefined) warnings.push("The Messages API has no seed; the setting was left out.");
  if (settings.presencePenalty || settings.frequencyPenalty) warnings.push("The Messages API has no penalties; they were left out.");
  const format = settings.responseFormat;
  if (format?.type === "json") warnings.push("The Messages API has no JSON mode without a schema; the response format was left out.");
  if (format?.type === "json-schema") params.output_config = { format: { type: "json_schema", schema: format.schema } };
  if (settings.reasoningEffort !== undefined) {
    const { output_config: config, ...rest } = effortParams(settings.reasoningEffort, target, own, warnings);
    Object.assign(params, rest);
    if (config) params.output_config = { ...params.output_config, ...config };
  }
  const thinking = (params.thinking ?? own.thinking) as { type?: string } | null | undefined;
  const thinks = thinking?.type === "enabled" || thinking?.type === "adaptive";
  const { temperature, topP } = settings;
  if (temperature === undefined && topP === undefined) return params;
  if (target.apiVersion !== "2023-06-01" || !target.rules.sampling) {
    warnings.push(`"${target.model}" takes no temperature and no topP here; they were left out.`);
  } else if (thinks) warnings.push("While Claude thinks it takes no temperature and no topP; they were left out.");
  else if (temperature !== undefined) {
    params.temperature = Math.min(temperature, 1);
    if (temperature > 1) warnings.push(`Claude takes a temperature up to 1; 1 was sent instead of ${temperature}.`);
    if (topP !== undefined) warnings.push("Claude takes temperature or topP; topP was left out.");
  } else if (topP !== undefined) params.top_p = topP;
  return params;
}

type Effort = NonNullable<ModelSettings["reasoningEffort"]>;

/** Thinking budgets, in tokens, for models that have no levels of effort. */
const BUDGETS: Record<Exclude<Effort, "none">, number> = { minimal: 1024, low: 4096, medium: 10_000, high: 20_000, xhigh: 40_000 };

function effortParams(
  effort: Effort,
  { model, rules }: ClaudeParamsTarget,
  own: CheckedClaudeParams,
  warnings: string[],
): CheckedClaudeParams {
  const thinking = own.thinking === undefined; // the user's own word on thinking stands
  const can = (type: ClaudeModel["thinking"][number]) => rules.thinking.includes(type);
  if (effort === "none") {
    const off = can("disabled") ? "disabled" : can("between_tools") ? "between_tools" : undefined;
    if (off) return thinking ? { thinking: { type: off } } : {};
    warnings.push(`"${model}" always thinks; the effort "low" was sent instead of "none".`);
    return { output_config: { effort: "low" } };
  }
  const level = rules.efforts.length > 0 ? levelOf(effort, rules.efforts) : undefined;
  // Newer models keep their thoughts to themselves unless asked.
  if (can("adaptive")) {
    return {
      ...(thinking && { thinking: { type: "adaptive", display: "summarized" } }),
      ...(level && { output_config: { effort: level } }),
    };
  }
  if (can("enabled")) {
    return {
      ...(thinking && { thinking: { type: "enabled", budget_tokens: BUDGETS[effort] } }),
      ...(level && { output_config: { effort: level } }),
    };
  }
  warnings.push(`"${model}" does not think; the reasoning effort was left out.`);
  return {};
}

function levelOf(effort: Exclude<Effort, "none">, levels: readonly ClaudeEffort[]): ClaudeEffort {
  if (effort === "minimal") return "low";
  return levels.includes(effort) ? effort : "high";
}

/** What may be written, thinking included; a thinking budget must fit in. */
function maxTokens(body: Record<string, unknown>, settings: ModelSettings | undefined, { model, rules }: ClaudeParamsTarget): number {
  const thinking = body.thinking as { type?: string; budget_tokens?: number } | undefined;
  const budget = thinking?.type === "enabled" ? (thinking.budget_tokens ?? 0) : 0;
  const given = body.max_tokens as number | undefined;
  if (given === undefined) return Math.max(defaultMaxTokens(rules), Math.min(rules.maxOutput, budget + 16_000));
  if (budget === 0 || budget < given) return given;
  // A budget that came from the effort gives way to the limit; one the user wrote does not.
  const ours = settings?.reasoningEffort !== undefined && Object.values(BUDGETS).includes(budget);
  if (!ours) {
    const message = `The thinking budget of "${model}" (${budget} tokens) must be below \`max_tokens\` (${given}). Lower one or raise the other.`;
    throw new ConfigError("invalid_value", message, { path: "params.thinking.budget_tokens" });
  }
  if (given >= 2048) body.thinking = { ...thinking, budget_tokens: Math.max(1024, Math.floor(given / 2)) };
  else delete body.thinking;
  return given;
}

/** The betas that parameters need. */
function betasOf(body: Record<string, unknown>): string[] {
  const betas: string[] = [];
  if (body.mcp_servers) betas.push("mcp-client-2025-11-20");
  const edits = (body.context_management as { edits?: { type?: string }[] } | undefined)?.edits;
  if (edits) {
    if (edits.some((edit) => edit?.type === "compact_20260112")) betas.push("compact-2026-01-12");
    if (edits.some((edit) => edit?.type !== "compact_20260112")) betas.push("context-management-2025-06-27");
  }
  if (body.fallbacks) betas.push("server-side-fallback-2026-07-01");
  if (body.speed) betas.push("fast-mode-2026-02-01");
  if (isObject(body.container) && body.container.skills) betas.push("skills-2025-10-02");
  return betas;
}

/** Every MCP server needs a toolset; the plain one is added where the user wrote none. */
function toolsetsOf(servers: unknown, tools: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  if (!Array.isArray(servers)) return [];
  const have = new Set(tools.map((tool) => tool.mcp_server_name));
  return servers.flatMap((server) =>
    isObject(server) && !have.has(server.name) ? [{ type: "mcp_toolset", mcp_server_name: server.name }] : [],
  );
}
