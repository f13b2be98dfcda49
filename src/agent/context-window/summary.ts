import { errorInfo, MassGenError } from "../../errors.js";
import type { Message, UserPart } from "../../formatter/messages.js";
import { estimateTokens } from "../../token-manager/estimate.js";
import { replyText } from "../reply.js";
import { type Bench, failed, type Outcome } from "./methods.js";

/** Requests for one summary. A conversation that would take more is trimmed. */
const MOST_PARTS = 64;

/** Has the same model write a summary of the old exchanges, part by part where they do not fit its window. */
export async function summary(bench: Bench): Promise<Outcome> {
  const { request, plan, prompts, view, room, old, kept, layOut } = bench;
  if (old.length === 0) return failed("no exchange is old enough");
  const system = prompts.summary();
  // A third of the room for what is written and carried from part to part; an estimate may be short of the truth by as much again.
  const budget = Math.floor(room.limit / 2) - estimateTokens(system);
  const parts = split(
    old.flatMap((unit) => (unit.of ?? unit.messages).map(written)),
    budget,
  );
  if (parts.length > MOST_PARTS) return failed(`it would take ${parts.length} requests`);
  let text = view.summary;
  for (const part of parts) {
    const end = await bench.sideStep({
      purpose: "compaction",
      backend: request.backend,
      request: {
        system,
        messages: [{ role: "user", content: asked(part, text, room.low) }],
        ...(request.settings?.maxOutputTokens !== undefined && { settings: { maxOutputTokens: request.settings.maxOutputTokens } }),
        ...(request.params !== undefined && { params: request.params }),
      },
      limitMs: plan.timeoutMs,
      take(reply) {
        const said = replyText(reply).trim();
        const { finish } = reply;
        if (finish === "refusal" || finish === "content-filter")
          throw new MassGenError("empty_summary", "the model refused to write a summary");
        if (said === "") throw new MassGenError("empty_summary", "the model wrote no summary");
        text = finish === "length" ? `${said}\n\n[The summary ends here: it was cut off at its greatest length.]` : said;
      },
    });
    if (end.type === "over") return end;
    if (end.type === "failed") return failed(errorInfo(end.error).message, end.error);
  }
  return { type: "view", view: layOut({ units: kept, summary: text, left: view.left }) };
}

function asked(part: string, earlier: string | undefined, low: number): string {
  const words = Math.max(150, Math.floor((low * 0.75) / 4));
  const carried = earlier === undefined ? "" : `<earlier_summary>\n${earlier}\n</earlier_summary>\n\n`;
  return `${carried}<conversation>\n${part}\n</conversation>\n\nWrite the summary now, in at most ${words} words.`;
}

/** A message as the summary's writer reads it. */
function written(message: Message): string {
  if (typeof message.content === "string") return `[${message.role}]\n${message.content}`;
  const parts = message.content.map((part) => {
    switch (part.type) {
      case "tool-call":
        return `(calls ${part.toolName} with ${typeof part.input === "string" ? part.input : JSON.stringify(part.input)})`;
      case "tool-result":
        return `(${part.isError ? "error" : "result"} of ${part.toolName}) ${typeof part.output === "string" ? part.output : userText(part.output)}`;
      case "reasoning":
      case "provider":
        return "";
      default:
        return userText([part]);
    }
  });
  return `[${message.role}]\n${parts.filter((part) => part !== "").join("\n")}`;
}

const userText = (parts: readonly UserPart[]): string =>
  parts
    .map((part) => (part.type === "text" ? part.text : `[${part.mediaType} file${part.filename === undefined ? "" : ` ${part.filename}`}]`))
    .join("\n");

/** Texts joined into parts of at most so many tokens; a longer one is cut. */
function split(texts: readonly string[], tokens: number): string[] {
  const parts: string[] = [];
  let part = "";
  let size = 0;
  for (const piece of texts.flatMap((text) => cut(text, tokens))) {
    const more = estimateTokens(piece);
    if (part !== "" && size + more > tokens) {
      parts.push(part);
      part = "";
      size = 0;
    }
    part += part === "" ? piece : `\n\n${piece}`;
    size += more;
  }
  return part === "" ? parts : [...parts, part];
}

function cut(text: string, tokens: number): string[] {
  const size = estimateTokens(text);
  if (size <= tokens) return [text];
  const half = Math.ceil(text.length / 2);
  // Not between the halves of a surrogate pair.
  const at = /[\uD800-\uDBFF]/.test(text.charAt(half - 1)) ? half + 1 : half;
  return at >= text.length ? [text] : [...cut(text.slice(0, at), tokens), ...cut(text.slice(at), tokens)];
}
