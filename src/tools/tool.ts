import { ConfigError, MassGenError } from "../errors.js";
import type { ToolDefinition } from "../formatter/messages.js";
import { describeIssues, isStandardSchema, type StandardSchema } from "./standard-schema.js";

/** A tool an agent may call. Without `execute` it belongs to the caller of the run. */
export interface Tool extends ToolDefinition {
  execute?(input: unknown, context: ToolContext): unknown;
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
