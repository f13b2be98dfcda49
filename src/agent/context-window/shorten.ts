import type { ToolResultPart } from "../../formatter/messages.js";
import { resultTokens } from "./clear.js";

/** What shortened results were before, so that one that is shortened again says how much of it is missing. */
const wholes = new WeakMap<ToolResultPart, ToolResultPart>();

/** The beginning and the end of a result, in at most so many tokens where the note between them allows it. */
export function shortened(result: ToolResultPart, tokens: number): ToolResultPart {
  const size = resultTokens(result);
  if (size <= tokens) return result;
  const whole = wholes.get(result) ?? result;
  const text = plainText(whole);
  let part = Math.ceil((text.length * Math.min(1, tokens / size)) / 2);
  for (;;) {
    const shorter = { ...whole, output: ends(text, part) };
    if (resultTokens(shorter) <= tokens || part === 0) {
      wholes.set(shorter, whole);
      return resultTokens(shorter) < size ? shorter : result;
    }
    part = Math.floor(part * 0.8);
  }
}

function plainText({ output }: ToolResultPart): string {
  if (typeof output === "string") return output;
  return output.map((part) => (part.type === "text" ? part.text : `[${part.mediaType} left out]`)).join("\n");
}

function ends(text: string, part: number): string {
  if (2 * part >= text.length) return text;
  // Not between the halves of a surrogate pair.
  const head = isLow(text, part) ? part - 1 : part;
  const tail = isLow(text, text.length - part) ? text.length - part + 1 : text.length - part;
  const note = `\n\n[… ${tail - head} characters in the middle of this result were left out, for it does not fit. Ask the tool for less at a time. …]\n\n`;
  return text.slice(0, Math.max(0, head)) + note + text.slice(tail);
}

function isLow(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return at > 0 && code >= 0xdc00 && code <= 0xdfff;
}
