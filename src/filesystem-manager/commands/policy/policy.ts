import { posix } from "node:path";
import { MassGenError } from "../../../errors.js";
import { type CommandPattern, commandPattern, isAllowedBy, mayBeDeniedBy } from "./patterns.js";
import { commandsOf } from "./shell.js";
import { type SimpleCommand, textOf, Unreadable, type Word } from "./words.js";
import { isWrapper, joined, OPAQUE, wrapped } from "./wrappers.js";

/** Throws `command_refused` for a command that must not run. */
export type CommandPolicy = (command: string | readonly string[]) => void;

const SHELLS = new Set(["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh"]);
/** Shell builtins that start nothing and touch nothing; an allow-list need not name them. */
const HARMLESS = new Set([":", "[", "cd", "echo", "exit", "false", "pwd", "test", "true", "wait"]);
/** Variables that decide which program a name means, or what runs before it. */
const STEERING = /^(PATH|ENV|BASH_ENV|IFS|LD_.*|DYLD_.*)$/;
const MAX_DEPTH = 20;

/**
 * What `allow` and `deny` make of a command. Each simple command in it is looked at, however deep it stands. A command that cannot
 * be read with certainty is refused. Without patterns nothing is.
 */
export function commandPolicy({ allow, deny }: { allow?: readonly string[]; deny?: readonly string[] }): CommandPolicy {
  if (allow === undefined && (deny === undefined || deny.length === 0)) return () => {};
  const allowed = allow?.map((pattern, n) => commandPattern(pattern, `commands.allow[${n}]`));
  const denied = (deny ?? []).map((pattern, n) => ({ pattern, words: commandPattern(pattern, `commands.deny[${n}]`) }));
  return (command) => {
    try {
      const simple = typeof command === "string" ? commandsOf(command) : [{ words: command.map((text) => ({ text })), assigns: [] }];
      for (const each of simple) judge(each, allowed, denied, 0);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      throw refused(`it cannot be checked against the patterns of what may run: ${error.message}. Write it in a simpler way.`);
    }
  };
}

function judge(
  { words, assigns }: SimpleCommand,
  allowed: readonly CommandPattern[] | undefined,
  denied: readonly { pattern: string; words: CommandPattern }[],
  depth: number,
): void {
  if (depth > MAX_DEPTH) throw new Unreadable("it is nested too deeply");
  const steering = assigns.find((name) => STEERING.test(name));
  if (steering !== undefined && allowed !== undefined) throw refused(`it sets ${steering}, which changes what is run.`);
  if (words.length === 0) return;
  const program = words[0]!.text;
  if (program === undefined) throw new Unreadable("the name of a program comes from an expansion");

  for (const { pattern, words: wanted } of denied) {
    if (mayBeDeniedBy(wanted, words)) throw refused(`"${textOf(words)}" is denied by the pattern "${pattern}".`);
  }
  const name = posix.basename(program);
  const isAllowed = allowed?.some((pattern) => isAllowedBy(pattern, words)) ?? true;
  if (OPAQUE.has(name) && (allowed === undefined || !isAllowed)) throw new Unreadable(`what "${name}" runs is not known`);

  const inner = innerCommands(name, words);
  if (allowed !== undefined && !isAllowed && !(inner.transparent && inner.commands.length > 0) && !HARMLESS.has(program)) {
    throw refused(`"${textOf(words)}" is none of the commands that may run.`);
  }
  if (allowed !== undefined) checkExports(name, words);
  for (const command of inner.commands) judge(command, allowed, denied, depth + 1);
}

/** The commands in a command's arguments. `transparent`: it does nothing else than to run them. */
function innerCommands(name: string, words: readonly Word[]): { commands: SimpleCommand[]; transparent: boolean } {
  const bare = (list: Word[]): SimpleCommand => ({ words: list, assigns: [] });
  if (SHELLS.has(name)) {
    const script = shellScript(name, words.slice(1));
    return { commands: script === undefined ? [] : commandsOf(script), transparent: script !== undefined };
  }
  if (name === "eval") return { commands: commandsOf(joined(name, words.slice(1))), transparent: true };
  if (name === "trap") {
    const [action] = words.slice(words[1]?.text === "--" ? 2 : 1);
    if (action === undefined || action.text === "-" || /^-[lp]$/.test(action.text ?? "")) return { commands: [], transparent: true };
    return { commands: commandsOf(joined(name, [action])), transparent: true };
  }
  if (name === "find") return { commands: foundBy(words.slice(1)).map(bare), transparent: false };
  if (!isWrapper(name)) return { commands: [], transparent: false };
  const inner = wrapped(name, words);
  if (inner === undefined) return { commands: [], transparent: false };
  const assigns = words.flatMap((word) => /^([A-Za-z_]\w*)=/.exec(word.text ?? "")?.[1] ?? []);
  const commands = "script" in inner ? commandsOf(inner.script) : [{ words: inner.words, assigns: name === "env" ? assigns : [] }];
  return { commands, transparent: name !== "sudo" && name !== "doas" };
}

/** The script after `-c`; `undefined` where a file is run, which is judged like any command. */
function shellScript(name: string, words: readonly Word[]): string | undefined {
  let isText = false;
  for (let at = 0; at < words.length; at++) {
    const text = words[at]!.text;
    if (text === undefined) throw new Unreadable(`what ${name} runs comes from an expansion`);
    const isOption = /^[-+]./.test(text) && text !== "--";
    if (!isOption) {
      const script = text === "--" || text === "-" ? words[at + 1] : words[at];
      if (!isText && script !== undefined) return undefined;
      if (script?.text === undefined) throw new Unreadable(`what ${name} runs is not known`);
      return script.text;
    }
    if (text.startsWith("--")) {
      if (!["--login", "--norc", "--noprofile", "--posix"].includes(text))
        throw new Unreadable(`the option ${text} of ${name} is not known here`);
      continue;
    }
    if (text.includes("c")) isText = true;
    if (text.includes("s") && !isText) break;
    if (/[oO]/.test(text)) at++;
  }
  throw new Unreadable(`${name} reads its commands from its input`);
}

/** What `find` runs. */
function foundBy(words: readonly Word[]): Word[][] {
  const commands: Word[][] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word.text === undefined && word.many) throw new Unreadable("an expansion may add -exec to find, put it in quotes");
    if (!/^-(exec|execdir|ok|okdir)$/.test(word.text ?? "")) continue;
    const from = at + 1;
    while (at < words.length && words[at]!.text !== ";" && !(words[at]!.text === "+" && words[at - 1]!.text === "{}")) at++;
    commands.push(words.slice(from, at).map((each) => (each.text?.includes("{}") ? { many: true } : each)));
  }
  return commands;
}

/** `export PATH=…` and the like, which a list of allowed commands must not be led astray by. */
function checkExports(name: string, words: readonly Word[]): void {
  if (!["export", "readonly", "local", "declare", "typeset"].includes(name)) return;
  for (const word of words.slice(1)) {
    if (word.text === undefined || STEERING.test(word.text.split("=", 1)[0] ?? "")) {
      throw refused(`"${textOf(words)}" may change what is run.`);
    }
  }
}

function refused(why: string): MassGenError {
  return new MassGenError("command_refused", `The command was not run: ${why}`);
}
