import type { BackendChunk, FinishReason } from "../../backends/backend.js";
import type { AssistantMessage, AssistantPart, ReasoningPart, TextPart } from "../../formatter/messages.js";
import { TextBuffer } from "../../text-buffer.js";
import type { Usage } from "../../token-manager/usage.js";
import type { StepEvent } from "../types.js";
import { type StringFieldDecoder, stringFieldDecoder } from "./string-field-decoder.js";

/** A tool call of the reply, under an id that is unique in the turn. */
export interface ReplyCall {
  toolCallId: string;
  /** The id the backend gave it. */
  sentId: string;
  toolName: string;
  input: unknown;
  invalid?: string;
}

/** A call whose arguments are still arriving. */
interface OpenCall {
  sentId: string;
  toolCallId: string;
  raw: string;
  decoder: StringFieldDecoder | undefined;
}

/** What has been decoded of a streamed argument. */
interface StreamedAnswer {
  toolCallId: string;
  text: string;
}

/** What one step has brought so far. Lists where maps would do: they stay short, and an empty map of Node's costs 180 bytes. */
export interface Reply {
  stepId: string;
  /** Read them with `partsOf`. */
  parts: AssistantPart[];
  /** What the last part, a text or reasoning, goes on with. */
  tail: TextBuffer | undefined;
  calls: ReplyCall[];
  open: OpenCall[];
  answers: StreamedAnswer[];
  /** Ids this step has taken from the turn. */
  claimed: string[];
  /** Ids of the built-in tools' calls. */
  builtins: string[];
  usage: Usage | undefined;
  finish: FinishReason | undefined;
  message: AssistantMessage | undefined;
  /** Whether anything at all has arrived. */
  touched: boolean;
  /** Whether a `text-delta` has been emitted. */
  spoke: boolean;
  /** Whether the provider compacted the conversation in this step. */
  compacted: boolean;
}

/** Where the pieces of a reply go. */
export interface ReplySink {
  emit(event: StepEvent): void;
  /** The model has begun writing the streamed argument. */
  writing(): void;
  /** The decision argument to stream, if it is offered now. */
  streamed: { toolName: string; field: string } | undefined;
  /** Tool call ids taken in this turn. */
  usedIds: string[];
}

export function newReply(stepId: string): Reply {
  return {
    stepId,
    parts: [],
    tail: undefined,
    calls: [],
    open: [],
    answers: [],
    claimed: [],
    builtins: [],
    usage: undefined,
    finish: undefined,
    message: undefined,
    touched: false,
    spoke: false,
    compacted: false,
  };
}

/** Adds a chunk to the reply and tells the sink what is new. */
export function takeChunk(reply: Reply, chunk: BackendChunk, sink: ReplySink): void {
  reply.touched = true;
  const { stepId, parts } = reply;
  switch (chunk.type) {
    case "text-delta": {
      if (chunk.delta === "") return;
      const last = parts[parts.length - 1];
      if (last?.type === "text") addTail(reply, chunk.delta);
      else addPart(reply, { type: "text", text: chunk.delta } satisfies TextPart);
      reply.spoke = true;
      sink.emit({ type: "text-delta", stepId, delta: chunk.delta });
      return;
    }
    case "reasoning-delta": {
      if (chunk.delta === "") return;
      const last = parts[parts.length - 1];
      if (last?.type === "reasoning" && last.kind === chunk.kind) addTail(reply, chunk.delta);
      else addPart(reply, { type: "reasoning", text: chunk.delta, ...(chunk.kind && { kind: chunk.kind }) } satisfies ReasoningPart);
      if (chunk.kind === undefined) sink.emit({ type: "reasoning-delta", stepId, delta: chunk.delta });
      else sink.emit({ type: "reasoning-delta", stepId, delta: chunk.delta, kind: chunk.kind });
      return;
    }
    case "tool-input-start":
      openCall(reply, chunk.toolCallId, chunk.toolName, sink);
      return;
    case "tool-input-delta": {
      const call = openOf(reply, chunk.toolCallId) ?? openCall(reply, chunk.toolCallId, undefined, sink);
      call.raw += chunk.delta;
      if (call.decoder !== undefined) addAnswer(reply, call.toolCallId, call.decoder.push(chunk.delta), sink);
      return;
    }
    case "tool-call":
      closeCall(reply, chunk, sink);
      return;
    case "builtin-tool":
      takeBuiltin(reply, chunk, sink);
      return;
    case "file":
      if (!chunk.partial) addPart(reply, { type: "file", mediaType: chunk.mediaType, data: chunk.data });
      sink.emit({ ...chunk, stepId });
      return;
    case "compaction":
      reply.compacted = true;
      sink.emit({ ...chunk, stepId, reason: "provider" });
      return;
    case "source":
    case "warning":
      sink.emit({ ...chunk, stepId });
      return;
    case "usage":
      reply.usage = chunk.usage;
      return;
    case "message":
      if (chunk.message.role === "assistant") reply.message = chunk.message;
      return;
    case "finish":
      reply.finish = chunk.reason;
      return;
    case "response-metadata":
      return;
  }
}

