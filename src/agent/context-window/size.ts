import type { Backend, BackendRequest } from "../../backends/backend.js";
import type { Message } from "../../formatter/messages.js";
import { estimateTokens, requestTokens } from "../../token-manager/estimate.js";
import type { TurnRequest } from "../types.js";
import { inTime } from "./in-time.js";
import { knownWindow } from "./learned.js";
import type { CompactionPlan } from "./options.js";

/** Tokens of input that there is room for, and the marks below it. */
export interface Room {
  limit: number;
  high: number;
  low: number;
}

/** Left for the reply where nothing says how long it may be. */
const REPLY_TOKENS = 4096;
const MOST_REPLY_TOKENS = 32_768;

export function roomOf(window: number, { settings, backend }: TurnRequest, { highWater, lowWater }: CompactionPlan): Room {
  const most = settings?.maxOutputTokens ?? Math.min(backend.capabilities.maxOutputTokens ?? REPLY_TOKENS, MOST_REPLY_TOKENS, window / 4);
  const limit = Math.max(window - most, window / 2);
  return { limit: Math.floor(limit), high: Math.floor(limit * highWater), low: Math.floor(limit * lowWater) };
}

/** What servers have said of their models. */
const listed = new WeakMap<Backend, Promise<number | undefined>>();
const LIST_TIMEOUT_MS = 5_000;

/**
 * The window of the backend's model: what an overflow has told, what is known of it, what its server lists. The server is asked once,
 * whoever wants to know; again where the turn that asked was over before it answered.
 */
export async function windowOf(request: TurnRequest, signal: AbortSignal): Promise<number | undefined> {
  const { backend } = request;
  const known = knownWindow(backend);
  if (known !== undefined || backend.listModels === undefined) return known;
  let asked = listed.get(backend);
  if (asked === undefined) {
    asked = listedWindow(request, signal);
    listed.set(backend, asked);
  }
  return asked;
}

/** Never rejects: a server without a list is as good as one that does not know. */
async function listedWindow({ backend, runtime, trace }: TurnRequest, asker: AbortSignal): Promise<number | undefined> {
  const list = async (signal: AbortSignal) => backend.listModels?.({ signal, ...(trace && { trace }) });
  try {
    const models = (await inTime(runtime, LIST_TIMEOUT_MS, list, asker)) ?? [];
    if (asker.aborted) listed.delete(backend);
    const model = models.find(({ id }) => id === backend.model) ?? (models.length === 1 ? models[0] : undefined);
    return model?.contextWindow;
  } catch {
    if (asker.aborted) listed.delete(backend);
    return undefined;
  }
}

const counted = new WeakMap<Message, number>();

/** Tokens of a message, estimated. */
export function messageTokens(message: Message): number {
  const known = counted.get(message);
  if (known !== undefined) return known;
  const tokens = requestTokens({ messages: [message] }, estimateTokens);
  counted.set(message, tokens);
  return tokens;
}

/** What the provider said of a message whose own text does not show it. */
export function setMessageTokens(message: Message, tokens: number): void {
  counted.set(message, Math.max(tokens, messageTokens(message)));
}

export function messagesTokens(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + messageTokens(message), 0);
}

/** Tokens of what goes with every step: the system message and the tools. */
export function fixedTokens({ messages: _, ...fixed }: BackendRequest, provider: string): number {
  return requestTokens({ ...fixed, messages: [] }, estimateTokens, provider);
}
