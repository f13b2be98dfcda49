import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { describe, expect, inject, it } from "vitest";
import { run } from "../../scripts/npm.mjs";

const project = inject("project");
const installed = join(project, "node_modules/massgen");
const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
const node = (...args: string[]) => run(process.execPath, args, { cwd: project });
const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;

describe("the package, installed from its tarball in an empty project", () => {
  it("installs without a warning", () => {
    expect(inject("installWarnings")).toEqual([]);
  });

  it("runs a team from an ES module, silently", () => {
    const { stdout, stderr } = node("esm.mjs");
    expect(stderr).toBe("");
    const result = JSON.parse(stdout);
    expect(result.text).not.toBe("");
    expect(["one", "two", "three"]).toContain(result.winner);
  });

  it("loads and runs from CommonJS, silently", () => {
    const { stdout, stderr } = node("cjs.cjs");
    expect(stderr).toBe("");
    expect(JSON.parse(stdout).version).toBe(manifest.version);
  });

  it("offers the massgen command", () => {
    const { stdout, stderr } = node("node_modules/massgen/dist/cli/main.js", "--help");
    expect(stdout).toMatch(/usage: massgen/i);
    expect(stderr).toBe("");
    expect(readdirSync(join(project, "node_modules/.bin"))).toContain("massgen");
    expect(readFileSync(join(installed, manifest.bin.massgen), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  });
});

describe("importing massgen", () => {
  it("prints nothing, opens nothing and loads no provider SDK, no zod, no wire and few files", () => {
    const traceFile = join(project, "trace.txt");
    const { stdout, stderr } = run(process.execPath, ["--import", "./trace-register.mjs", "import-only.mjs"], {
      cwd: project,
      env: { ...process.env, TRACE_FILE: traceFile },
    });
    expect(stdout + stderr).toBe("");
    const urls = readFileSync(traceFile, "utf8").split("\n");
    const own = new Set(urls.filter((url) => /\/massgen\/dist\//.test(url)));
    expect([...own].filter((url) => url.includes("wire"))).toEqual([]);
    // Each costs Node half a millisecond and more; see `fewFiles` in tsup.config.ts.
    expect(own.size).toBeLessThanOrEqual(8);
    const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
    expect(packages).toContain("massgen");
    expect([...new Set(packages)].filter((name) => name !== "massgen" && name !== "eventemitter3")).toEqual([]);
  });
});

describe("what is shipped", () => {
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1));

  it("has what package.json offers, readme, licence and changelog", () => {
    const offered = [...Object.values<string>(manifest.bin), ...targets(manifest.exports)].map((file) => join(file));
    expect(files).toEqual(expect.arrayContaining([...offered, "README.md", "LICENSE", "CHANGELOG.md"]));
  });

  it("has no tests, no sources and nothing of the project's own", () => {
    const wanted = /^(dist[\\/].*\.(js|d\.ts)|docs[\\/].*|package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
    expect(files.filter((file) => !wanted.test(file) || /\.test\./.test(file))).toEqual([]);
  });

  it("has whatever its pages link to", () => {
    const pages = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((file) => /^(docs[\\/])?[^\\/]*\.md$/.test(file));
    expect(pages.length).toBeGreaterThan(15);
    const links = pages.flatMap((page) => {
      const found = readFileSync(join(installed, page), "utf8").matchAll(/\]\((?!https?:|#)([^)#\s]+)/g);
      return [...found].map(([, link]) => ({ page, link, file: join(installed, dirname(page), link!) }));
    });
    expect(links.length).toBeGreaterThan(50);
    expect(links.filter(({ file }) => !existsSync(file)).map(({ page, link }) => `${page}: ${link}`)).toEqual([]);
  });

  it("has at most 60 KB (gzip) of own code in the core, besides the tables of prices and models; each wire comes on top, when it is first used", async () => {
    const core = await compressed("src/index.ts", /[\\/](price|model)-table\.js$/);
    const loaded = await compressed("src/index.ts");
    const wires = ["chat-completions", "openai-responses", "claude", "gemini"];
    const each = await Promise.all(wires.map((wire) => compressed(`src/backends/${wire}/wire.ts`)));
    const rest = wires.map((wire, i) => `${wire} ${kb(each[i]!)}`).join(", ");
    console.log(
      `own code behind "massgen", minified and compressed: ${kb(core)} the core, ${kb(loaded)} with the tables; the wires: ${rest}`,
    );
    expect(core).toBeLessThanOrEqual(60_000);
    for (const wire of each) expect(wire).toBeLessThanOrEqual(25_000);
  });
});

describe("the linters of packages", () => {
  it("publint has nothing to say", () => {
    const { stdout } = run(process.execPath, [bin("publint"), "run", inject("tarball"), "--strict"]);
    expect(stdout).toContain("All good!");
  });

  it("arethetypeswrong finds no problem for ES modules in any entry", () => {
    // It exits with 1 on a problem, which `run` throws.
    const flags = ["--profile", "esm-only", "--format", "ascii", "--no-emoji", "--no-color"];
    const { stdout } = run(process.execPath, [bin("@arethetypeswrong/cli"), inject("tarball"), ...flags]);
    for (const name of Object.keys(manifest.exports)) expect(stdout).toContain(`"${name.replace(/^\./, "massgen")}"`);
    expect(stdout).toContain("node16 (from ESM): OK (ESM)");
  });
});

function targets(exports: Record<string, string | Record<string, string>>): string[] {
  return Object.values(exports).flatMap((target) => (typeof target === "string" ? target : Object.values(target)));
}

/** Bytes of a file and all that it imports statically, bundled without dependencies and without what matches. */
async function compressed(file: string, without = /^$/): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    plugins: [
      {
        name: "later",
        setup({ onResolve }) {
          onResolve({ filter: /^\./ }, ({ kind, path }) =>
            kind === "dynamic-import" || without.test(path) ? { path, external: true } : undefined,
          );
        },
      },
    ],
  });
  return gzipSync(outputFiles[0]!.contents).byteLength;
}

/** The script behind the command of a package that is installed here. */
function bin(name: string): string {
  const folder = join("node_modules", name);
  const { bin: command } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof command === "string" ? command : Object.values<string>(command)[0]!);
}
