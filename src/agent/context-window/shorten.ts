import type { ToolResultPart } from "../../formatter/messages.js";
import { wholeCharacters } from "../../whole-characters.js";
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
  const head = wholeCharacters(text, part);
  const from = text.length - part;
  const tail = wholeCharacters(text, from) === from ? from : from + 1;
  const note = `\n\n[… ${tail - head} characters in the middle of this result were left out, for it does not fit. Ask the tool for less at a time. …]\n\n`;
  return text.slice(0, head) + note + text.slice(tail);
}
