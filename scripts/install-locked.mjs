import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * `npm ci` in a side folder that is no part of the root install; nothing to do when its lockfile is installed already.
 * @param {string} folder
 */
export function installLocked(folder) {
  const lock = readFileSync(join(folder, "package-lock.json"), "utf8");
  const stamp = join(folder, "node_modules", ".installed-lock.json");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  // Only errors: these folders hold what declares another Node than the current one on purpose.
  npm(["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  writeFileSync(stamp, lock);
}

/**
 * Runs npm and returns its stdout; throws with its output when it fails.
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {string}
 */
export function npm(args, options = {}) {
  // Under `npm run`, npm_execpath is npm's own script: the same npm, and no shell needed on Windows.
  const script = process.env.npm_execpath?.endsWith("npm-cli.js") ? process.env.npm_execpath : undefined;
  const [command, prefix] = script ? [process.execPath, [script]] : ["npm", []];
  const shell = !script && process.platform === "win32";
  const result = spawnSync(command, [...prefix, ...args], { encoding: "utf8", shell, ...options });
  if (result.status === 0) return result.stdout;
  const why = result.error?.message ?? `exit code ${result.status}`;
  throw new Error(`npm ${args.join(" ")} failed in ${options.cwd ?? process.cwd()}: ${why}\n${result.stdout ?? ""}${result.stderr ?? ""}`);
}
