import type { ToolResultPart } from "../../formatter/messages.js";
import { estimateTokens } from "../../token-manager/estimate.js";
import { resultTokens } from "./clear.js";
import { type Bench, failed, mapResults, type Outcome, type View } from "./methods.js";
import type { Unit } from "./units.js";

/** Results below this are not shortened. */
const SHORT_RESULT = 500;

/**
 * Leaves out the oldest exchanges, one after the other, down to the low-water mark. Where what must stay does not fit even so, its
 * longest tool results are shortened, and say so.
 */
export function trim(bench: Bench): Outcome {
  const { view, old, room, size, layOut } = bench;
  // What a provider or a model has condensed tells more than any one exchange: it goes last.
  const order = [...old.filter(({ kind }) => kind !== "condensed"), ...old.filter(({ kind }) => kind === "condensed")];
  let { summary, left } = view;
  let units = view.units;
  let now = view;
  const lay = () => {
    now = layOut({ units, ...(summary !== undefined && { summary }), left });
  };
  for (const unit of order) {
    if (size(now) <= (unit.kind === "condensed" ? room.limit : room.low)) break;
    units = units.filter((other) => other !== unit);
    left += unit.messages.length;
    lay();
  }
  if (size(now) > room.limit && summary !== undefined) {
    summary = undefined;
    lay();
  }
  if (size(now) > room.limit) now = shortenResults(bench, now);
  return size(now) < size(view) ? { type: "view", view: now } : failed("there is nothing left that may be left out");
}

function shortenResults({ room, size }: Bench, view: View): View {
  let units: Unit[] = view.units;
  const now = () => ({ ...view, units });
  const long = units
    .flatMap(({ messages }) => messages.flatMap((message) => (message.role === "tool" ? message.content : [])))
    .map((result) => ({ result, tokens: resultTokens(result) }))
    .filter(({ tokens }) => tokens > SHORT_RESULT)
    .sort((a, b) => b.tokens - a.tokens);
  for (const { result, tokens } of long) {
    const over = size(now()) - room.limit;
    if (over <= 0) break;
    const shorter = shortened(result, Math.max(SHORT_RESULT, tokens - over - SHORT_RESULT));
    units = mapResults(units, (other) => (other === result ? shorter : other));
  }
  return now();
}

/** The beginning and the end of a result. */
function shortened(result: ToolResultPart, tokens: number): ToolResultPart {
  const text =
    typeof result.output === "string"
      ? result.output
      : result.output.map((part) => (part.type === "text" ? part.text : `[${part.mediaType} left out]`)).join("\n");
  const part = Math.floor((text.length * Math.min(1, tokens / Math.max(1, estimateTokens(text)))) / 2);
  const missing = text.length - 2 * part;
  if (missing <= 0) return { ...result, output: text };
  const note = `\n\n[… ${missing} characters in the middle of this result were left out, for it does not fit. Ask the tool for less at a time. …]\n\n`;
  return { ...result, output: text.slice(0, part) + note + text.slice(text.length - part) };
}
