import { ConfigError, MassGenError } from "../errors.js";
import type { ToolDefinition } from "../formatter/messages.js";
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

/** Names of arguments that hold a path or a list of paths. */
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
   * "done", anything else as JSON. What it throws is told to the model as an error. Left out, the tool belongs to the
   * caller: only the presenter may call it, and the run waits for `run.respond`.
   */
  execute?: ((input: ToolInput<Schema>, context: ToolContext) => unknown) | undefined;
}

/** Names of the orchestrator's own tools. */
export const RESERVED_TOOL_NAMES: readonly string[] = ["new_answer", "vote", "submit", "restart_orchestration"];

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/**
 * Makes a tool.
 * @throws ConfigError for a name that providers refuse or the orchestrator owns, or a schema that is not of an object.
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
  const definition: Tool = { name, description, inputSchema: jsonSchemaOf(name, input) };
  if (execute === undefined) return definition;
  if (!isStandardSchema(input)) return { ...definition, execute: (value, context) => execute(value as ToolInput<Schema>, context) };
  return {
    ...definition,
    async execute(value, context) {
      const result = await input["~standard"].validate(value);
      if (result.issues !== undefined) {
        const issues = describeIssues(result.issues);
        throw new MassGenError(
          "invalid_tool_input",
          `The arguments of "${name}" are not valid: ${issues}. Correct them and call it again.`,
        );
      }
      return execute(result.value as ToolInput<Schema>, context);
    },
  };
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
