import type { TraceContext } from "../backends/backend.js";
import { ConfigError, MassGenError } from "../errors.js";
import type { ToolDefinition } from "../formatter/messages.js";
import { nearest } from "../nearest-key.js";
import { describeIssues, isStandardSchema, type StandardSchema } from "./standard-schema.js";

/** A tool an agent may call. Without `execute` it belongs to the caller of the run. */
export interface Tool extends ToolDefinition {
  execute?(input: unknown, context: ToolContext): unknown;
  /** What it does to the world, in MCP's words; hints, no guarantees. */
  annotations?: ToolAnnotations;
  /** Whether the caller of the run must allow a call before it is made. Default: never. */
  needsApproval?: boolean | ((input: unknown, context: ToolContext) => boolean | Promise<boolean>);
  /** Milliseconds; `Infinity` for none. Default: the orchestrator's `timeout.tool`. */
  timeoutMs?: number;
  /** Arguments that name files, by what is done to them: checked against what the agent may touch, where it has a workspace. */
  paths?: ToolPaths;
  /** Where its effects end. `workspace`: in the agent's own directory. Default: from `annotations`, else `outside`. */
  effects?: "none" | "workspace" | "outside";
}

/** As in the Model Context Protocol. */
export interface ToolAnnotations {
  title?: string;
  readOnlyHint?: boolean;
  destructiveHint?: boolean;
  idempotentHint?: boolean;
  openWorldHint?: boolean;
}

/**
 * Names of arguments that hold a path or a list of paths; `files.path` is the `path` of the object `files`, or of each in a list.
 * Of an argument called `url` or `uri`, `file:` URIs are paths. The tool gets each path real and absolute.
 */
export interface ToolPaths {
  reads?: readonly string[];
  writes?: readonly string[];
  deletes?: readonly string[];
}

/** What a tool learns about the call. */
export interface ToolContext {
  runId: string;
  agentId: string;
  turnId: string;
  toolCallId: string;
  signal: AbortSignal;
  /** The `context` given to `orchestrator.run`. */
  context: unknown;
  /** The agent's own directory, where it has one. */
  workspace?: string;
  /** Keeps what is too long for a result where the agent can read it; returns the path to tell the model. Where it has a workspace. */
  saveFile?(name: string, data: string | Uint8Array): Promise<string>;
  /** To send on to whatever the tool calls, as headers say: the span of this call where the run is traced, else the caller's own. */
  trace?: TraceContext;
  /** Each call is a `tool-log` event. */
  logger: ToolLogger;
}

export interface ToolLogger {
  debug(message: string, data?: unknown): void;
  info(message: string, data?: unknown): void;
  warn(message: string, data?: unknown): void;
  error(message: string, data?: unknown): void;
}

/** A plain JSON Schema (draft 2020-12) of an object: `{ type: "object", properties: { … } }`. */
export type JsonSchema = Record<string, unknown>;

