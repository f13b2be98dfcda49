// Runs after `npm ci` and `npm install` in a checkout: turns the pre-commit checks of .githooks on. It is the `dependencies` script
// because npm takes a `prepare` for an install script and warns whoever installs the tarball. Does nothing in CI, inside another
// repository, or where hooks are set up already; never fails an install.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** @param {...string} args */
const git = (...args) => execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();

try {
  if (!process.env.CI && existsSync(".git") && !hooksPath()) git("config", "core.hooksPath", ".githooks");
} catch {
  // No git: no hooks.
}

function hooksPath() {
  try {
    return git("config", "core.hooksPath");
  } catch {
    return ""; // unset
  }
}
