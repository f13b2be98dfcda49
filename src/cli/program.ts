import { Command, CommanderError } from "commander";
import { ConfigError, MassGenError } from "../errors.js";
import { EXIT, type Io } from "./io.js";

export interface Flags {
  config?: string;
  backend?: string[];
  demo?: boolean;
  timeout?: string;
  json?: boolean;
  quiet?: boolean;
  /** Commander's name for `--no-color`. */
  color: boolean;
}

const EXAMPLES = `
Examples:
  massgen "Which index fits this query, and why?"
  massgen --config team.yaml "…"
  massgen --backend groq:openai/gpt-oss-120b --backend vllm "…"
  massgen models --backend openrouter
  massgen serve --config team.yaml --port 4000
  massgen demo

Without --config and --backend it uses the providers whose key is set (OPENAI_API_KEY, ANTHROPIC_API_KEY, …) or a
local vLLM, SGLang or LM Studio server; without any of them it runs a demonstration with simulated replies.

Exit codes: 0 ok, 1 configuration, 2 execution, 3 timeout, 4 interrupted.`;

/** Runs the program; resolves with its exit code. */
export async function main(args: readonly string[], io: Io): Promise<number> {
  // An unquoted question that begins with this word goes on with another word.
  if (args[0] === "serve" && (args[1] === undefined || args[1].startsWith("-"))) return told(io, () => serveTeams(args.slice(1), io));
  const collect = (value: string, before: string[] = []) => [...before, value];
  const program = new Command("massgen")
    .usage('[options] "question"')
    .description(
      "Several LLM agents work on one task, read each other's answers anonymously,\nimprove or vote, and converge on one result.",
    )
    .argument("[question...]", "the task; read from standard input when it is piped in")
    .option("-c, --config <file>", "the team, in YAML or JSON")
    .option("-b, --backend <type:model>", "a backend without a config file; repeat it for a team", collect)
    .option("--demo", "a simulated team, without a key")
    .option("-t, --timeout <seconds>", "present the best answer so far after this time (exit code 3)")
    .option("--json", "print every event as a line of JSON")
    .option("-q, --quiet", "print the final text only")
    .option("--no-color", "no colours (also: NO_COLOR)")
    .version(io.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => Math.min(100, io.stdout.columns ?? 100),
    });
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.config;
    throw error;
  }
  return told(io, async () => {
    const flags = program.opts<Flags>();
    // An unquoted question that begins with this word is longer.
    if (program.args.length === 1 && program.args[0] === "models") {
      const { printModels } = await import("./models.js");
      return printModels(flags.backend, flags.json === true, io);
    }
    const { ask } = await import("./ask.js");
    return ask(program.args, flags, io, () => program.helpInformation());
  });
}

async function serveTeams(args: readonly string[], io: Io): Promise<number> {
  const { serveCommand } = await import("./serve.js");
  return serveCommand(args, io);
}

/** The exit code; an error goes to standard error. */
async function told(io: Io, job: () => Promise<number>): Promise<number> {
  try {
    return await job();
  } catch (error) {
    const why = error instanceof MassGenError ? error.message : error instanceof Error ? error.stack : String(error);
    io.stderr.write(`massgen: ${why}\n`);
    return error instanceof ConfigError ? EXIT.config : EXIT.execution;
  }
}
