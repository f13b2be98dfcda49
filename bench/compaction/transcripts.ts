import type { Message } from "../../src/formatter/messages.js";
import { defaultPrompts } from "../../src/orchestrator/prompts/prompts.js";
import { CHAT, CODING, EVALUATION, type Place, RESEARCH } from "./facts.js";
import { type Writer, writer } from "./text.js";

/** What an agent says in one step, the tool it calls, and what comes of it. */
export interface ScriptedStep {
  say: string;
  tool: string;
  input: Record<string, unknown>;
  result: string;
  /** What it is told after the result: answers that have changed. */
  update?: string;
}

export interface Transcript {
  name: string;
  system: string;
  /** What came before the task. */
  history: Message[];
  task: string;
  steps: ScriptedStep[];
  /** The task with the answers as they stand at the end, where they have changed. */
  restated?: string;
  facts: { place: Place; fact: string }[];
}

/** The four conversations that are compacted. */
export const transcripts = (): Transcript[] => [coding(), research(), chat(), evaluation()];

const factsOf = (given: Partial<Record<Place, string[]>>): Transcript["facts"] =>
  Object.entries(given).flatMap(([place, facts]) => facts.map((fact) => ({ place: place as Place, fact })));

/** Plants facts in texts at even distances. */
function spread(to: Writer, texts: string[], facts: readonly string[] = []): string[] {
  const planted = [...texts];
  for (const [i, fact] of facts.entries()) {
    const at = Math.floor(((i + 0.5) * texts.length) / facts.length);
    planted[at] = to.plant(planted[at]!, fact);
  }
  return planted;
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

/** A coding agent's tool loop: files read, tests run. */
function coding(): Transcript {
  const to = writer(11);
  const calls = times(48, (i) => (i % 3 === 2 ? "run_tests" : "read_file"));
  const says = spread(
    to,
    calls.map((tool) => `${to.paragraph(2)} ${tool === "run_tests" ? "I run the tests again." : "I read the next file."}`),
    CODING.assistant,
  );
  const results = spread(
    to,
    calls.map((tool) => (tool === "run_tests" ? to.tests(to.int(70, 130)) : to.code(to.int(14, 34)))),
    CODING.tool,
  );
  return {
    name: "coding",
    system: "You are a careful engineer. Work with the tools until the task is done.",
    history: [],
    task: `The export of settled invoices hangs about once a week. Find out why, and mend it. ${CODING.user?.join(" ")}`,
    steps: calls.map((tool, i) => ({
      say: says[i]!,
      tool,
      input: tool === "run_tests" ? { only: to.name() } : { path: to.path() },
      result: results[i]!,
    })),
    facts: factsOf(CODING),
  };
}

/** Research: few calls with long results, prose and figures, and a note after each. */
function research(): Transcript {
  const to = writer(12);
  const says = spread(
    to,
    times(22, () => to.paragraph(to.int(6, 10))),
    RESEARCH.assistant,
  );
  const results = spread(
    to,
    times(22, (i) => `${to.prose(to.int(14, 22))}\n\n${to.figures(to.int(40, 90))}\n\n${to.prose(i % 2 === 0 ? 4 : 10)}`),
    RESEARCH.tool,
  );
  return {
    name: "research",
    system: "You are a historian of trade. Cite what you rely on.",
    history: [],
    task: `How did the carrying trade of the northern ports change between 1895 and 1925? ${RESEARCH.user?.join(" ")}`,
    steps: says.map((say, i) => ({
      say,
      tool: "fetch_source",
      input: { query: `${to.name()} ${to.int(1895, 1925)}` },
      result: results[i]!,
    })),
    facts: factsOf(RESEARCH),
  };
}

/** A long talk of a user with an assistant, without tools. */
function chat(): Transcript {
  const to = writer(13);
  const asked = spread(
    to,
    times(70, () => to.paragraph(to.int(4, 26))),
    CHAT.user,
  );
  const said = spread(
    to,
    times(70, () => to.prose(to.int(4, 9))),
    CHAT.assistant,
  );
  return {
    name: "chat",
    system: "You are a helpful assistant.",
    history: asked.flatMap((content, i): Message[] => [
      { role: "user", content },
      { role: "assistant", content: said[i]! },
    ]),
    task: "Good. Write it all up as a plan that I can hand to the fitter.",
    steps: [],
    facts: factsOf(CHAT),
  };
}

/** An agent of a team that judges five answers, with tools, while three of them are replaced. */
function evaluation(): Transcript {
  const to = writer(14);
  const aliases = times(5, (i) => `agent${i + 1}`);
  const current = aliases.map((_, i) => to.plant(to.prose(to.int(20, 26)), EVALUATION.answer![i]!));
  const older = times(3, (i) => to.plant(to.prose(to.int(20, 26)), EVALUATION["old answer"]![i]!));
  const context = { mayAnswer: true, mayVote: true, votingSensitivity: "lenient", answerNovelty: "lenient", ballot: "single" } as const;
  const answersAfter = (updates: number) =>
    aliases.map((alias, i) => ({ alias, content: i < 3 && i >= updates ? older[i]! : current[i]! }));
  const asked = `Who bears the loss, and how much is it? ${EVALUATION.user?.join(" ")}\n\n${to.prose(6)}`;
  const taskAfter = (updates: number) =>
    `<task>\n${asked}\n</task>\n\n${defaultPrompts.evaluate({ ...context, answers: answersAfter(updates) })}`;
  const says = spread(
    to,
    times(24, () => to.paragraph(to.int(3, 6))),
    EVALUATION.assistant,
  );
  const results = spread(
    to,
    times(24, () => `${to.prose(to.int(9, 16))}\n\n${to.figures(to.int(15, 40))}`),
    EVALUATION.tool,
  );
  const updateAt = (i: number): string | undefined => {
    const which = [6, 12, 18].indexOf(i);
    if (which < 0) return undefined;
    const alias = aliases[which]!;
    return defaultPrompts.update({
      ...context,
      answers: [{ alias, content: current[which]! }],
      unchanged: aliases.filter((other) => other !== alias),
    });
  };
  return {
    name: "evaluation",
    system: "You are one of several experts in maritime law.",
    history: [],
    task: taskAfter(0),
    steps: says.map((say, i) => {
      const update = updateAt(i);
      return { say, tool: "read_exhibit", input: { page: to.int(1, 400) }, result: results[i]!, ...(update !== undefined && { update }) };
    }),
    restated: taskAfter(3),
    facts: factsOf(EVALUATION),
  };
}
