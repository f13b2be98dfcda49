import type { ToolResultPart } from "../../formatter/messages.js";
import { type Bench, failed, mapResults, type Outcome } from "./methods.js";
import { messageTokens } from "./size.js";

/** Below this a result is no longer than what takes its place. */
const WORTH_CLEARING = 60;

/** Takes out old tool results, oldest first, down to the low-water mark. The newest ones stay, and all of the last exchange. */
export function clear({ view, plan, prompts, room, size, factor }: Bench): Outcome {
  const last = view.units.at(-1);
  const results = view.units.flatMap(({ messages }) => messages.flatMap((message) => (message.role === "tool" ? message.content : [])));
  const newest = new Set(plan.keepToolResults === 0 ? [] : results.slice(-plan.keepToolResults));
  let over = size(view) - room.low;
  let cleared = 0;
  const clearOne = (result: ToolResultPart): ToolResultPart => {
    if (over <= 0 || newest.has(result)) return result;
    const tokens = resultTokens(result);
    const { toolName } = result;
    const shorter = { ...result, output: prompts.cleared({ toolName }) };
    const saved = tokens - resultTokens(shorter);
    if (tokens < WORTH_CLEARING || saved <= 0) return result;
    over -= saved * factor;
    cleared++;
    return shorter;
  };
  const units = view.units.map((unit) => (unit === last ? unit : mapResults([unit], clearOne)[0]!));
  return cleared === 0 ? failed("there is no old tool result to take out") : { type: "view", view: { ...view, units } };
}

const counted = new WeakMap<ToolResultPart, number>();

/** Tokens of a result, estimated. */
export function resultTokens(result: ToolResultPart): number {
  const tokens = counted.get(result) ?? messageTokens({ role: "tool", content: [result] });
  counted.set(result, tokens);
  return tokens;
}
