import type { EmulatedPrompt, Reply, ReplyRule } from "./emulator/reply.js";

export interface SimulatedTeamOptions {
  /** Pause between the deltas of a reply, in real ms, so that a person can watch. Default 0. */
  delayMs?: number;
  /** Characters per delta. Default 16. */
  chunkSize?: number;
  /** Which models improve an answer once before they vote. Default: about one in three, always the same ones. */
  improves?: (model: string) => boolean;
}

/** Stands in an improved answer, so that whoever reads it votes instead of improving again. */
const IMPROVED = "[simulated improvement]";

interface Voice {
  name: string;
  advice: string;
}

const VOICES: readonly Voice[] = [
  {
    name: "the brisk one",
    advice:
      "Decide by what is cheapest to undo. Take the simplest option that could work, put a date on the decision, and write down the one observation that would change it. Most of the cost lies in waiting.",
  },
  {
    name: "the careful one",
    advice:
      "Begin with the constraint that cannot move: a deadline, a budget, or data that must not be lost. Whatever violates it is out, however elegant. Compare what remains on the two criteria that matter most, and say openly which evidence is missing.",
  },
  {
    name: "the thorough one",
    advice:
      "There are three cases, and they deserve different answers. If the matter is small, follow habit. If it is large but familiar, copy what others in the same position do. If it is large and new, run the smallest experiment that can fail, and read its result before building anything else.",
  },
  {
    name: "the sceptic",
    advice:
      "Ask first whether the question has to be answered now. Name who pays when the choice turns out wrong, let that person set the bar for proof, and prefer the option whose failure shows early and costs little.",
  },
  {
    name: "the practical one",
    advice:
      "Look at who has to live with the result every day, and choose what those people can explain and repair on their own. A plain solution that is understood beats a clever one that needs its author, and it can still be replaced once it hurts.",
  },
];

/** A model improves when its number leaves this rest after division by three. */
const IMPROVER = 2;

/**
 * A `respond` rule for the emulator: every model it is asked for plays one agent of a massgen team, from the request
 * alone. It drafts, about one in three improves once, all vote for the improved answer (or for one they all pick), and
 * the winner presents. The same models on the same task do the same each time. Every text says that it is simulated.
 */
export function simulatedTeam(options: SimulatedTeamOptions = {}): ReplyRule {
  const { delayMs = 0, chunkSize = 16, improves = (model: string) => hash(model) % 3 === IMPROVER } = options;
  return (prompt) => ({ ...play(prompt, improves), delayMs, chunkSize });
}

function play(prompt: EmulatedPrompt, improves: (model: string) => boolean): Reply {
  const offered = new Map(prompt.tools.map((tool) => [tool.name, tool]));
  const task = taskOf(prompt);
  const voice = VOICES[hash(prompt.model) % VOICES.length] as Voice;
  const aliases = aliasesOf(offered.get("vote")?.inputSchema);
  if (offered.has("submit")) return decide("submit", { confirmed: true }, "The answer holds.");

  if (aliases.length > 0) {
    const read = prompt.messages.filter((message) => message.role === "user" || message.role === "tool").map((message) => message.text);
    const improved = read.some((text) => text.includes(IMPROVED));
    const tried = prompt.messages.some((message) => message.toolCalls.some((call) => call.name === "new_answer"));
    const mayImprove = offered.has("new_answer") && typeof prompt.toolChoice !== "object";
    if (mayImprove && !improved && !tried && improves(prompt.model)) {
      const lacking = "It gives advice without saying when the opposite would be right.";
      return decide("new_answer", { content: improvement(task, voice), lacking }, "The best of these answers lacks its own limits.");
    }
    const choice = improvedAlias(read.join("\n"), aliases) ?? (aliases[hash(task) % aliases.length] as string);
    const reason = improved ? "It says when its advice does not apply. (simulated vote)" : "It is the easiest to act on. (simulated vote)";
    return decide("vote", { agent_id: choice, reason }, `Of ${aliases.length} answers, ${choice}'s is the one to build on.`);
  }
  if (offered.has("new_answer")) return decide("new_answer", { content: draft(task, voice) }, `The question is ${quote(task)}.`);
  return { text: presentation(task, voice) };
}

function decide(name: string, input: Record<string, unknown>, reasoning: string): Reply {
  return { reasoning: `(simulated) ${reasoning}`, toolCalls: [{ name, input }] };
}

function draft(task: string, voice: Voice): string {
  return `Simulated answer from ${voice.name}; no model was asked.\n\nOn ${quote(task)}: ${voice.advice}`;
}

function improvement(task: string, voice: Voice): string {
  return [
    `Simulated answer, second version, from ${voice.name}; no model was asked. ${IMPROVED}`,
    `On ${quote(task)}: the answers so far agree on acting early and on writing down why. What they leave out is when that is wrong.`,
    `1. The rule: ${voice.advice}`,
    "2. The exception: where a mistake would be public or could not be taken back, slow down and ask someone who will disagree.",
    "3. The check: after a week, compare what happened with what was expected, and keep the rule only if it helped.",
  ].join("\n\n");
}

function presentation(task: string, voice: Voice): string {
  return [
    `Simulated final answer, presented by ${voice.name}; no model was asked.`,
    `On ${quote(task)}: ${voice.advice}`,
    "Where a mistake could not be taken back, slow down first; otherwise start, look after a week, and correct.",
    "With a real provider configured, this place holds the answer its team agreed on.",
  ].join("\n\n");
}

/** The text between `<task>` and `</task>`; without such tags the last thing the user said. */
function taskOf(prompt: EmulatedPrompt): string {
  const said = prompt.messages.filter((message) => message.role === "user").map((message) => message.text);
  for (const text of said) {
    const task = /<task>([\s\S]*?)<\/task>/.exec(text)?.[1]?.trim();
    if (task) return task;
  }
  return said.at(-1)?.trim() ?? "";
}

function quote(task: string): string {
  const line = task.replace(/\s+/g, " ");
  return `“${line.length > 160 ? `${line.slice(0, 160).trimEnd()}…` : line}”`;
}

/** Whom the vote tool lets one vote for, sorted, so that every reader sees them in the same order. */
function aliasesOf(schema: Record<string, unknown> | undefined): string[] {
  const properties = schema?.properties as Record<string, { enum?: unknown }> | undefined;
  const values = properties?.agent_id?.enum;
  return Array.isArray(values) ? values.filter((value) => typeof value === "string").sort() : [];
}

/** The alias named last before the first improved answer: the one it stands under. */
function improvedAlias(text: string, aliases: string[]): string | undefined {
  const before = text.slice(0, Math.max(0, text.indexOf(IMPROVED)));
  const found = [...before.matchAll(/\bagent\d+\b/g)].map(([name]) => name).filter((name) => aliases.includes(name));
  return found.at(-1);
}

/** FNV-1a, without its low bits, which are much alike for names that are much alike. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value >>> 15;
}
