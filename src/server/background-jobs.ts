import { textOf } from "../formatter/messages.js";
import type { RunRequest } from "./requests/run-request.js";

/**
 * What chat programs ask beside the conversation: a title, tags, follow-up questions, a search query. One agent is enough
 * for that. Recognised are requests of at most 4 messages, without tools (but for one that must be called, which is a form
 * to fill in), whose last user message or system message asks for one of these in the words that Open WebUI, LibreChat,
 * Continue, LobeChat and Zed use.
 */
export function isBackgroundJob(request: RunRequest): boolean {
  if (request.tools.length > 0 && typeof request.toolChoice !== "object") return false;
  if (request.messages.length > 4) return false;
  const last = request.messages.at(-1);
  if (last?.role !== "user") return false;
  const asked = [request.system ?? "", textOf(last.content)];
  return asked.some((text) => PATTERNS.some((pattern) => pattern.test(text)));
}

const PATTERNS = [
  // Open WebUI's task templates
  /^### Task:\s+Generate a concise, \d-\d word title/,
  /^### Task:\s+Generate \d-\d broad tags/,
  /^### Task:\s+Suggest \d-\d relevant follow-up/,
  /^### Task:\s+Analyze the chat history to determine the necessity of generating search queries/,
  /^### Task:\s+You are an autocompletion system/,
  // LibreChat
  /\b(Provide|Write) a concise,? (five|5)-word(-or-less| or less)? title for (the|this) conversation/i,
  /^Analyze this conversation and provide:\s+1\. The detected language of the conversation\s+2\. A concise title\b/,
  /\bPlease generate a concise title \(max \d+ characters\) for a conversation that starts with\b/,
  /\bDetect user language and write in the same language an extremely concise title\b/,
  // Continue
  /\bplease reply with a title for the chat that is \d-\d words in length\b/,
  // Zed
  /^Generate a concise \d-\d word title for this conversation\b/,
  // others
  /^(Please )?(generate|create|write) a (short|concise|brief)[\w ,-]{0,40} title for (this|the) (chat|conversation|thread|session)\b/i,
];
