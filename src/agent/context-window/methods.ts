import type { Message, ToolMessage, ToolResultPart, UserMessage } from "../../formatter/messages.js";
import { withNote } from "../conversation.js";
import type { SideStep, SideStepEnd } from "../steps/side-step.js";
import type { TurnRequest } from "../types.js";
import type { CompactionPlan, CompactionPrompts } from "./options.js";
import type { Room } from "./size.js";
import type { Unit } from "./units.js";

/** A conversation as it is sent: the messages, and what is said besides in that with the task. */
export interface View {
  units: Unit[];
  /** Takes the place of so many earlier messages. */
  summary?: { text: string; messages: number };
  /** Messages that were left out. */
  left: number;
}

/** What a method works with. */
export interface Bench {
  request: TurnRequest;
  plan: CompactionPlan;
  prompts: CompactionPrompts;
  room: Room;
  /** What a token of our estimate is taken to be to the provider. */
  factor: number;
  view: View;
  /** Exchanges that may go, oldest first. */
  old: Unit[];
  /** Those that stay. */
  kept: Unit[];
  /** Tokens of a conversation with all that goes with it. */
  size(view: View): number;
  /** The conversation with these exchanges around its task. */
  layOut(parts: { units: Unit[]; summary?: View["summary"] | undefined; left?: number }): View;
  /** With so many more tries where it fails of what may pass. Default 0. */
  sideStep(step: SideStep, retries?: number): Promise<SideStepEnd>;
}

/** What came of a method: another view, why there is none, or that the turn is over. */
export type Outcome = { type: "view"; view: View } | { type: "failed"; why: string; error?: unknown } | { type: "over" };

export const failed = (why: string, error?: unknown): Outcome => ({ type: "failed", why, ...(error !== undefined && { error }) });

/** Why not even the shortest text in place of the old exchanges would do: asking for one would be money lost. */
export function hopeless({ view, kept, plan, room, size, layOut }: Bench): string | undefined {
  const [before, least] = [size(view), size(layOut({ units: kept, left: view.left }))];
  if (least > room.high) return `what has to stay takes ${least} tokens, too many already`;
  return least >= before * (1 - plan.minSaving) ? `only ${Math.max(0, before - least)} of ${before} tokens are old enough` : undefined;
}

/** The message with the task, and what is said besides in it. */
export function taskMessage(
  task: UserMessage | undefined,
  { summary, left }: Omit<View, "units">,
  prompts: CompactionPrompts,
): UserMessage {
  const notes = [
    ...(left > 0 ? [prompts.trimmed({ messages: left })] : []),
    ...(summary === undefined ? [] : [`${prompts.resume()}\n\n${summary.text}`]),
  ].join("\n\n");
  return task === undefined ? { role: "user", content: notes } : withNote(task, notes);
}

/** The same units with some of their tool results replaced. */
export function mapResults(units: readonly Unit[], change: (result: ToolResultPart) => ToolResultPart): Unit[] {
  const inMessage = (message: Message): Message => {
    if (message.role !== "tool") return message;
    const content = message.content.map(change);
    return content.every((part, i) => part === message.content[i]) ? message : ({ ...message, content } satisfies ToolMessage);
  };
  return units.map((unit) => {
    const messages = unit.messages.map(inMessage);
    return messages.every((message, i) => message === unit.messages[i]) ? unit : { ...unit, messages };
  });
}
