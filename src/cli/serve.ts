import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { Command, CommanderError } from "commander";
import { loadConfig } from "../config/index.js";
import { ConfigError, errorInfo } from "../errors.js";
import { Orchestrator } from "../orchestrator/orchestrator.js";
import { type RequestRecord, type RequestStart, type RunningServer, serve } from "../server/index.js";
import type { LogLevel } from "../telemetry/levels.js";
import { EXIT, type Io } from "./io.js";
import { discoverTeam, teamOf } from "./team.js";

interface ServeFlags {
  config?: string[];
  model?: string[];
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
  MASSGEN_SERVER_API_KEY, MASSGEN_SERVER_API_KEYS   a key, or several with commas between; better than --api-key, which others on
                                                    the machine can read

Without --config, --model and --backend it serves what massgen itself would use: the providers whose key is set, or a local
model server. SIGTERM and SIGINT let requests under way finish; the second one stops at once.`;

/** `massgen serve`: teams behind an OpenAI-compatible URL, until it is told to stop. */
export async function serveCommand(args: readonly string[], io: Io): Promise<number> {
  const collect = (value: string, before: string[] = []) => [...before, value];
  const command = new Command("massgen serve")
    .description("Serves teams behind an OpenAI-compatible URL.")
    .option("-c, --config <file>", "a team, or a directory of them; each is a model by its file's name. Repeat it for more", collect)
    .option("-m, --model <name=file>", "a team under a name of its own; repeat it for more", collect)
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
    .option("-q, --quiet", "no lines about requests")
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
  const host = flags.host ?? (env.MASSGEN_SERVER_HOST || undefined);
  const port = flags.port ?? (env.MASSGEN_SERVER_PORT || "4000");
  const options = {
    apiKeys: [...(flags.apiKey ?? []), ...listOf(env.MASSGEN_SERVER_API_KEY), ...listOf(env.MASSGEN_SERVER_API_KEYS)],
    port: wholeNumber(flags.port === undefined && env.MASSGEN_SERVER_PORT ? "MASSGEN_SERVER_PORT" : "--port", port, 0),
    ...(host !== undefined && { host }),
    ...(flags.progress !== undefined && { progress: flags.progress as "off" }),
    ...(flags.maxRuns !== undefined && { maxRuns: wholeNumber("--max-runs", flags.maxRuns, 1) }),
    ...(flags.cors !== undefined && { corsOrigins: flags.cors }),
    ...(flags.sessions && { sessions: true }),
    ...(flags.allowOpen && { allowOpen: true }),
    ...(!flags.quiet && {
      onRequest: (start: RequestStart) => io.stderr.write(lineOf("request-start", start)),
      log: (record: RequestRecord) => io.stderr.write(lineOf("request-finish", record)),
    }),
  };
  const { models, notice, close } = await modelsOf(flags, io);
  try {
    const server = await serve({ models, ...options }).catch(inFlags);
    if (notice !== undefined) io.stderr.write(`${notice}\n\n`);
    io.stdout.write(`massgen serves ${Object.keys(models).join(", ")} at ${server.url}/v1\n`);
    await untilInterrupted(io, server);
    return EXIT.ok;
  } finally {
    await Promise.all(Object.values(models).map((team) => team.close()));
    await close?.();
  }
}

/** What `serve` refuses, in the words of the command line. */
function inFlags(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  if (error.code === "open_server") {
    const message =
      "Listening beyond this machine without an API key would let everybody who reaches it spend your tokens. Set MASSGEN_SERVER_API_KEY, or give --allow-open.";
    throw new ConfigError(error.code, message, { path: "--host", cause: error });
  }
  const flag = { port: "--port", progress: "--progress", corsOrigins: "--cors", apiKeys: "--api-key", host: "--host" }[error.path];
  throw flag === undefined ? error : new ConfigError(error.code, `${flag}: ${error.message}`, { path: flag, cause: error });
}

/** Resolves when it was asked to end and has ended. The second time it is asked, at once. */
function untilInterrupted(io: Io, server: RunningServer): Promise<void> {
  return new Promise((resolve, reject) => {
    let asked = false;
    const off = io.onInterrupt(() => {
      if (asked) return void server.stop({ drainMs: 0 });
      asked = true;
      io.stderr.write("massgen: stopping; requests under way may finish. Again to stop at once.\n");
      server.stop().finally(off).then(resolve, reject);
    });
  });
}

interface Models {
  models: Record<string, Orchestrator>;
  notice?: string;
  close?(): Promise<void>;
}

async function modelsOf(flags: ServeFlags, io: Io): Promise<Models> {
  const { config, model, backend, demo = false } = flags;
  const files = config !== undefined || model !== undefined;
  if (Number(files) + Number(backend !== undefined) + Number(demo) > 1)
    throw new ConfigError("bad_option", "Give config files (--config, --model), --backend or --demo, not several of them.");
  if (files) return { models: await teamsIn(config ?? [], model ?? []) };
  if (backend !== undefined) return { models: { team: new Orchestrator({ agents: teamOf(backend) }) } };
  if (!demo) {
    const fallback = io.env.MASSGEN_SERVER_DEFAULT_CONFIG;
    if (fallback) return { models: await teamsIn([fallback], []) };
    const found = await discoverTeam(io.env, new AbortController().signal);
    if (found === undefined) {
      const message = "No team was named, and no API key or local model server was found. Give --config team.yaml, or --demo.";
      throw new ConfigError("no_models", message);
    }
    const notice = `No team was named; serving ${found.why}.\nChoose another with --config team.yaml or --backend type:model.`;
    return { models: { team: new Orchestrator({ agents: found.agents }) }, notice };
  }
  const { startDemo } = await import("./demo.js");
  const { agents, close } = await startDemo();
  return { models: { demo: new Orchestrator({ agents }) }, notice: "This is a demonstration: all replies are SIMULATED.", close };
}

/** The teams of the files and directories, by the files' names, and those that were given a name. */
async function teamsIn(paths: readonly string[], named: readonly string[]): Promise<Record<string, Orchestrator>> {
  const files: [name: string, file: string][] = [];
  for (const path of paths) {
    const found = await configsIn(path);
    if (found.length === 0) throw new ConfigError("no_models", `There is no .yaml, .yml or .json file in ${path}.`, { path });
    for (const file of found) files.push([basename(file, extname(file)), file]);
  }
  for (const each of named) {
    const [, name, file] = /^([^=]+)=(.+)$/.exec(each) ?? [];
    if (name === undefined || file === undefined)
      throw new ConfigError("bad_option", `--model "${each}" is not name=file. Write it like fast=teams/fast.yaml.`);
    files.push([name, file]);
  }
  const models = new Map<string, Orchestrator>();
  try {
    for (const [name, file] of files) {
      if (models.has(name)) {
        const message = `Two models are named "${name}". Give one of them another name: --model name=${file}.`;
        throw new ConfigError("duplicate_model", message, { path: file });
      }
      models.set(name, new Orchestrator(await loadConfig(file)));
    }
  } catch (error) {
    await Promise.all([...models.values()].map((team) => team.close()));
    throw error;
  }
  return Object.fromEntries(models);
}

/** The file itself, or the configs in the directory. */
async function configsIn(path: string): Promise<string[]> {
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false, // reading it says why
  );
  if (!isDirectory) return [path];
  const names = (await readdir(path)).filter((name) => /\.(ya?ml|json)$/i.test(name));
  return names.sort().map((name) => join(path, name));
}

function listOf(text: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((key) => key.trim())
    .filter((key) => key !== "");
}

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new ConfigError("bad_option", `${flag} takes a whole number from ${least}, not "${text}".`);
  return value;
}

/** What the client did wrong, and its going away, is `warn`. */
function levelOf({ outcome = "ok", status = 500 }: Partial<RequestRecord>): LogLevel {
  if (outcome === "ok") return "info";
  return outcome === "disconnected" || (status >= 400 && status < 500) ? "warn" : "error";
}

/** Has the names that records of runs have, so that one search finds both. */
function lineOf(event: string, { traceparent, ...record }: RequestStart & Partial<RequestRecord>): string {
  const { error, runId, durationMs, ...rest } = record;
  // What a client was refused with has a code, too.
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? { code: error.code } : {};
  const line = {
    level: levelOf(record),
    time: new Date().toISOString(),
    component: "server",
    event,
    ...(runId !== undefined && { run: runId }),
    ...rest,
    ...(durationMs !== undefined && { durationMs: Math.round(durationMs) }),
    ...(error instanceof Error && { error: { ...errorInfo(error), ...code } }),
    ...(traceparent !== undefined && { traceparent, trace_id: traceparent.slice(3, 35) }),
  };
  return `${JSON.stringify(line)}\n`;
}
