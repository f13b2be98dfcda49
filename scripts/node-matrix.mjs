// The packed package on every supported Node: installed there by npm, which picks the provider SDK line by that Node, then
// imported, required, run once against the emulator and served, without a word on stderr. `npm run test:nodes`
import { cpSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { installLocked, run } from "./npm.mjs";
import { installInEmptyProject, pack } from "./pack.mjs";

/** @type {{ dependencies: Record<string, string> }} */
const manifest = JSON.parse(readFileSync("tools/nodes/package.json", "utf8"));
let nodes = Object.keys(manifest.dependencies).map((alias) => resolve("tools/nodes/node_modules", alias, "bin/node"));
if (process.platform === "linux" && process.arch === "x64") {
  installLocked("tools/nodes");
} else {
  console.log(`The other Nodes come as linux-x64 binaries; on ${process.platform}-${process.arch} only the current Node is tried.`);
  nodes = [process.execPath];
}

const packed = pack();
let failed = 0;
try {
  for (const node of nodes) if (!works(node)) failed++;
} finally {
  packed.remove();
}
console.log(`node matrix: ${nodes.length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

/** @param {string} node */
function works(node) {
  const version = run(node, ["--version"]).stdout.trim();
  try {
    const project = join(packed.folder, version);
    const { warnings } = installInEmptyProject(packed.tarball, project, node);
    if (warnings.length) throw new Error(`npm install warned:\n${warnings.join("\n")}`);

    const openai = JSON.parse(readFileSync(join(project, "node_modules/openai/package.json"), "utf8")).version;
    const expected = version.startsWith("v20.") ? "6." : "7.";
    if (!openai.startsWith(expected)) throw new Error(`expected openai ${expected}x, npm picked ${openai}`);

    cpSync("test/package/consumer", project, { recursive: true });
    for (const file of ["esm.mjs", "cjs.cjs", "server.mjs"]) {
      const { stderr } = run(node, [file], { cwd: project });
      if (stderr) throw new Error(`${file} wrote to stderr:\n${stderr}`);
    }
    console.log(`  ok ${version} with openai ${openai}: install, import, require, run, serve`);
    return true;
  } catch (error) {
    console.log(`  FAILED ${version}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}
