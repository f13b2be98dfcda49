import { geminiRule } from "../../api-params-handler/gemini-models.js";
import { estimateTokens } from "../../token-manager/estimate.js";
import { splitText } from "../split.js";
import type { Dialect, EncodeContext } from "./dialect.js";
import { callSignature, isObject } from "./gemini-conversation.js";
import { checkGeminiRequest, geminiPath, readGeminiRequest } from "./gemini-request.js";
import { badRequest, type EmulatedPrompt, type Reply, type ReplyToolCall } from "./reply.js";
import { thoughtSignature } from "./thought-signature.js";
import { type ContextWindow, tokensOf, windowOf } from "./window.js";

type Json = Record<string, unknown>;

/**
 * Gemini's `generateContent`, `streamGenerateContent` (as events, `alt=sse`) and `countTokens`. Calls come whole; arguments that
 * are not JSON become the finish reason `MALFORMED_FUNCTION_CALL`. Reasoning is shown where the request asks for thoughts.
 */
export const gemini: Dialect = {
  name: "gemini",
  takes: (path) => geminiPath(path) !== undefined,
  check: (body, _strict, path) => checkGeminiRequest(body, path),
  read: readGeminiRequest,
  inputTokens,
  overflow(prompt, window) {
    const tokens = inputTokens(prompt);
    if (tokens <= window) return undefined;
    return badRequest(`The input token count (${tokens}) exceeds the maximum number of tokens allowed (${window}).`);
  },
  answer: (prompt, path) => {
    if (geminiPath(path)?.method !== "countTokens") return undefined;
    const totalTokens = inputTokens(prompt);
    return { totalTokens, promptTokensDetails: [{ modality: "TEXT", tokenCount: totalTokens }] };
  },

  stream(reply, context) {
    const head = envelope(reply, context);
    const usage = usageOf(reply, context);
    const early = usage && { promptTokenCount: usage.promptTokenCount, totalTokenCount: usage.promptTokenCount };
    const frame = (part: Json, fields: Json = {}, spent: unknown = early) =>
      JSON.stringify({
        candidates: [{ content: { parts: [part], role: "model" }, ...fields, index: 0 }],
        ...(spent !== undefined && { usageMetadata: spent }),
        ...head,
      });
    const size = reply.chunkSize ?? 16;
    const { parts, last, ...end } = partsOf(reply, context);
    const deltas = parts.flatMap((part) => {
      if (typeof part.text !== "string") return [frame(part)];
      const { text, ...rest } = part;
      return [...splitText(text, size)].map((piece) => frame({ text: piece, ...rest }));
    });
    return { open: [], deltas, finish: [frame(last, end, usage)], trailer: [], done: [] };
  },

  whole(reply, context) {
    const usage = usageOf(reply, context);
    const { parts, last, ...end } = partsOf(reply, context);
    if (reply.fault?.type === "no-finish") end.finishReason = undefined;
    return {
      candidates: [{ content: { parts: last.thoughtSignature ? [...parts, last] : parts, role: "model" }, ...end, index: 0 }],
      ...(usage && { usageMetadata: usage }),
      ...envelope(reply, context),
    };
  },

  refusal: (refusal) => {
    if (refusal.code === "invalid_api_key") {
      return refusal.message.startsWith("You didn't")
        ? { ...refusal, status: 403, message: UNREGISTERED }
        : { ...refusal, status: 400, message: "API key not valid. Please pass a valid API key." };
    }
    if (refusal.code === "model_not_found") {
      const model = /`(.+)`/.exec(refusal.message)?.[1] ?? "";
      const message = `models/${model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to see the list of available models and their supported methods.`;
      return { ...refusal, message };
    }
    return refusal;
  },

  error: ({ status, message, code }) => ({
    error: {
      code: status,
      message,
      status: STATUS[status] ?? (status >= 500 ? "INTERNAL" : "INVALID_ARGUMENT"),
      ...(code === "invalid_api_key" && status === 400 && { details: [KEY_INFO, { ...LOCALIZED, message }] }),
    },
  }),
};

