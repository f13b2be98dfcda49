import { delimiter } from "node:path";
import { ConfigError } from "../../errors.js";

/** Variables of the host that commands get; everything else has to be named. Keys of providers are never among them. */
const ALWAYS = /^(LANG|LANGUAGE|LC_[A-Z]+|TZ)$/;

export interface EnvironmentOptions {
  /** Further variables of the host, by name. */
  names: readonly string[];
  /** The directory that is the command's home. */
  home: string;
  temporary: string;
  host?: NodeJS.ProcessEnv;
}

/** What a command finds in its environment, without `PATH`. */
export function commandEnvironment({ names, home, temporary, host = process.env }: EnvironmentOptions): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(host)) {
    if (value !== undefined && (ALWAYS.test(name) || names.includes(name))) env[name] = value;
  }
  return { ...env, HOME: home, TMPDIR: temporary, TERM: "dumb", NO_COLOR: "1" };
}

/** @throws ConfigError `bad_option` for what is no list of names. */
export function checkNames(names: unknown, path: string): readonly string[] {
  if (names === undefined) return [];
  if (Array.isArray(names) && names.every((name) => typeof name === "string" && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))) return names;
  throw new ConfigError("bad_option", `${path}: must be a list of names of environment variables, not ${JSON.stringify(names)}.`, { path });
}

export const searchPath = (host: NodeJS.ProcessEnv = process.env): string[] =>
  (host.PATH ?? "/usr/local/bin:/usr/bin:/bin").split(delimiter).filter((entry) => entry.startsWith("/"));
