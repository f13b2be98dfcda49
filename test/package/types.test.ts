import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { run } from "../../scripts/npm.mjs";

const project = inject("project");
const consumer = {
  target: "ES2022",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  types: ["node"],
  noEmit: true,
};

beforeAll(() => {
  // A consumer has @types/node and nothing else of ours.
  for (const name of ["@types/node", "undici-types"])
    cpSync(`node_modules/${name}`, join(project, "node_modules", name), { recursive: true });
});

/** Compiles one consumer file; throws with the compiler's complaints. */
function tsc(file: string, options: Record<string, unknown>, ...flags: string[]): string {
  const config = join(project, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions: { ...consumer, ...options }, files: [file] }));
  return run(process.execPath, [resolve("node_modules/typescript/bin/tsc"), "-p", config, ...flags], { cwd: project }).stdout;
}

describe("the declarations, for a consumer with @types/node and without skipLibCheck", () => {
  it.each([
    { module: "nodenext", moduleResolution: "nodenext" },
    { module: "esnext", moduleResolution: "bundler" },
  ])("check under $moduleResolution", (options) => {
    tsc("entries.ts", { ...options, skipLibCheck: false });
    tsc("team.ts", { ...options, skipLibCheck: false });
  });

  it("name no provider SDK", () => {
    const dist = join(project, "node_modules/massgen/dist");
    const entries = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) =>
      /^(index|[a-z-]+[\\/]index)\.d\.ts$/.test(file),
    );
    const declarations = reachable(dist, entries);
    expect(declarations).toContain("index.d.ts");
    const sdk = /(?:from |import\()["'](openai|@anthropic-ai\/|@google\/|@modelcontextprotocol\/|undici)/;
    expect(declarations.filter((file) => sdk.test(readFileSync(join(dist, file), "utf8")))).toEqual([]);
  });

  it("refuse what cannot work", () => {
    writeFileSync(
      join(project, "wrong.ts"),
      `import { Orchestrator } from "massgen";\nnew Orchestrator({ agents: [{ id: "a", backend: { type: "nope" } }] });\n`,
    );
    expect(() => tsc("wrong.ts", { module: "nodenext", skipLibCheck: true })).toThrow(/wrong\.ts/);
  });
});

/** The declarations that a consumer of the entries comes to read. */
function reachable(dist: string, entries: string[]): string[] {
  const found = new Set<string>();
  const visit = (file: string) => {
    if (found.has(file)) return;
    found.add(file);
    const text = readFileSync(join(dist, file), "utf8");
    for (const [, path = ""] of text.matchAll(/["'](\.{1,2}\/[^"']+)\.js["']/g)) visit(join(dirname(file), `${path}.d.ts`));
  };
  for (const entry of entries) visit(entry);
  return [...found];
}

describe("the cost of the types", () => {
  it("is at most 5,000 instantiations for an orchestrator of three agents", () => {
    const options = { module: "nodenext", skipLibCheck: true };
    const count = (file: string) => Number(/^Instantiations:\s+(\d+)/m.exec(tsc(file, options, "--extendedDiagnostics"))?.[1]);
    const cost = count("team.ts") - count("nothing.ts");
    console.log(`three agents cost ${cost} type instantiations`);
    expect(cost).toBeGreaterThan(0);
    expect(cost).toBeLessThanOrEqual(5_000);
  });
});
