import type { Conversation } from "../conversation.js";
import type { TurnRequest } from "../types.js";
import { knownWindow } from "./learned.js";

/** Taken for the window, where nothing is known of it; a smaller one is told by an overflow. */
const UNKNOWN_WINDOW = 32_768;

/** Whether a request may be near its model's window. Cheap, and on the safe side: a token is hardly ever shorter than a character. */
export function mayBeLong({ system, backend }: TurnRequest, { messages, tools, decisions }: Conversation): boolean {
  const window = knownWindow(backend) ?? UNKNOWN_WINDOW;
  return JSON.stringify([system, messages, tools, decisions]).length > window / 2;
}
