import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { npm } from "./npm.mjs";

/** Packs the package into a fresh temporary folder; its `prepack` script builds it. */
export function pack() {
  const folder = mkdtempSync(join(tmpdir(), "massgen-package-"));
  npm(["pack", "--pack-destination", folder]);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (!tarball) throw new Error("npm pack made no tarball.");
  return { folder, tarball: join(folder, tarball), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * Installs the tarball in a new, empty project, with the versions npm picks on the given Node. Returns npm's warnings, too.
 * @param {string} tarball
 * @param {string} project
 * @param {string} [node]
 */
export function installInEmptyProject(tarball, project, node) {
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  const { stderr } = npm(["install", tarball, "--prefer-offline", "--no-audit", "--no-fund"], { cwd: project, ...(node && { node }) });
  // What npm says about the settings of this machine or about itself is none of the package's doing.
  const warnings = stderr.split("\n").filter((line) => /^npm warn/i.test(line) && !/Unknown .* config|npm does not support/i.test(line));
  return { warnings };
}
