import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * Runs a program and returns what it printed; throws with all of its output when it fails.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", ...options });
  if (status === 0) return { stdout, stderr };
  const why = error?.message ?? `exit code ${status}`;
  throw new Error(`${[command, ...args].join(" ")} failed in ${options.cwd ?? process.cwd()}: ${why}\n${stdout ?? ""}${stderr ?? ""}`);
}

/**
 * Runs npm, on another Node if wanted (`npm install` chooses versions by the Node it runs on).
 * @param {string[]} args
 * @param {{ cwd?: string, node?: string }} [options]
 */
export function npm(args, { node = process.execPath, ...options } = {}) {
  return run(node, [npmScript(), ...args], options);
}

/** npm's own script: started without a shell, it behaves the same on every system. */
function npmScript() {
  const folder = dirname(process.execPath);
  const known = [
    process.env.npm_execpath ?? "",
    join(folder, "../lib/node_modules/npm/bin/npm-cli.js"),
    join(folder, "../share/nodejs/npm/bin/npm-cli.js"),
    join(folder, "node_modules/npm/bin/npm-cli.js"),
  ];
  const found = known.find((file) => basename(file) === "npm-cli.js" && existsSync(file));
  if (!found) throw new Error("npm's own script was not found; start this through npm, e.g. `npm test`.");
  return found;
}

/**
 * `npm ci` in a side folder that is no part of the root install; nothing to do when its lockfile is installed already.
 * @param {string} folder
 */
export function installLocked(folder) {
  const lock = readFileSync(join(folder, "package-lock.json"), "utf8");
  const stamp = join(folder, "node_modules", ".installed-lock.json");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  npm(["ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  writeFileSync(stamp, lock);
}