/** The answer to `GET /v1beta/models`, or to one model below it. */
export function geminiModels(ids: readonly string[], windows?: ContextWindow): unknown[] {
  return ids.map((id) => {
    const { contextWindow = 1_048_576, maxOutputTokens = 65_536 } = geminiRule(id);
    return {
      name: `models/${id}`,
      version: "001",
      displayName: id,
      inputTokenLimit: windowOf(windows, id) ?? contextWindow,
      outputTokenLimit: maxOutputTokens,
      supportedGenerationMethods: ["generateContent", "countTokens"],
    };
  });
}

const UNREGISTERED =
  "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
const KEY_INFO = {
  "@type": "type.googleapis.com/google.rpc.ErrorInfo",
  reason: "API_KEY_INVALID",
  domain: "googleapis.com",
  metadata: { service: "generativelanguage.googleapis.com" },
};
const LOCALIZED = { "@type": "type.googleapis.com/google.rpc.LocalizedMessage", locale: "en-US" };
const STATUS: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

interface End extends Json {
  parts: Json[];
  /** The part beside the finish reason: empty, with the signature of a reply without calls. */
  last: Json;
  finishReason: string | undefined;
}

function partsOf(reply: Reply, { prompt }: EncodeContext): End {
  const parts: Json[] = [];
  if (reply.reasoning && showsThoughts(prompt.body)) parts.push({ text: reply.reasoning, thought: true });
  const text = `${reply.text ?? ""}${reply.refusal ?? ""}`;
  if (text) parts.push({ text });
  let signed = geminiRule(prompt.model).signatures === true;
  let malformed: string | undefined;
  for (const call of reply.toolCalls ?? []) {
    const args = argumentsOf(call);
    if (!isObject(args)) {
      malformed = `Malformed function call: ${call.name}(${call.arguments})`;
      continue;
    }
    const functionCall = { ...(call.id !== undefined && { id: call.id }), name: call.name, args };
    parts.push({ functionCall, ...(signed && { thoughtSignature: callSignature(call.name, args) }) });
    signed = false;
  }
  const last = signed && text ? { text: "", thoughtSignature: thoughtSignature(text) } : { text: "" };
  const finishReason = reply.finishReason ?? (malformed === undefined ? "STOP" : "MALFORMED_FUNCTION_CALL");
  return { parts, last, finishReason, ...(malformed !== undefined && { finishMessage: malformed }) };
}

function argumentsOf(call: ReplyToolCall): unknown {
  if (call.arguments === undefined) return call.input ?? {};
  try {
    return JSON.parse(call.arguments);
  } catch {
    return undefined;
  }
}

function showsThoughts(body: Json): boolean {
  const generation = (body.generationConfig ?? {}) as Json;
  return ((generation.thinkingConfig ?? {}) as Json).includeThoughts === true;
}

function envelope(reply: Reply, context: EncodeContext): Json {
  return { modelVersion: reply.model ?? context.prompt.model, responseId: context.newId("emu") };
}

function inputTokens({ body }: EmulatedPrompt): number {
  return tokensOf([body.systemInstruction, body.contents, body.tools]);
}

/** The API counts thoughts apart from the rest of the output. */
function usageOf(reply: Reply, { prompt }: EncodeContext): Json | undefined {
  if (reply.usage === null) return undefined;
  const calls = (reply.toolCalls ?? []).map((call) => call.name + JSON.stringify(argumentsOf(call))).join("");
  const usage = reply.usage ?? {
    inputTokens: inputTokens(prompt),
    outputTokens: estimateTokens((reply.reasoning ?? "") + (reply.text ?? "") + (reply.refusal ?? "") + calls),
    ...(reply.reasoning && { reasoningTokens: estimateTokens(reply.reasoning) }),
  };
  return {
    promptTokenCount: usage.inputTokens,
    candidatesTokenCount: usage.outputTokens - (usage.reasoningTokens ?? 0),
    totalTokenCount: usage.inputTokens + usage.outputTokens,
    ...(usage.cachedInputTokens !== undefined && { cachedContentTokenCount: usage.cachedInputTokens }),
    ...(usage.reasoningTokens !== undefined && { thoughtsTokenCount: usage.reasoningTokens }),
  };
}
