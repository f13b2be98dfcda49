import { estimateTokens } from "../../token-manager/estimate.js";
import { splitText } from "../split.js";
import { checkChatRequest, readChatRequest } from "./chat-request.js";
import type { Dialect, EncodeContext } from "./dialect.js";
import type { Reply, ReplyToolCall } from "./reply.js";

/** OpenAI's chat completions, which most other providers and local servers speak as well. */
export const chatCompletions: Dialect = {
  name: "chat-completions",
  takes: (path) => path === "/v1/chat/completions",
  check: checkChatRequest,
  read: readChatRequest,

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

function argumentsOf(call: ReplyToolCall): string {
  return call.arguments ?? JSON.stringify(call.input ?? {});
}

function finishReason(reply: Reply): string {
  return reply.finishReason ?? (reply.toolCalls?.length ? "tool_calls" : "stop");
}

function usageOf(reply: Reply, { prompt }: EncodeContext): unknown {
  const calls = (reply.toolCalls ?? []).map((call) => call.name + argumentsOf(call)).join("");
  const usage = reply.usage ?? {
    inputTokens: estimateTokens(JSON.stringify([prompt.body.messages, prompt.body.tools])),
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
