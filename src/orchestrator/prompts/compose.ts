import { ConfigError } from "../../errors.js";
import type { Message, UserMessage, UserPart } from "../../formatter/messages.js";
import type { Tool } from "../../tools/tool.js";
import type { CoreConfig, TurnOrder } from "../core/types.js";
import { aliasOf } from "../core/types.js";
import type { Prompts, VotingSensitivity } from "./prompts.js";

/** What the caller asked: the message to work on, and the conversation before it. */
export interface Task {
  history: Message[];
  /** None where one agent goes on from tool results. */
  message: UserMessage | undefined;
}

/** `alone`: there is one agent, which may go on from tool results. */
export function taskOf(input: string | Message[], alone = false): Task {
  const messages: Message[] = typeof input === "string" ? [{ role: "user", content: input }] : Array.isArray(input) ? input : [];
  const message = messages.at(-1);
  if (alone && message?.role === "tool") return { history: messages, message: undefined };
  if (message?.role !== "user" || !(message.content?.length > 0)) {
    throw new ConfigError("bad_input", "run(input): give a text that is not empty, or messages of which the last is from the user", {
      path: "input",
    });
  }
  return { history: messages.slice(0, -1), message };
}

export interface Composer {
  prompts: Prompts;
  task: Task;
  votingSensitivity: VotingSensitivity;
  core: Pick<CoreConfig, "answerNovelty" | "presentation" | "rule">;
  /** Tools of the caller, which only the presenter may call. */
  callerTools: Tool[];
}

export interface TurnPrompt {
  system?: string;
  messages: Message[];
}

/** Whom a prompt is for. */
export interface Reader {
  systemMessage?: string | undefined;
  /** Tuned for short system prompts. */
  short?: boolean | undefined;
}

/** The prompt of a turn. Everything before the last paragraphs stays the same from phase to phase, so providers can cache it. */
export function composeTurn(composer: Composer, { systemMessage, short = false }: Reader, order: TurnOrder): TurnPrompt {
  const { prompts, task, callerTools } = composer;
  const sentBack = order.rejected === undefined ? [] : [prompts.sentBack(order.rejected)];
  if (order.phase === "present" && order.candidate?.alone === true) {
    // Nobody to compare with: the model gets the conversation as it is.
    const asked = task.message === undefined ? [] : [task.message];
    const added = sentBack.map((feedback) => text(`\n\n${feedback}`));
    const last = added.length === 0 ? asked : [userMessage([...asked.flatMap(partsOf), ...added])];
    return { ...(systemMessage !== undefined && { system: systemMessage }), messages: task.history.concat(last) };
  }
  const team = prompts.system({ callerTools, short });
  const { before, after } = prompts.task();
  const rest = [...sentBack, instructionsFor(composer, order)].join("\n\n");
  const message = userMessage([text(before), ...(task.message === undefined ? [] : partsOf(task.message)), text(`${after}\n\n${rest}`)]);
  return { system: systemMessage === undefined ? team : `${systemMessage}\n\n${team}`, messages: task.history.concat(message) };
}

/** The message that tells a running turn of new answers. */
export function composeUpdate(composer: Composer, order: TurnOrder): string {
  const known = new Set(order.known);
  const answers = order.answers.filter(({ label }) => !known.has(label));
  const unchanged = order.answers.filter(({ label }) => known.has(label)).map(({ agent }) => aliasOf(agent));
  return composer.prompts.update({ ...evaluation(composer, { ...order, answers }), unchanged });
}

function instructionsFor(composer: Composer, order: TurnOrder): string {
  const { prompts, core } = composer;
  switch (order.phase) {
    case "draft":
      return prompts.draft();
    case "evaluate":
      return prompts.evaluate(evaluation(composer, order));
    case "present":
      return prompts.present({
        answers: readable(order),
        chosen: aliasOf(order.candidate!.agent),
        reasons: (order.votes ?? []).map(({ reason }) => reason).filter((reason) => reason.trim() !== ""),
        presentation: core.presentation,
      });
    case "review":
      return prompts.review({ presented: order.candidate!.content });
  }
}

function evaluation({ votingSensitivity, core }: Composer, order: TurnOrder): Parameters<Prompts["evaluate"]>[0] {
  return {
    answers: readable(order),
    mayAnswer: order.offer.newAnswer,
    mayVote: order.offer.voteFor.length > 0,
    votingSensitivity,
    answerNovelty: core.answerNovelty,
    ballot: core.rule.ballot,
    ...(order.lastTally !== undefined && {
      lastTally: Object.fromEntries(Object.entries(order.lastTally).map(([agent, votes]) => [aliasOf(Number(agent)), votes])),
    }),
  };
}

const readable = (order: TurnOrder) => order.answers.map(({ agent, content }) => ({ alias: aliasOf(agent), content }));

const text = (value: string): UserPart => ({ type: "text", text: value });

export const partsOf = ({ content }: UserMessage): UserPart[] => (typeof content === "string" ? [text(content)] : content);

/** Neighbouring texts become one, and a message of text alone stays a plain string. */
function userMessage(parts: UserPart[]): UserMessage {
  const joined: UserPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part.type === "text" && last?.type === "text") joined[joined.length - 1] = text(last.text + part.text);
    else joined.push(part);
  }
  const [only] = joined;
  return { role: "user", content: joined.length === 1 && only?.type === "text" ? only.text : joined };
}
