import { ConfigError } from "../../errors.js";
import { knownKeys } from "../../option-checks.js";
import { bad, checkObject } from "../option-errors.js";
import { COMMAND_KEYS } from "../option-keys.js";
import type { DockerOptions } from "./docker.js";
import { checkNames } from "./environment.js";

/** How the agents' commands run. */
export interface CommandOptions {
  /** Where: on this machine, or in a container for each agent. Default: `local`. */
  executor?: "local" | { docker: DockerOptions };
  /**
   * For `local`. `auto`: in a sandbox (bubblewrap, on Linux) where it works, else without, which is said in a warning and to the
   * model. `required`: a run without a sandbox ends with the error `no_sandbox`. `none`: never. Default: `auto`.
   */
  sandbox?: "auto" | "required" | "none";
  /** For `local` in a sandbox: whether commands reach the network. Default: `false`, localhost alone. */
  network?: boolean;
  /** Variables of this program's environment that commands get, by name. Default: language and time zone only. */
  env?: readonly string[];
  /** For `local` in a sandbox: directories that commands may read besides those of the system, such as a toolchain's. */
  systemPaths?: readonly string[];
  /**
   * Patterns such as `git *` or `npm run test` of which every single command must be one, where given. `*` stands for any
   * characters of a word, alone for any number of words.
   */
  allow?: readonly string[];
  /** Patterns such as `rm *`: a command that may be one of them is refused. */
  deny?: readonly string[];
  /** Milliseconds a command may take when the model does not say. Default: 60,000. */
  timeoutMs?: number;
  /** Milliseconds the model may ask for. Default: 600,000. */
  maxTimeoutMs?: number;
  /** Bytes of each output stream that are shown to the model; more is cut in the middle and kept in a file. Default: 16,384. */
  maxOutputBytes?: number;
  /** Running at once, of one agent. Default: 10. */
  maxBackgroundJobs?: number;
  /** Of one command, threads included, where the machine can limit them. Default: 1,024. */
  maxProcesses?: number;
}

export type CommandSettings = Required<Omit<CommandOptions, "allow" | "deny">> & Pick<CommandOptions, "allow" | "deny">;

const DEFAULTS: CommandSettings = {
  executor: "local",
  sandbox: "auto",
  network: false,
  env: [],
  systemPaths: [],
  timeoutMs: 60_000,
  maxTimeoutMs: 600_000,
  maxOutputBytes: 16_384,
  maxBackgroundJobs: 10,
  maxProcesses: 1_024,
};
const DOCKER_KNOWN = ["image", "network", "memory", "cpus", "user"];

/**
 * Checks the options and fills in what is not given.
 * @throws ConfigError `bad_option`, `unknown_option`
 */
export function commandSettings(options: CommandOptions, path = "commands"): CommandSettings {
  checkObject(options, path);
  knownKeys(options, Object.keys(COMMAND_KEYS), path);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings: CommandSettings = { ...DEFAULTS, ...given };
  const { executor, sandbox, network } = settings;
  if (executor !== "local") checkDocker(executor, `${path}.executor`);
  if (!["auto", "required", "none"].includes(sandbox)) throw bad(`${path}.sandbox`, 'must be "auto", "required" or "none"', sandbox);
  if (typeof network !== "boolean") throw bad(`${path}.network`, "must be true or false", network);
  if (executor !== "local") {
    for (const key of ["network", "sandbox", "systemPaths"] as const) {
      if (options[key] === undefined) continue;
      const instead = key === "network" ? `, give ${path}.executor.docker.network` : "";
      throw new ConfigError("bad_option", `${path}.${key}: is for the local executor${instead}.`, { path: `${path}.${key}` });
    }
  }
  checkNames(settings.env, `${path}.env`);
  strings(settings.systemPaths, `${path}.systemPaths`);
  for (const each of settings.systemPaths) if (!each.startsWith("/")) throw bad(`${path}.systemPaths`, "must hold absolute paths", each);
  if (settings.allow !== undefined) strings(settings.allow, `${path}.allow`);
  if (settings.deny !== undefined) strings(settings.deny, `${path}.deny`);
  for (const key of ["timeoutMs", "maxTimeoutMs", "maxOutputBytes", "maxBackgroundJobs", "maxProcesses"] as const) {
    if (!Number.isInteger(settings[key]) || settings[key] < 1) throw bad(`${path}.${key}`, "must be a whole number above 0", settings[key]);
  }
  return { ...settings, maxTimeoutMs: Math.max(settings.timeoutMs, settings.maxTimeoutMs) };
}

function checkDocker(executor: unknown, path: string): void {
  if (typeof executor !== "object" || executor === null || !("docker" in executor)) {
    throw bad(path, 'must be "local" or { docker: { image: "…" } }', executor);
  }
  knownKeys(executor, ["docker"], path);
  const docker = executor.docker as DockerOptions;
  checkObject(docker, `${path}.docker`);
  knownKeys(docker, DOCKER_KNOWN, `${path}.docker`);
  for (const key of ["image", "network", "memory", "user"] as const) {
    const value = docker[key];
    if (value === undefined && key !== "image") continue;
    if (typeof value !== "string" || value === "" || value.startsWith("-")) throw bad(`${path}.docker.${key}`, "must be a string", value);
  }
  if (docker.cpus !== undefined && !(docker.cpus > 0)) throw bad(`${path}.docker.cpus`, "must be a number above 0", docker.cpus);
}

function strings(value: unknown, path: string): void {
  if (!Array.isArray(value) || value.some((each) => typeof each !== "string")) throw bad(path, "must be a list of strings", value);
}
