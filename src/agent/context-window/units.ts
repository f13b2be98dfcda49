import type { Message } from "../../formatter/messages.js";

/**
 * What is kept or goes as a whole. `task`: the message that says what to do, with the answers as they stand. `condensed`: what a
 * provider made of earlier messages.
 */
export interface Unit {
  kind: "exchange" | "task" | "condensed";
  messages: Message[];
  /** It came before the task. */
  before: boolean;
  /** Of what is condensed: the messages it stands for, and how many those are of the conversation's. */
  of?: Message[];
  count?: number;
}

/**
 * The whole exchanges of a conversation. Before the task one goes from a user's message to the next; after it, from a reply of the
 * model's to the next, so that a call stays with its result and a note with what it is about.
 */
export function unitsOf(messages: readonly Message[], taskAt: number): Unit[] {
  const units: Unit[] = [];
  for (const [index, message] of messages.entries()) addTo(units, message, index, taskAt);
  return units;
}

export function addTo(units: Unit[], message: Message, index: number, taskAt: number): void {
  const before = index < taskAt;
  const last = units.at(-1);
  const said = last?.messages.at(-1)?.role;
  const starts = before ? message.role === "user" && said !== "user" : message.role === "assistant" && said !== "assistant";
  if (index === taskAt) units.push({ kind: "task", messages: [message], before: false });
  else if (last?.kind !== "exchange" || last.before !== before || starts) units.push({ kind: "exchange", messages: [message], before });
  else last.messages.push(message);
}

/** Messages of the conversation that units stand for. */
export const countOf = (units: readonly Unit[]): number => units.reduce((sum, { count, messages }) => sum + (count ?? messages.length), 0);

export const messagesOf = (units: readonly Unit[]): Message[] => units.flatMap(({ messages }) => messages);
