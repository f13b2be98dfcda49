import type { ChatProviderData } from "../../formatter/chat-completions.js";
import type { AssistantMessage, AssistantPart } from "../../formatter/messages.js";

type Detail = Record<string, unknown>;

/** Joins streamed pieces of `reasoning_details` into the blocks that they are pieces of. */
export function addDetails(blocks: Detail[], pieces: readonly Detail[]): void {
  for (const piece of pieces) {
    const last = blocks.at(-1);
    if (last && last.type === piece.type && last.index === piece.index && !(last.id && piece.id && last.id !== piece.id)) {
      for (const [key, value] of Object.entries(piece)) {
        if (value == null) continue;
        const grows = key === "text" || key === "summary" || key === "data";
        last[key] = grows && typeof last[key] === "string" ? `${last[key]}${value}` : value;
      }
    } else blocks.push({ ...piece });
  }
}

/** The whole reply, for servers that want some of it back as it came. */
export function replyMessage(
  reply: { text: string; reasoning: string; calls: AssistantPart[] },
  data: ChatProviderData,
  origin: { provider: string; endpoint: string; model: string },
): AssistantMessage {
  const content: AssistantPart[] = [];
  if (reply.reasoning) content.push({ type: "reasoning", text: reply.reasoning });
  if (reply.text) content.push({ type: "text", text: reply.text });
  content.push(...reply.calls, { type: "provider", ...origin, data });
  return { role: "assistant", content };
}
