import type { EventOfType } from "./orchestrator/events.js";
import { dollars, duration, oneLine, plural } from "./terminal-text.js";

/** A compaction in a line, e.g. `history compacted (summary): 90k → 40k tokens for 91,240 tokens, $0.012, in 4.6 s; native failed: …`. */
export function compactionLine(event: Omit<EventOfType<"compaction">, "type">): string {
  const { method, reason, reused, tokensBefore, tokensAfter, durationMs, usage, usd = null, failed = [] } = event;
  const size = sizes(tokensBefore, tokensAfter);
  const spent =
    usage && [plural(usage.inputTokens + usage.outputTokens, "token"), dollars({ usd, complete: true })].filter(Boolean).join(", ");
  const cost = spent === undefined ? "" : `${size === "" ? ":" : ""} for ${spent}`;
  const took = cost === "" || durationMs === undefined ? "" : `, in ${duration(durationMs)}`;
  const before = failed.map((each) => `; ${each.method} failed: ${oneLine(each.why)}`).join("");
  const how = reason === "provider" ? " by the provider" : ` (${oneLine(method)}${reused ? ", as before" : ""})`;
  const why = reason === "overflow" ? ", as it was too long for its model" : "";
  return `history compacted${how}${why}${size}${cost}${took}${before}`;
}

function sizes(before: number | undefined, after: number | undefined): string {
  if (before === undefined) return "";
  return after === undefined ? `: it had ${short(before)} tokens` : `: ${short(before)} → ${short(after)} tokens`;
}

/** Tokens at a glance: `812`, `9.4k`, `90k`, `1.2M`. */
function short(tokens: number): string {
  if (tokens < 1_000) return String(Math.round(tokens));
  if (tokens < 9_950) return `${(tokens / 1_000).toFixed(1)}k`;
  return tokens < 999_500 ? `${Math.round(tokens / 1_000)}k` : `${(tokens / 1e6).toFixed(1)}M`;
}
