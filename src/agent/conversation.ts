import type { BackendRequest } from "../backends/backend.js";
import type { AssistantMessage, Message, ToolChoice, ToolDefinition, ToolResultPart, UserMessage } from "../formatter/messages.js";
import { type Reply, replyMessage } from "./steps/reply.js";
import type { TurnRequest, TurnUpdate } from "./types.js";

/** What the model has been told and may call; grows from step to step. */
export interface Conversation {
  /** Replaced, never changed: at first it is the turn's request's. */
  messages: Message[];
  tools: ToolDefinition[];
  decisions: ToolDefinition[];
  toolChoice: ToolChoice | undefined;
  /** Every decision that was offered at some time, or that the request names. */
  decisionNames: readonly string[];
  /** Tool call ids in use. A list: they stay few, and an empty set of Node's costs 180 bytes. */
  ids: string[];
  /** Which message is the newest reply in which the provider compacted all that came before it, until that is taken in. */
  compactedAt?: number | undefined;
}

export function openConversation(request: TurnRequest): Conversation {
  const conversation: Conversation = {
    messages: request.messages,
    tools: request.tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
    decisions: [],
    toolChoice: undefined,
    decisionNames: request.knownDecisions ?? [],
    ids: [],
  };
  for (const message of request.messages) {
    if (message.role !== "assistant" || typeof message.content === "string") continue;
    for (const part of message.content) if (part.type === "tool-call") conversation.ids.push(part.toolCallId);
  }
  offer(conversation, request.decisions, request.toolChoice);
  return conversation;
}

/** Replaces the decisions the model may take. */
function offer(conversation: Conversation, decisions: ToolDefinition[], toolChoice: ToolChoice | undefined): void {
  conversation.decisions = decisions;
  conversation.toolChoice = toolChoice;
  const known = conversation.decisionNames;
  const more = decisions.map(({ name }) => name).filter((name) => !known.includes(name));
  if (more.length > 0) conversation.decisionNames = [...known, ...more];
}

function addMessage(conversation: Conversation, message: Message): void {
  conversation.messages = [...conversation.messages, message];
}

function addNote(conversation: Conversation, note: string): void {
  addMessage(conversation, { role: "user", content: note });
}

/** Puts a note at the end of what the user has said last. */
export function addToLastMessage(conversation: Conversation, note: string | undefined): void {
  const last = conversation.messages.at(-1);
  if (note === undefined || note === "") return;
  if (last?.role !== "user") return addNote(conversation, note);
  conversation.messages = [...conversation.messages.slice(0, -1), withNote(last, note)];
}

/** The message with a note at its end. */
export function withNote({ content }: UserMessage, note: string | undefined): UserMessage {
  if (note === undefined || note === "") return { role: "user", content };
  return {
    role: "user",
    content: typeof content === "string" ? `${content}\n\n${note}` : [...content, { type: "text", text: `\n\n${note}` }],
  };
}

/** What the model has to know before it goes on, and what it may decide from then on. */
export function addNews(conversation: Conversation, { note, decisions, toolChoice }: Omit<TurnUpdate, "note"> & { note?: string }): void {
  if (note !== undefined) addNote(conversation, note);
  offer(conversation, decisions, toolChoice);
}

export function addReply(conversation: Conversation, reply: Reply): void {
  const message = replyMessage(reply);
  if (message === undefined) return;
  if (reply.compacted && standsForMore(message)) conversation.compactedAt = conversation.messages.length;
  addMessage(conversation, message);
}

/** Whether what the provider has made of the conversation is in it. Where it is not, only the messages themselves tell the model. */
const standsForMore = ({ content }: AssistantMessage): boolean =>
  typeof content !== "string" && content.some(({ type }) => type === "provider");

/** Frees the ids of a reply that has come to nothing. */
export function forgetIds(conversation: Conversation, { claimed }: Reply): void {
  if (claimed.length > 0) conversation.ids = conversation.ids.filter((id) => !claimed.includes(id));
}

export function addResults(conversation: Conversation, content: ToolResultPart[]): void {
  addMessage(conversation, { role: "tool", content });
}

export function isOffered(conversation: Conversation, decision: string): boolean {
  return conversation.decisions.some(({ name }) => name === decision);
}

export function offeredNames(conversation: Conversation): string[] {
  return [...conversation.tools, ...conversation.decisions].map(({ name }) => name);
}

/**
 * Once ordinary tools have run, a forced choice that no decision can satisfy has had its effect: kept up, it would make
 * the model call tools for ever.
 */
export function relaxToolChoice(conversation: Conversation): void {
  const { toolChoice: choice } = conversation;
  if (choice === "required" && conversation.decisions.length === 0) conversation.toolChoice = undefined;
  if (typeof choice === "object" && !isOffered(conversation, choice.toolName)) conversation.toolChoice = undefined;
}

/** The request of the next step, with these messages. */
export function stepRequest(conversation: Conversation, request: TurnRequest, messages = conversation.messages): BackendRequest {
  const { capabilities } = request.backend;
  const tools = capabilities.tools === false ? [] : [...conversation.tools, ...conversation.decisions];
  const toolChoice = tools.length === 0 ? undefined : allowedChoice(conversation.toolChoice, capabilities.toolChoice);
  return {
    ...(request.system !== undefined && { system: request.system }),
    messages: [...messages],
    ...(tools.length > 0 && { tools }),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(request.settings !== undefined && { settings: request.settings }),
    ...(request.params !== undefined && { params: request.params }),
  };
}

/** The strongest form of a choice that the model takes: the named tool, else any tool, else none. */
function allowedChoice(choice: ToolChoice | undefined, can: { required?: boolean; named?: boolean } = {}): ToolChoice | undefined {
  if (choice === undefined || choice === "auto" || choice === "none") return choice;
  if (choice !== "required" && can.named === true) return choice;
  return can.required === true ? "required" : undefined;
}
