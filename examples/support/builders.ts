// Three simulated models that build a small program with their tools: each writes it, tries it and submits it; then each
// reads and tries the others' and votes for one that works; the winner delivers it. What they do next depends on what
// their tools say, as with a real model. Two of them also try what they may not do.
import type { EmulatedPrompt, Reply, ReplyRule } from "massgen/testing";

/** What the team is asked for. `target` is the only directory in which the result counts. */
export const builderTask = (target: string): string =>
  `Write roman.mjs, a program for Node that prints the Roman numerals of the numbers given as arguments, in one line. Test it. The final version belongs into ${target}.`;

/** One turn of a model: yields replies, gets what the tools of each said. */
type Turn = Generator<Reply, void, string[]>;

const program = (pairs: string, print: string) => `const pairs = ${pairs};
const roman = (number) => {
  let text = "";
  for (const [value, sign] of pairs) while (number >= value) [text, number] = [text + sign, number - value];
  return ${print};
};
console.log(process.argv.slice(2).map((argument) => roman(Number(argument))).join(" "));
`;

const simplePairs = '[[1000, "M"], [500, "D"], [100, "C"], [50, "L"], [10, "X"], [5, "V"], [1, "I"]]';
const allPairs =
  '[[1000, "M"], [900, "CM"], [500, "D"], [400, "CD"], [100, "C"], [90, "XC"], [50, "L"], [40, "XL"], [10, "X"], [9, "IX"], [5, "V"], [4, "IV"], [1, "I"]]';

/** What each model takes for the program. Only the careful one's is right. */
const programs = {
  quick: program(simplePairs, "text"),
  careful: program(allPairs, "text"),
  sloppy: program(allPairs, "text.toLowerCase()"),
};
export type Builder = keyof typeof programs;

export const correctProgram: string = programs.careful;

/** A `respond` rule for the emulator. `builderOf` says which of the three a model is. */
export function builders(builderOf: (model: string) => Builder, target: string): ReplyRule {
  const turns = new Map<string, Turn>();
  return (prompt) => {
    const isNew = !prompt.messages.some(({ role }) => role === "assistant");
    const turn = isNew ? begin(prompt, builderOf(prompt.model), target) : turns.get(prompt.model);
    if (turn === undefined) throw new Error(`${prompt.model} was asked to go on with a turn that it has not begun`);
    turns.set(prompt.model, turn);
    const next = isNew ? turn.next() : turn.next(resultsOf(prompt));
    if (next.done) throw new Error(`${prompt.model} has nothing more to say`);
    return next.value;
  };
}

function begin(prompt: EmulatedPrompt, builder: Builder, target: string): Turn {
  const has = (name: string) => prompt.tools.some((tool) => tool.name === name);
  if (has("vote")) return evaluate(aliasesOf(prompt));
  if (has("new_answer")) return draft(builder, target);
  return present(target);
}

function* draft(builder: Builder, target: string): Turn {
  yield call("create_task_plan", { tasks: ["Write roman.mjs", { description: "Test it", depends_on: [0] }] });
  yield call("write_file", { path: "roman.mjs", content: programs[builder] });
  yield call("update_task_status", { task_id: "task1", status: "completed" });
  const [output = ""] = yield run("node", "roman.mjs", "3", "21");
  yield call("save_memory", { name: "my-test", content: `My program said: ${/[IVXivx]+ [IVXivx]+/.exec(output)?.[0]}` });
  // Nobody may write there yet: not with a file tool, not with a command, not through a link.
  if (builder === "quick") {
    yield call("write_file", { path: `${target}/roman.mjs`, content: programs[builder] });
    yield call("copy_file", { source: "roman.mjs", destination: `${target}/roman.mjs` });
  }
  if (builder === "sloppy") {
    yield run("cp", "roman.mjs", `${target}/roman.mjs`);
    yield run("ln", "-s", target, "delivery");
    yield call("write_file", { path: "delivery/roman.mjs", content: programs[builder] });
  }
  yield decide("new_answer", { content: `roman.mjs is in my workspace; it was run with 3 and 21. (${builder}, simulated)` });
}

function* evaluate(aliases: readonly string[]): Turn {
  const right: string[] = [];
  for (const alias of aliases) {
    const [source = ""] = yield call("read_file", { path: `${alias}.1/roman.mjs` });
    yield call("copy_file", { source: `${alias}.1/roman.mjs`, destination: `check/${alias}.mjs` });
    const [output = ""] = yield run("node", `check/${alias}.mjs`, "4", "1994");
    if (source.includes("process.argv") && output.includes("IV MCMXCIV")) right.push(alias);
    yield call("write_file", { path: `${alias}.1/roman.mjs`, content: "// spoilt" });
  }
  const choice = right[0] ?? aliases[0];
  const reason = `I ran all ${aliases.length} programs with 4 and 1994; ${right.join(" and ")} printed IV MCMXCIV. (simulated)`;
  yield decide("vote", { agent_id: choice, reason });
}

function* present(target: string): Turn {
  yield call("copy_file", { source: "roman.mjs", destination: `${target}/roman.mjs` });
  const [output = ""] = yield run("node", `${target}/roman.mjs`, "2026");
  const works = output.includes("MMXXVI");
  yield { text: `roman.mjs is delivered and ${works ? "prints MMXXVI for 2026" : "does not run"}. (simulated)` };
}

const call = (name: string, input: unknown): Reply => ({ toolCalls: [{ name, input }] });
const decide = call;
const run = (...command: string[]): Reply => call("execute_command", { command });

/** What the tools said that the model called last. */
function resultsOf({ messages }: EmulatedPrompt): string[] {
  const last = messages.map(({ role }) => role).lastIndexOf("assistant");
  return messages.slice(last + 1).flatMap(({ role, text }) => (role === "tool" ? [text] : []));
}

function aliasesOf({ tools }: EmulatedPrompt): string[] {
  const properties = tools.find(({ name }) => name === "vote")?.inputSchema.properties as { agent_id?: { enum?: string[] } } | undefined;
  return [...(properties?.agent_id?.enum ?? [])].sort();
}
