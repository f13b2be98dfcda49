import { estimateTokens } from "../../token-manager/estimate.js";
import { splitText } from "../split.js";
import { checkChatRequest, readChatRequest } from "./chat-request.js";
import type { Dialect, EncodeContext } from "./dialect.js";
import { badRequest, type EmulatedPrompt, type Refusal, type Reply, type ReplyToolCall } from "./reply.js";
import { tokensOf } from "./window.js";

/** OpenAI's chat completions, which most other providers and local servers speak as well. */
export const chatCompletions: Dialect = {
  name: "chat-completions",
  takes: (path) => path === "/v1/chat/completions",
  check: checkChatRequest,
  read: readChatRequest,
  inputTokens,
  overflow(prompt, window) {
    const { tokens, asked } = sizes(prompt);
    if (tokens + asked <= window) return undefined;
    const said =
      asked === 0
        ? `your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`
        : `you requested ${tokens + asked} tokens (${tokens} in the messages, ${asked} in the completion). Please reduce the length of the messages or completion.`;
    return badRequest(`This model's maximum context length is ${window} tokens. However, ${said}`, "messages", "context_length_exceeded");
  },

  stream(reply, context) {
    const { prompt } = context;
    const options = prompt.body.stream_options as { include_usage?: boolean } | null | undefined;
    const wantsUsage = options?.include_usage === true && reply.usage !== null;
    const head = JSON.stringify({
      id: context.newId("chatcmpl-"),
      object: "chat.completion.chunk",
      created: Math.floor(context.time / 1000),
      model: reply.model ?? prompt.model,
    }).slice(0, -1);
    const tail = wantsUsage ? ',"usage":null}' : "}";
    const frame = (delta: unknown, reason: string | null = null) =>
      `${head},"choices":[{"index":0,"delta":${JSON.stringify(delta)},"logprobs":null,"finish_reason":${JSON.stringify(reason)}}]${tail}`;

    const size = reply.chunkSize ?? 16;
    const deltas: string[] = [];
    const write = (field: string, text: string | undefined) => {
      for (const piece of splitText(text ?? "", size)) deltas.push(frame({ [field]: piece }));
    };
    write(reply.reasoningField ?? "reasoning_content", reply.reasoning);
    write("content", reply.text);
    write("refusal", reply.refusal);
    for (const [index, call] of (reply.toolCalls ?? []).entries()) {
      const id = call.id ?? context.newId("call_");
      deltas.push(frame({ tool_calls: [{ index, id, type: "function", function: { name: call.name, arguments: "" } }] }));
      for (const piece of splitText(argumentsOf(call), size))
        deltas.push(frame({ tool_calls: [{ index, function: { arguments: piece } }] }));
    }
    return {
      open: [frame({ role: "assistant", content: reply.toolCalls && reply.text === undefined ? null : "", refusal: null })],
      deltas,
      finish: [frame({}, finishReason(reply))],
      trailer: wantsUsage ? [`${head},"choices":[],"usage":${JSON.stringify(usageOf(reply, context))}}`] : [],
      done: ["[DONE]"],
    };
  },

  whole(reply, context) {
    const calls = reply.toolCalls?.map((call) => ({
      id: call.id ?? context.newId("call_"),
      type: "function",
      function: { name: call.name, arguments: argumentsOf(call) },
    }));
    return {
      id: context.newId("chatcmpl-"),
      object: "chat.completion",
      created: Math.floor(context.time / 1000),
      model: reply.model ?? context.prompt.model,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: reply.text ?? null,
            refusal: reply.refusal ?? null,
            ...(reply.reasoning !== undefined && { [reply.reasoningField ?? "reasoning_content"]: reply.reasoning }),
            ...(calls && { tool_calls: calls }),
          },
          logprobs: null,
          finish_reason: reply.fault?.type === "no-finish" ? null : finishReason(reply),
        },
      ],
      ...(reply.usage !== null && { usage: usageOf(reply, context) }),
    };
  },

  error: ({ message, errorType, param, code }) => ({ error: { message, type: errorType, param, code } }),
};

/** The same in vLLM's words and envelope. */
export function vllmOverflow(prompt: EmulatedPrompt, window: number): Refusal | undefined {
  const { tokens, asked } = sizes(prompt);
  if (tokens + asked <= window) return undefined;
  const message =
    asked > 0 && tokens <= window
      ? `'max_tokens' or 'max_completion_tokens' is too large: ${asked}. This model's maximum context length is ${window} tokens and your request has ${tokens} input tokens (${asked} > ${window} - ${tokens}).`
      : `This model's maximum context length is ${window} tokens. However, your request has ${tokens} input tokens. Please reduce the length of the input messages.`;
  const body = { error: { message, type: "BadRequestError", param: null, code: 400 } };
  return { ...badRequest(message), body };
}

function inputTokens({ body }: EmulatedPrompt): number {
  return tokensOf([body.messages, body.tools]);
}

/** What the request reads, and what it wants to have written: these servers count both. */
function sizes(prompt: EmulatedPrompt): { tokens: number; asked: number } {
  const asked = prompt.body.max_completion_tokens ?? prompt.body.max_tokens;
  return { tokens: inputTokens(prompt), asked: typeof asked === "number" ? asked : 0 };
}

function argumentsOf(call: ReplyToolCall): string {
  return call.arguments ?? JSON.stringify(call.input ?? {});
}

function finishReason(reply: Reply): string {
  return reply.finishReason ?? (reply.toolCalls?.length ? "tool_calls" : "stop");
}

function usageOf(reply: Reply, { prompt }: EncodeContext): unknown {
  const calls = (reply.toolCalls ?? []).map((call) => call.name + argumentsOf(call)).join("");
  const usage = reply.usage ?? {
    inputTokens: inputTokens(prompt),
    outputTokens: estimateTokens((reply.reasoning ?? "") + (reply.text ?? "") + (reply.refusal ?? "") + calls),
    reasoningTokens: estimateTokens(reply.reasoning ?? ""),
  };
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens ?? 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0, audio_tokens: 0 },
  };
}