/** What `execute` gets: the schema's output, or any object where the schema is plain JSON Schema. */
export type ToolInput<Schema> = Schema extends { readonly "~standard": { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly output: infer Output }
    ? Output
    : unknown
  : Record<string, unknown>;

export interface ToolOptions<Schema extends StandardSchema | JsonSchema> {
  /** Letters, digits, `_` and `-`, at most 64 of them. */
  name: string;
  /** Tells the model what it does and when to use it. */
  description: string;
  /**
   * Its arguments, an object: a Standard Schema that can write itself as JSON Schema (zod from 4.2), which also checks
   * and transforms them before `execute`; or a plain JSON Schema, which is only shown to the model.
   */
  input: Schema;
  /**
   * Does the work. A returned string is given to the model as it is, a list of text or file parts too, `undefined` as
   * "done", anything else as JSON. Of an async iterable, e.g. an async generator, the last value is the result and every
   * one before it a `tool-progress` event. What it throws is told to the model as an error, and to the caller of the run
   * in the `tool-result` event. Left out, the tool belongs to the caller: only the presenter may call it, and the run
   * waits for `run.respond`.
   */
  execute?: ((input: ToolInput<Schema>, context: ToolContext) => unknown) | undefined;
  /**
   * Whether the caller of the run must allow a call before it is made: always, or as the function says. The call then
   * waits, as an `input-request` of kind `approval`, for `run.respond(requestId, true | false | { approved, reason, input })`,
   * and is denied at its timeout. Not asked about arguments that the schema refuses. Default: never.
   */
  needsApproval?: boolean | ((input: ToolInput<Schema>, context: ToolContext) => boolean | Promise<boolean>) | undefined;
  /** Milliseconds for one call, waiting for an approval not counted; `Infinity` for none. Default: the orchestrator's `timeout.tool`. */
  timeoutMs?: number | undefined;
  /** What it does to the world. Hints: nothing checks them. */
  annotations?: ToolAnnotations | undefined;
  /** Arguments that name files, e.g. `{ reads: ["source"], writes: ["target"] }`: checked where the agent has a workspace. */
  paths?: ToolPaths | undefined;
  /** Where its effects end, which decides what planning mode holds back. Default: `none` with `readOnlyHint`, else `outside`. */
  effects?: Tool["effects"] | undefined;
}

/** Names of the orchestrator's own tools. */
export const RESERVED_TOOL_NAMES: readonly string[] = ["new_answer", "vote", "submit", "restart_orchestration"];

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const EFFECTS: readonly unknown[] = ["none", "workspace", "outside"];
const OTHER_KEYS = ["description", "input", "execute", "needsApproval"];
const ALL_KEYS = [...OTHER_KEYS, "name", "timeoutMs", "annotations", "paths", "effects"];

/**
 * Makes a tool.
 * @throws ConfigError for a name that providers refuse or the orchestrator owns, a schema that is not of an object, or an option
 * that is not known.
 */
export function tool<const Schema extends StandardSchema | JsonSchema>(options: ToolOptions<Schema>): Tool {
  const { name, description, input, execute } = options;
  if (typeof name !== "string" || !NAME.test(name)) {
    const message = `A tool's name must be 1 to 64 letters, digits, "_" or "-", got ${JSON.stringify(name)}.`;
    throw new ConfigError("bad_tool_name", message, { path: "name" });
  }
  if (RESERVED_TOOL_NAMES.includes(name)) {
    throw new ConfigError("reserved_tool_name", `The tool name "${name}" belongs to the orchestrator. Choose another.`, { path: "name" });
  }
  const definition: Tool = { name, description, inputSchema: jsonSchemaOf(name, input), ...hintsOf(options) };
  const { needsApproval } = options;
  if (execute === undefined) {
    if (needsApproval === undefined) return definition;
    throw bad(name, "needsApproval", "needs `execute`: a tool without it is carried out by the caller, who can refuse it there");
  }
  const parse = isStandardSchema(input) ? (value: unknown) => validated<ToolInput<Schema>>(name, input, value) : undefined;
  return {
    ...definition,
    execute: parse ? async (value, context) => execute(await parse(value), context) : (value, context) => execute(value as never, context),
    ...(needsApproval !== undefined && { needsApproval: approvalOf(needsApproval, parse) }),
  };
}

/** Arguments that the schema refuses are refused before anybody is asked about them. */
function approvalOf<Input>(
  needs: boolean | ((input: Input, context: ToolContext) => boolean | Promise<boolean>),
  parse: ((value: unknown) => Promise<Input>) | undefined,
): NonNullable<Tool["needsApproval"]> {
  if (needs === false) return false;
  if (parse === undefined) return needs === true ? true : (value, context) => needs(value as Input, context);
  return async (value, context) => {
    const input = await parse(value);
    return needs === true ? true : needs(input, context);
  };
}

async function validated<Input>(name: string, schema: StandardSchema, value: unknown): Promise<Input> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value as Input;
  const issues = describeIssues(result.issues);
  throw new MassGenError("invalid_tool_input", `The arguments of "${name}" are not valid: ${issues}. Correct them and call it again.`);
}

/** What is known of a tool besides its definition, checked. */
function hintsOf({ name, timeoutMs, annotations, paths, effects, ...rest }: ToolOptions<StandardSchema | JsonSchema>): Partial<Tool> {
  for (const key of Object.keys(rest)) {
    if (OTHER_KEYS.includes(key)) continue;
    const near = nearest(key, ALL_KEYS);
    throw bad(name, key, `is not known${near === undefined ? "" : `; did you mean "${near}"?`}`);
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0)) throw bad(name, "timeoutMs", "must be a number of milliseconds above 0");
  if (effects !== undefined && !EFFECTS.includes(effects)) throw bad(name, "effects", `must be one of ${EFFECTS.join(", ")}`);
  return {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(annotations !== undefined && { annotations }),
    ...(paths !== undefined && { paths }),
    ...(effects !== undefined && { effects }),
  };
}

function bad(name: string, key: string, problem: string): ConfigError {
  return new ConfigError("bad_option", `Tool "${name}": ${key} ${problem}.`, { path: key });
}

function jsonSchemaOf(name: string, input: StandardSchema | JsonSchema): JsonSchema {
  const schema = isStandardSchema(input) ? writtenSchema(name, input) : input;
  if (typeof schema !== "object" || schema === null || schema.type !== "object") {
    const message = `The input of tool "${name}" must be the schema of an object, e.g. \`z.object({ … })\` or { type: "object", properties: { … } }.`;
    throw new ConfigError("bad_tool_input", message, { path: "input" });
  }
  const { $schema: _, ...rest } = schema; // says nothing to a model, and some APIs refuse it
  return rest;
}

function writtenSchema(name: string, schema: StandardSchema): JsonSchema {
  const { jsonSchema, vendor } = schema["~standard"];
  if (jsonSchema === undefined) {
    const message = `The input of tool "${name}" (${vendor}) cannot write itself as JSON Schema. Use zod 4.2 or later, or give a JSON Schema.`;
    throw new ConfigError("bad_tool_input", message, { path: "input" });
  }
  try {
    return jsonSchema.input({ target: "draft-2020-12" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The input of tool "${name}" has no JSON Schema: ${why}. Use types that JSON has.`;
    throw new ConfigError("bad_tool_input", message, { path: "input", cause });
  }
}
