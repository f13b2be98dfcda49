import { Unreadable, type Word } from "./words.js";

/** How a program that starts another one names it in its arguments. */
interface Wrapper {
  /** Letters of options without a value. */
  flags?: string;
  /** Letters of options with a value. */
  values?: string;
  /** Long options without a value; those with one are written `--name=value`. */
  long?: readonly string[];
  /** Words between the options and the command, such as the duration of `timeout`. */
  operands?: number;
  /** `NAME=value` may stand before the command. */
  assigns?: boolean;
  /** The command's words are put together and given to a shell. */
  shell?: boolean;
}

const WRAPPERS: Record<string, Wrapper> = {
  builtin: {},
  busybox: {},
  command: { flags: "pvV" },
  doas: { flags: "Lns", values: "uC" },
  env: { flags: "i0v", values: "uC", long: ["ignore-environment", "null", "debug", "unset", "chdir"], assigns: true },
  exec: { flags: "cl", values: "a" },
  ionice: { flags: "t", values: "cnpPu", long: ["class", "classdata", "ignore"] },
  nice: { values: "n", long: ["adjustment"] },
  nohup: {},
  setsid: { flags: "cfw", long: ["ctty", "fork", "wait"] },
  stdbuf: { values: "ioe", long: ["input", "output", "error"] },
  sudo: { flags: "AbEeHiKklnPSsVv", values: "CDghpRrTtUu", assigns: true },
  time: { flags: "pvaq", values: "fo", long: ["portability", "verbose", "append", "quiet", "format", "output"] },
  timeout: { flags: "v", values: "ks", long: ["foreground", "preserve-status", "verbose", "kill-after", "signal"], operands: 1 },
  watch: { flags: "bcdegtwx", values: "n", shell: true },
  xargs: {
    flags: "0rtxop",
    values: "aEIiLlnPsd",
    long: [
      "null",
      "no-run-if-empty",
      "verbose",
      "exit",
      "open-tty",
      "interactive",
      "max-args",
      "max-lines",
      "max-procs",
      "delimiter",
      "replace",
      "arg-file",
    ],
  },
};

/** Programs that run commands they are told in ways of their own. */
export const OPAQUE: ReadonlySet<string> = new Set([
  ..."alias at batch chroot expect flock fc nsenter parallel runuser screen script su systemd-run tmux unshare".split(" "),
]);

/** What a wrapper starts, where it starts something. `name` is the program's last name. */
export type Wrapped = { words: Word[] } | { script: string } | undefined;

export const isWrapper = (name: string): boolean => Object.hasOwn(WRAPPERS, name);

export function wrapped(name: string, words: readonly Word[]): Wrapped {
  const wrapper = WRAPPERS[name];
  if (wrapper === undefined) return undefined;
  const { options, rest } = splitOptions(name, wrapper, words.slice(1));
  if (name === "command" && (options.has("v") || options.has("V"))) return undefined;
  let from = 0;
  if (wrapper.assigns) while (/^[A-Za-z_][A-Za-z0-9_]*=/.test(rest[from]?.text ?? "")) from++;
  for (let n = 0; n < (wrapper.operands ?? 0); n++, from++) {
    const operand = rest[from];
    if (operand !== undefined && operand.text === undefined && operand.many) throw new Unreadable(`what ${name} starts is not known`);
  }
  const inner = rest.slice(from);
  if (wrapper.shell && !options.has("x") && inner.length > 0) return { script: joined(name, inner) };
  if (name === "sudo" && (options.has("s") || options.has("i"))) throw new Unreadable("a shell of sudo is not read");
  if (name !== "xargs") return inner.length > 0 ? { words: inner } : undefined;
  const replaced =
    options.get("I") ?? (options.has("i") || options.has("replace") ? options.get("i") || options.get("replace") || "{}" : undefined);
  const started = inner.length > 0 ? inner : [{ text: "echo" }];
  if (replaced === undefined) return { words: [...started, { many: true }] };
  return { words: started.map((word) => (word.text?.includes(replaced) ? { many: false } : word)) };
}

/** `eval`, and what else gives a shell all its words. */
export function joined(name: string, words: readonly Word[]): string {
  if (words.some((word) => word.text === undefined)) throw new Unreadable(`what ${name} runs comes from an expansion`);
  return words.map((word) => word.text).join(" ");
}

/** @throws Unreadable at an option that is not known, as nobody knows then where the command begins. */
function splitOptions(name: string, wrapper: Wrapper, words: readonly Word[]): { options: Map<string, string>; rest: readonly Word[] } {
  const options = new Map<string, string>();
  let at = 0;
  for (; at < words.length; at++) {
    const text = words[at]!.text;
    if (text === undefined) break; // refused by whoever looks for the program's name
    if (text === "--") return { options, rest: words.slice(at + 1) };
    if (name === "env" && text === "-") continue;
    if (!text.startsWith("-") || text === "-") break;
    if (text.startsWith("--")) {
      const [option = "", value] = text.slice(2).split(/=(.*)/s);
      if (!wrapper.long?.includes(option)) throw new Unreadable(`the option ${text} of ${name} is not known here`);
      if (value === undefined && LONG_WITH_VALUE.has(option)) throw new Unreadable(`write --${option}=value for ${name}`);
      options.set(option, value ?? "");
      continue;
    }
    if (name === "nice" && /^-\d+$/.test(text)) continue;
    for (let n = 1; n < text.length; n++) {
      const letter = text[n]!;
      if (wrapper.flags?.includes(letter)) options.set(letter, "");
      else if (wrapper.values?.includes(letter)) {
        const attached = text.slice(n + 1);
        const optional = name === "xargs" && (letter === "i" || letter === "l"); // their value is attached or left out
        if (attached === "" && !optional) {
          at++;
          const value = words[at];
          if (value !== undefined && value.text === undefined && (value.many || letter === "I")) {
            throw new Unreadable(`what ${name} starts is not known`);
          }
        }
        options.set(letter, attached !== "" || optional ? attached : (words[at]?.text ?? ""));
        break;
      } else throw new Unreadable(`the option ${text} of ${name} is not known here`);
    }
  }
  return { options, rest: words.slice(at) };
}

const LONG_WITH_VALUE = new Set([
  ..."unset chdir class classdata adjustment input output error format kill-after signal".split(" "),
  ..."max-args max-procs delimiter arg-file".split(" "),
]);
