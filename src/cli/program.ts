import { Command, CommanderError } from "commander";

/** Runs the program; resolves with its exit code. */
export async function main(args: string[], { version }: { version: string }): Promise<number> {
  const program = new Command("massgen")
    .description("Several LLM agents work on one task, read each other's answers anonymously, improve or vote, and converge on one result.")
    .argument("[question...]")
    .option("-c, --config <file>", "the team, in YAML or JSON")
    .version(version)
    .exitOverride();
  try {
    program.parse(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    throw error;
  }
  const { config } = program.opts<{ config?: string }>();
  if (config === undefined || program.args.length === 0) {
    process.stderr.write(program.helpInformation());
    return 1;
  }
  const [{ loadConfig }, { Orchestrator }] = await Promise.all([import("../config/index.js"), import("../orchestrator/orchestrator.js")]);
  await using team = new Orchestrator(await loadConfig(config));
  console.log((await team.run(program.args.join(" ")).result).text);
  return 0;
}
