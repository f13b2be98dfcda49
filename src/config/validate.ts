import type { z } from "zod";
import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { compactionDefaults } from "../orchestrator/compaction-options.js";
import { type LoggingOption, resolveLogging } from "../telemetry/options.js";
import { backendProblems } from "./backends.js";
import { defaultId } from "./options.js";
import { pricesProblems } from "./prices.js";
import type { Path, Problem } from "./problems.js";
import { backendSchema, type ConfigFile, compactionMapping, configSchema } from "./schema.js";
import { toolProblems } from "./tools/problems.js";
import { outdated, partOf, unknownKey } from "./vocabulary.js";

/** Checks a file; `config` is there when nothing is wrong with it. */
export function validate(data: Record<string, unknown>): { config?: ConfigFile; problems: Problem[] } {
  const checked = configSchema.safeParse(data);
  const problems = checked.success ? [] : checked.error.issues.flatMap((issue) => problemsOf(issue, data));
  if ("agents" in data && "agent" in data) {
    problems.push({ path: ["agent"], message: "and agents are both given. Keep `agents`" });
  } else if (!("agents" in data) && !("agent" in data) && !Object.keys(data).some((key) => outdated.has(key))) {
    problems.push({ path: ["agents"], message: "is missing: list the team, e.g. agents: [{ id: ada, backend: { type: vllm } }]" });
  }
  problems.push(...teamProblems(data), ...toolProblems(data, (issue) => problemsOf(issue, data)));
  return { ...(checked.success && problems.length === 0 && { config: checked.data }), problems };
}

/** What shows only when parts are read together: of every part that is sound in itself, whatever the others are. */
function teamProblems(data: Record<string, unknown>): Problem[] {
  const entries: unknown[] = Array.isArray(data.agents) ? data.agents : data.agents === undefined ? [data.agent] : [];
  const ids = entries.map((entry, index): unknown => (entry as { id?: unknown } | undefined | null)?.id ?? defaultId(index));
  const problems = entries.flatMap((entry, index) => {
    const path: Path = Array.isArray(data.agents) ? ["agents", index] : ["agent"];
    const first = ids.indexOf(ids[index]);
    const twice = { path: [...path, "id"], message: `is "${String(ids[index])}", as that of agents[${first}] is. Give each agent its own` };
    const backend = backendSchema.safeParse((entry as { backend?: unknown } | undefined | null)?.backend);
    return [...(first < index ? [twice] : []), ...(backend.success ? backendProblems(backend.data, [...path, "backend"]) : [])];
  });
  problems.push(...loggingProblems(data.logging, ids));
  const { reviewer, prices, compaction } = (data.orchestrator ?? {}) as Record<string, unknown>;
  problems.push(...compactionProblems(compaction));
  problems.push(...pricesProblems(prices));
  if (typeof reviewer === "string" && !ids.includes(reviewer)) {
    problems.push({ path: ["orchestrator", "reviewer"], message: `is "${reviewer}", but no agent is. There are ${ids.join(", ")}` });
  }
  return problems;
}

/** Marks that are the wrong way round. Other mistakes are the schema's to tell. */
function compactionProblems(given: unknown): Problem[] {
  const { success, data } = compactionMapping.safeParse(given);
  if (!success) return [];
  const { highWater, lowWater } = compactionDefaults;
  const { high_water: high = highWater, low_water: low = lowWater } = data;
  if (low < high) return [];
  const key = data.low_water === undefined ? "high_water" : "low_water";
  const message = key === "low_water" ? `must be below high_water (${high}), not ${low}` : `must be above low_water (${low}), not ${high}`;
  return [{ path: ["orchestrator", "compaction", key], message }];
}

/** What is wrong with levels and filters. Other mistakes are the schema's to tell. */
function loggingProblems(given: unknown, ids: readonly unknown[]): Problem[] {
  const checked = configSchema.shape.logging.safeParse(given);
  if (!checked.success) return [];
  try {
    resolveLogging(
      checked.data as LoggingOption | undefined,
      ids.map((id) => ({ id: String(id) })),
      {},
    );
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { path, message } = error;
    return [{ path: path.split("."), message: `is not right: ${message.slice(path.length + 2)}` }];
  }
}

/** Of a switch with options: what is wrong within the options, where they are what was given. */
function withinUnion({ errors }: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue[] | undefined {
  return errors.find((issues) => issues.length > 0 && issues.every(({ code, path }) => code === "unrecognized_keys" || path.length > 0));
}

function problemsOf(issue: z.core.$ZodIssue, data: unknown): Problem[] {
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(partOf(path), key) }));
  }
  const inner = issue.code === "invalid_union" ? withinUnion(issue) : undefined;
  if (inner !== undefined) return inner.flatMap((each) => problemsOf({ ...each, path: [...issue.path, ...each.path] }, data));
  const value = path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], data);
  if (issue.code === "too_small" && issue.origin === "array") return [{ path, message: "must list at least one agent" }];
  if (value === undefined) return [{ path, message: "is missing" }];
  // Keys are shown to nobody, whatever is wrong with them.
  const secret = path.includes("api_key") || path.includes("headers");
  return [{ path, message: `${wanted(issue, value)}, not ${secret ? kindOf(value) : describe(value)}` }];
}

/** Keys that are a switch with a third position. */
const unions: Readonly<Record<string, string>> = {
  inline_thinking: 'must be true, false or "already-open"',
  logging: 'must be true, false, a level, a filter like "info,mcp:off", or a mapping of options',
  prompt_caching: 'must be true, false or "1h"',
  command: "must be a program, or a list of it and its arguments",
  compaction: "must be true, false or a mapping of options",
  tracing: "must be true, false or a mapping in which `content` is true or false",
  warn_at: "must be a part of the caps, above 0 and at most 1, e.g. 0.8, or a list of such parts",
  function: "must be the name of an export, or a list of them",
};

function wanted(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    case "too_small": {
      if (issue.origin === "string") return "must be a text";
      return `must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}`;
    }
    case "too_big":
      return `must be at most ${issue.maximum}`;
    case "invalid_value": {
      const near = typeof value === "string" ? nearest(value, issue.values.map(String)) : undefined;
      const choices = issue.values.join(", ");
      return near === undefined ? `must be one of ${choices}` : `must be one of ${choices} (did you mean "${near}"?)`;
    }
    case "invalid_union":
      return unions[String(issue.path.at(-1))] ?? "must be true, false or a mapping of options";
    default:
      return `is not right (${issue.message})`;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a mapping of keys to values",
  record: "a mapping of keys to values",
  array: "a list",
};

function kindOf(value: unknown): string {
  return typeof value === "object" || value === "" ? describe(value) : `a ${typeof value === "string" ? "text" : typeof value}`;
}

function describe(value: unknown): string {
  if (value === "") return "empty";
  if (Array.isArray(value)) return "a list";
  if (value === null) return "empty";
  return typeof value === "object" ? "a mapping" : JSON.stringify(value);
}
