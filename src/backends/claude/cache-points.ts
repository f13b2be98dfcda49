import type { ClaudeBlock, ClaudeMessage } from "../../formatter/claude.js";

type Json = Record<string, unknown>;

/** As many as the API takes in one request. */
const MOST = 4;

/** What of a request may carry a mark. */
interface Cacheable {
  system: Json[];
  tools: Json[];
  messages: ClaudeMessage[];
}

/**
 * Marks where the prompt cache may stop reading: after the part that is the same in every step of an agent (tools and system),
 * and in a tool loop after the last result, because the next step begins with all of this one. A first step gets no mark at its
 * end: writing what nobody reads again costs a quarter more than not caching it. The user's own marks count against the limit.
 */
export function markCachePoints(request: Cacheable, ttl: boolean | "1h"): Cacheable {
  if (ttl === false) return request;
  const mark = { cache_control: { type: "ephemeral", ...(ttl === "1h" && { ttl }) } };
  const { messages } = request;
  let left = MOST - countMarks([...request.system, ...request.tools, ...messages.flatMap((message) => message.content)]);
  const marked = <T extends Json>(parts: T[]): T[] => {
    const last = parts.at(-1);
    if (last === undefined || left <= 0 || "cache_control" in last || !takesMark(last)) return parts;
    left--;
    return [...parts.slice(0, -1), { ...last, ...mark }];
  };
  const system = marked(request.system);
  const tools = request.system.length === 0 ? marked(request.tools) : request.tools;
  const last = messages.at(-1);
  const looping = last?.role === "user" && last.content.some((block) => block.type === "tool_result");
  if (!last || !looping) return { system, tools, messages };
  return { system, tools, messages: [...messages.slice(0, -1), { ...last, content: marked(last.content) }] };
}

function countMarks(parts: readonly (Json | ClaudeBlock)[]): number {
  return parts.filter((part) => part.cache_control != null).length;
}

function takesMark(part: Json): boolean {
  return part.type !== "thinking" && part.type !== "redacted_thinking" && part.type !== "mcp_toolset";
}
