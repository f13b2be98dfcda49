import type { Emulator } from "../../../src/testing/emulator/emulator.js";

export type Json = Record<string, unknown>;

export const HELLO = { model: "m", messages: [{ role: "user", content: "hello" }] };
export const FUNCTION = { type: "function", function: { name: "look", parameters: { type: "object", properties: {} } } };

/** Posts a chat completions request; `body` is merged over a minimal one. */
export function post(emulator: Emulator, body: Json | string = {}, init: RequestInit = {}): Promise<Response> {
  return fetch(`${emulator.baseUrl}/chat/completions`, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify({ ...HELLO, ...body }),
    ...init,
    headers: { "content-type": "application/json", ...(init.headers as Record<string, string>) },
  });
}

/** The frames of a stream: parsed where they are JSON. */
export function framesOf(body: string): unknown[] {
  return body
    .split(/\r?\n\r?\n/)
    .flatMap((block) => block.split(/\r?\n/))
    .filter((line) => line.startsWith("data: "))
    .map((line) => {
      const data = line.slice(6);
      try {
        return JSON.parse(data);
      } catch {
        return data;
      }
    });
}

interface Choice {
  delta: {
    content?: string;
    reasoning_content?: string;
    refusal?: string;
    tool_calls?: { index: number; id?: string; function: { name?: string; arguments: string } }[];
  };
  finish_reason: string | null;
}

/** A stream put together again, as a client would. */
export function assemble(body: string) {
  const frames = framesOf(body);
  const result = {
    text: "",
    reasoning: "",
    refusal: "",
    calls: [] as { id: string; name: string; arguments: string }[],
    finish: [] as string[],
    usage: undefined as Json | undefined,
    done: frames.at(-1) === "[DONE]",
  };
  for (const frame of frames) {
    if (typeof frame !== "object" || frame === null) continue;
    const { choices = [], usage } = frame as { choices?: Choice[]; usage?: Json | null };
    if (usage) result.usage = usage;
    for (const { delta, finish_reason } of choices) {
      result.text += delta.content ?? "";
      result.reasoning += delta.reasoning_content ?? "";
      result.refusal += delta.refusal ?? "";
      for (const call of delta.tool_calls ?? []) {
        result.calls[call.index] ??= { id: call.id ?? "", name: call.function.name ?? "", arguments: "" };
        (result.calls[call.index] as { arguments: string }).arguments += call.function.arguments;
      }
      if (finish_reason) result.finish.push(finish_reason);
    }
  }
  return result;
}
