import type { z } from "zod";
import { ConfigError } from "../errors.js";
import { chatParams, checkChatParams } from "./chat-completions.js";
import { type ClaudeApiVersion, checkClaudeParams, claudeParams } from "./claude.js";
import { checkGeminiParams, geminiParams } from "./gemini.js";
import { checkResponsesParams, responsesParams } from "./openai-responses.js";
import { camelCase, type ParamKind, snakeCase } from "./values.js";

/** The APIs that have parameters of their own. */
export type ParamsApi = "chat-completions" | "openai-responses" | "claude" | "gemini";

export interface ParamsSchemaOptions {
  /** Backend type, for messages. Default: the API. */
  type?: string;
  /** Parameters that a server of chat completions reads beyond OpenAI's. Default: none. */
  extras?: Readonly<Record<string, ParamKind>>;
  /** Of Claude. Default `2026-10-21`. */
  apiVersion?: ClaudeApiVersion;
}

type Params = Record<string, unknown>;

/**
 * The parameters of an API as a zod schema, made of the tables of this module: it takes both spellings, refuses what the checks refuse in
 * their words, all of it at once (keys that the API does not have in one issue), and gives the API's spelling. `z.toJSONSchema(schema, { io: "input" })` makes a
 * JSON Schema of it, e.g. for an editor. Loads zod.
 */
export async function paramsSchema(api: ParamsApi, options: ParamsSchemaOptions = {}): Promise<z.ZodType<Params, Params>> {
  const { z } = await import("zod");
  const { table, check } = paramsOf(api, options);
  /** What the check says of one key; `undefined`: nothing. */
  const wrong = (params: Params) => {
    try {
      check(params);
    } catch (error) {
      if (error instanceof ConfigError) return error;
      throw error;
    }
    return undefined;
  };
  const error = ({ path, input }: { path?: PropertyKey[] | undefined; input?: unknown }) =>
    wrong({ [String(path?.at(-1))]: input })?.message;
  const kinds: Readonly<Record<ParamKind, z.ZodType>> = {
    number: z.number({ error }),
    boolean: z.boolean({ error }),
    string: z.string({ error }),
    object: z.record(z.string(), z.unknown(), { error }),
    array: z.array(z.unknown(), { error }),
    any: z.unknown(),
  };
  const shape = Object.entries(table).flatMap(([name, kind]) => {
    const value = kinds[kind].nullable().optional();
    return [...new Set([name, snakeCase(name), camelCase(name)])].map((key) => [key, value] as const);
  });
  const strangers = ({ code, keys = [], input }: { code: string; keys?: string[]; input?: unknown }) =>
    code === "unrecognized_keys" ? keys.map((key) => wrong({ [key]: (input as Params)[key] })?.message).join(" ") : undefined;
  return z.strictObject(Object.fromEntries(shape), { error: strangers }).transform((params: Params, context) => {
    const each = Object.entries(params).flatMap(([key, value]) => wrong({ [key]: value }) ?? []);
    const problems = each.length > 0 ? each : [wrong(params) ?? []].flat();
    for (const { message, path } of problems) context.addIssue({ code: "custom", message, path: path.split(".").slice(1) });
    return problems.length > 0 ? z.NEVER : check(params);
  });
}

function paramsOf(
  api: ParamsApi,
  options: ParamsSchemaOptions,
): { table: Readonly<Record<string, ParamKind>>; check(params: Params): Params } {
  const { type = api, extras = {}, apiVersion = "2026-10-21" } = options;
  switch (api) {
    case "chat-completions":
      return { table: { ...chatParams, ...extras }, check: (params) => checkChatParams(params, { type, extras, maxTokens: "max_tokens" }) };
    case "openai-responses":
      return { table: responsesParams, check: (params) => checkResponsesParams(params, type) };
    case "claude":
      return { table: claudeParams, check: (params) => checkClaudeParams(params, apiVersion) };
    case "gemini":
      return { table: geminiParams, check: (params) => checkGeminiParams(params) };
  }
}
