import type { BackendRequest } from "../../backends/backend.js";
import { errorInfo, MassGenError } from "../../errors.js";
import type { Message, UserPart } from "../../formatter/messages.js";
import { estimateTokens } from "../../token-manager/estimate.js";
import { wholeCharacters } from "../../whole-characters.js";
import { replyText } from "../steps/reply.js";
import { type Bench, failed, hopeless, type Outcome } from "./methods.js";
import { summaryParams } from "./summary-params.js";
import { countOf } from "./units.js";

/** Requests for one summary. A conversation that would take more is trimmed. */
const MOST_PARTS = 64;
/** Tokens of a part below which a summary would be of scraps. */
const SHORTEST_PART = 100;
/** Hardly any model writes more than this in one go, however large its window. */
const MOST_WORDS = 4000;

/** Has the same model write a summary of the old exchanges, part by part where they do not fit its window. */
export async function summary(bench: Bench): Promise<Outcome> {
  const { request, plan, prompts, view, room, factor, old, kept, layOut } = bench;
  if (old.length === 0) return failed("no exchange is old enough");
  const why = hopeless(bench);
  if (why !== undefined) return failed(why);
  const system = prompts.summary();
  const words = Math.min(MOST_WORDS, Math.max(150, Math.floor((room.low * 0.75) / 4)));
  // In our own tokens; a third of the room, or what there is, for the summary that is carried from part to part.
  const most = Math.floor(room.limit / factor) - estimateTokens(system) - FRAME;
  const budget = most - Math.max(Math.floor(most / 3), estimateTokens(view.summary?.text ?? ""));
  if (budget < SHORTEST_PART) return failed("the window is too small for the request");
  const parts = split(
    old.flatMap((unit) => (unit.of ?? unit.messages).map(written)),
    budget,
  );
  if (parts.length > MOST_PARTS) return failed(`it would take ${parts.length} requests`);
  let text = view.summary?.text;
  for (const part of parts) {
    const end = await bench.sideStep(
      {
        purpose: "compaction",
        backend: request.backend,
        request: { system, messages: [{ role: "user", content: asked(part, text, words) }], ...given(request, words) },
        limitMs: plan.timeoutMs,
        take(reply) {
          const said = replyText(reply).trim();
          const { finish } = reply;
          if (finish === "refusal" || finish === "content-filter")
            throw new MassGenError("empty_summary", "the model refused to write a summary");
          if (said === "") throw new MassGenError("empty_summary", "the model wrote no summary");
          text = finish === "length" ? `${said}\n\n[The summary ends here: it was cut off at its greatest length.]` : said;
        },
      },
      request.maxStepRetries,
    );
    if (end.type === "over") return end;
    if (end.type === "failed") return failed(errorInfo(end.error).message, end.error);
  }
  const messages = (view.summary?.messages ?? 0) + countOf(old);
  return { type: "view", view: layOut({ units: kept, summary: { text: text!, messages }, left: view.left }) };
}

/** Of the agent's settings and parameters, those that are not about its own replies. A limit on those is only where a summary fits. */
function given({ settings, params, backend }: Bench["request"], words: number): Pick<BackendRequest, "settings" | "params"> {
  const limit = settings?.maxOutputTokens;
  const most = backend.capabilities.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  return {
    ...(limit !== undefined && { settings: { maxOutputTokens: Math.max(limit, Math.min(most, words * 2)) } }),
    ...(params !== undefined && { params: summaryParams(params) }),
  };
}

/** What is put around a part. */
const FRAME = 50;

function asked(part: string, earlier: string | undefined, words: number): string {
  const carried = earlier === undefined ? "" : `<earlier_summary>\n${inert(earlier)}\n</earlier_summary>\n\n`;
  return `${carried}<conversation>\n${inert(part)}\n</conversation>\n\nWrite the summary now, in at most ${words} words.`;
}

/** What was said cannot end its own quotation. */
const inert = (text: string): string => text.replaceAll(/<(?=\/?(?:conversation|earlier_summary)\b)/gi, "&lt;");

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
  const at = wholeCharacters(text, Math.ceil(text.length / 2));
  return at <= 0 ? [text] : [...cut(text.slice(0, at), tokens), ...cut(text.slice(at), tokens)];
}
