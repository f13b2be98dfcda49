import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { Command, CommanderError } from "commander";
import { loadConfig } from "../config/index.js";
import { ConfigError, errorInfo, MassGenError } from "../errors.js";
import { Orchestrator } from "../orchestrator/orchestrator.js";
import { type RequestRecord, serve } from "../server/index.js";
import { EXIT, type Io } from "./io.js";
import { discoverTeam, teamOf } from "./team.js";

interface ServeFlags {
  config?: string[];
  backend?: string[];
  demo?: boolean;
  host?: string;
  port?: string;
  apiKey?: string[];
  progress?: string;
  maxRuns?: string;
  cors?: string[];
  sessions?: boolean;
  allowOpen?: boolean;
  quiet?: boolean;
}

const ENVIRONMENT = `
Environment:
  MASSGEN_SERVER_HOST, MASSGEN_SERVER_PORT, MASSGEN_SERVER_DEFAULT_CONFIG   as the options
  MASSGEN_SERVER_API_KEYS   keys, separated by commas; better than --api-key, which others on the machine can read`;

/** `massgen serve`: teams behind an OpenAI-compatible URL, until it is told to stop. */
export async function serveCommand(args: readonly string[], io: Io): Promise<number> {
  const collect = (value: string, before: string[] = []) => [...before, value];
  const command = new Command("massgen serve")
    .description("Serves teams behind an OpenAI-compatible URL.")
    .option("-c, --config <file>", "a team, or a directory of them; each is a model by its file's name. Repeat it for more", collect)
    .option("-b, --backend <type:model>", "a backend without a config file; repeat it for a team", collect)
    .option("--demo", "a simulated team, without a key")
    .option("--host <address>", "where to listen (127.0.0.1)")
    .option("-p, --port <number>", "0 takes any that is free (4000)")
    .option("--api-key <key>", "a key that requests must bring; repeat it for more", collect)
    .option("--progress <how>", "drafts and votes as reasoning_content, as details in the content, or off")
    .option("--max-runs <number>", "runs at the same time (64)")
    .option("--cors <origin>", "an origin that browsers may call from; repeat it for more, * for any", collect)
    .option("--sessions", "continue conversations by X-Session-Id or user")
    .option("--allow-open", "listen beyond this machine without an API key")
    .option("-q, --quiet", "no line per request")
    .addHelpText("after", ENVIRONMENT)
    .helpOption("-h, --help", "print this help")
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) });
  try {
    command.parse([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.config;
    throw error;
  }
  const flags = command.opts<ServeFlags>();
  const { env } = io;
  const keys = [...(flags.apiKey ?? []), ...(env.MASSGEN_SERVER_API_KEYS?.split(",").map((key) => key.trim()) ?? [])].filter(Boolean);
  const host = flags.host ?? env.MASSGEN_SERVER_HOST;
  const { models, notice, close } = await modelsOf(flags, io);
  try {
    const server = await serve({
      models,
      apiKeys: keys,
      port: wholeNumber("--port", flags.port ?? env.MASSGEN_SERVER_PORT ?? "4000", 0),
      ...(host !== undefined && { host }),
      ...(flags.progress !== undefined && { progress: flags.progress as "off" }),
      ...(flags.maxRuns !== undefined && { maxRuns: wholeNumber("--max-runs", flags.maxRuns, 1) }),
      ...(flags.cors !== undefined && { corsOrigins: flags.cors }),
      ...(flags.sessions && { sessions: true }),
      ...(flags.allowOpen && { allowOpen: true }),
      ...(!flags.quiet && { log: (record: RequestRecord) => io.stderr.write(`${JSON.stringify(line(record))}\n`) }),
    }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") throw error;
      throw new ConfigError("port_in_use", `Port ${flags.port ?? "4000"} is taken. Stop what listens there, or give another with --port.`);
    });
    if (notice !== undefined) io.stderr.write(`${notice}\n\n`);
    io.stdout.write(`massgen serves ${Object.keys(models).join(", ")} at ${server.url}/v1\n`);
    await untilInterrupted(io, () => server.stop());
    return EXIT.ok;
  } finally {
    await Promise.all(Object.values(models).map((team) => team.close()));
    await close?.();
  }
}

/** Resolves when it was asked to end and has ended. The second time it is asked, at once. */
function untilInterrupted(io: Io, stop: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let asked = 0;
    const off = io.onInterrupt(() => {
      asked++;
      const end = () => {
        off();
        resolve();
      };
      if (asked > 1) return end();
      io.stderr.write("massgen: stopping; requests under way may finish. Again to stop at once.\n");
      stop().then(end, reject);
    });
  });
}

interface Models {
  models: Record<string, Orchestrator>;
  notice?: string;
  close?(): Promise<void>;
}

async function modelsOf(flags: ServeFlags, io: Io): Promise<Models> {
  const fallback = io.env.MASSGEN_SERVER_DEFAULT_CONFIG;
  const configs = flags.config ?? (flags.backend === undefined && !flags.demo && fallback ? [fallback] : undefined);
  if (configs !== undefined) return { models: await teamsIn(configs) };
  if (flags.backend !== undefined) return { models: { team: new Orchestrator({ agents: teamOf(flags.backend) }) } };
  const found = flags.demo ? undefined : await discoverTeam(io.env, new AbortController().signal);
  if (found !== undefined) {
    const notice = `No team was named; serving ${found.why}.\nChoose another with --config team.yaml or --backend type:model.`;
    return { models: { team: new Orchestrator({ agents: found.agents }) }, notice };
  }
  if (!flags.demo)
    throw new ConfigError(
      "no_models",
      "No team was named, and no API key or local model server was found. Give --config team.yaml, or --demo.",
    );
  const { startDemo } = await import("./demo.js");
  const { agents, close } = await startDemo();
  return { models: { demo: new Orchestrator({ agents }) }, notice: "This is a demonstration: all replies are SIMULATED.", close };
}

async function teamsIn(paths: readonly string[]): Promise<Record<string, Orchestrator>> {
  const files: string[] = [];
  for (const path of paths) {
    const isDirectory = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isDirectory) files.push(path);
    else
      files.push(
        ...(await readdir(path))
          .filter((name) => /\.(ya?ml|json)$/i.test(name))
          .sort()
          .map((name) => join(path, name)),
      );
  }
  if (files.length === 0) throw new ConfigError("no_models", `There is no .yaml, .yml or .json file in ${paths.join(", ")}.`);
  const models: Record<string, Orchestrator> = {};
  for (const file of files) {
    const name = basename(file, extname(file));
    if (name in models)
      throw new ConfigError("duplicate_model", `Two configs are named "${name}". Rename one of the files.`, { path: file });
    models[name] = new Orchestrator(await loadConfig(file));
  }
  return models;
}

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new ConfigError("bad_option", `${flag} takes a whole number from ${least}, not "${text}".`);
  return value;
}

function line({ error, ...record }: RequestRecord) {
  const told = error instanceof MassGenError || error instanceof Error ? { error: errorInfo(error) } : {};
  return { time: new Date().toISOString(), ...record, durationMs: Math.round(record.durationMs), ...told };
}