type BuiltinChunk = Extract<BackendChunk, { type: "builtin-tool" }>;
type ToolCallChunk = Extract<BackendChunk, { type: "tool-call" }>;

function takeBuiltin(reply: Reply, chunk: BuiltinChunk, sink: ReplySink): void {
  const { stepId } = reply;
  const { id: toolCallId, toolName } = chunk;
  if (!reply.builtins.includes(toolCallId)) {
    reply.builtins.push(toolCallId);
    sink.emit({ type: "tool-call", stepId, toolCallId, toolName, input: chunk.input ?? null, builtin: true });
  }
  if (chunk.state === "started") return;
  const isError = chunk.state === "failed";
  sink.emit({ type: "tool-result", stepId, toolCallId, toolName, output: chunk.output ?? null, isError, builtin: true });
}

/** An id of the turn's own: the one given, if it is free. */
export function claimId(reply: Reply, sentId: string, used: string[]): string {
  let id = sentId;
  for (let n = 1; id === "" || used.includes(id); n++) id = `call_${n}`;
  used.push(id);
  reply.claimed.push(id);
  return id;
}

function openCall(reply: Reply, sentId: string, toolName: string | undefined, sink: ReplySink): OpenCall {
  const streams = toolName !== undefined && toolName === sink.streamed?.toolName;
  const decoder = streams && sink.streamed !== undefined ? stringFieldDecoder(sink.streamed.field) : undefined;
  const call: OpenCall = { sentId, toolCallId: claimId(reply, sentId, sink.usedIds), raw: "", decoder };
  reply.open = reply.open.filter((other) => other.sentId !== sentId);
  reply.open.push(call);
  if (streams) sink.writing();
  return call;
}

function closeCall(reply: Reply, chunk: ToolCallChunk, sink: ReplySink): void {
  const { toolCallId: sentId, toolName, input, invalid } = chunk;
  const open = openOf(reply, sentId);
  reply.open = reply.open.filter((call) => call !== open);
  const toolCallId = open?.toolCallId ?? claimId(reply, sentId, sink.usedIds);
  reply.calls.push({ toolCallId, sentId, toolName, input, ...(invalid !== undefined && { invalid }) });
  addPart(reply, { type: "tool-call", toolCallId, toolName, input, ...(invalid !== undefined && { invalid }) });
  if (toolName !== sink.streamed?.toolName) return;
  sink.writing();
  // What the decoder has not shown: all of it where the backend sent no deltas, the rest where it mended the JSON.
  const content = invalid === undefined ? (input as Record<string, unknown> | null)?.[sink.streamed.field] : undefined;
  const shown = answerOf(reply, toolCallId)?.text ?? "";
  if (typeof content === "string" && content.startsWith(shown)) addAnswer(reply, toolCallId, content.slice(shown.length), sink);
}

function addAnswer(reply: Reply, toolCallId: string, delta: string, sink: ReplySink): void {
  if (delta === "") return;
  const answer = answerOf(reply, toolCallId);
  if (answer === undefined) reply.answers.push({ toolCallId, text: delta });
  else answer.text += delta;
  sink.emit({ type: "answer-delta", stepId: reply.stepId, delta, toolCallId });
}

const openOf = (reply: Reply, sentId: string): OpenCall | undefined => reply.open.find((call) => call.sentId === sentId);

const answerOf = (reply: Reply, toolCallId: string): StreamedAnswer | undefined =>
  reply.answers.find((answer) => answer.toolCallId === toolCallId);

function addTail(reply: Reply, delta: string): void {
  reply.tail ??= new TextBuffer();
  reply.tail.add(delta);
}

function addPart(reply: Reply, part: AssistantPart): void {
  partsOf(reply).push(part);
}

/** What has been said so far, whole. */
export function partsOf(reply: Reply): AssistantPart[] {
  const last = reply.parts.at(-1);
  if (reply.tail !== undefined && (last?.type === "text" || last?.type === "reasoning")) last.text += reply.tail.drain();
  return reply.parts;
}

/** The reply's plain text. */
export function replyText(reply: Reply): string {
  let text = "";
  for (const part of partsOf(reply)) if (part.type === "text") text += part.text;
  return text;
}

/** Its plain text and what has been written of a streamed decision. */
export function partialText(reply: Reply): string {
  return [replyText(reply), ...reply.answers.map(({ text }) => text)].filter((text) => text !== "").join("\n\n");
}

/** The reply as a message to send back: as the backend gave it, else built from the chunks. Nothing, if it is empty. */
export function replyMessage(reply: Reply): AssistantMessage | undefined {
  const message = reply.message;
  if (message === undefined) {
    const content = partsOf(reply);
    return content.length === 0 ? undefined : { role: "assistant", content };
  }
  if (message.content.length === 0) return undefined;
  if (typeof message.content === "string" || reply.calls.every((call) => call.sentId === call.toolCallId)) return message;
  const calls = [...reply.calls];
  const content = message.content.map((part) => {
    if (part.type !== "tool-call") return part;
    const index = calls.findIndex((call) => call.sentId === part.toolCallId);
    const [call] = index === -1 ? [] : calls.splice(index, 1);
    return call === undefined ? part : { ...part, toolCallId: call.toolCallId };
  });
  return { ...message, content };
}
