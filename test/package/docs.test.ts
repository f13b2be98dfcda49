import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { expect, inject, it } from "vitest";
import { run } from "../../scripts/npm.mjs";

const project = inject("project");
const shipped = join(project, "node_modules/massgen");
const pages = ["README.md", ...readdirSync(join(shipped, "docs")).map((name) => join("docs", name))];

/** The TypeScript of a page, with the line it begins at. */
function examples(page: string): { line: number; code: string }[] {
  const text = readFileSync(join(shipped, page), "utf8");
  return [...text.matchAll(/^ *```ts\n([\s\S]*?)^ *```$/gm)].map((match) => ({
    line: text.slice(0, match.index).split("\n").length,
    code: match[1] ?? "",
  }));
}

it("has no example in the shipped documentation that a strict compiler refuses", () => {
  for (const name of ["@types/node", "undici-types"])
    cpSync(`node_modules/${name}`, join(project, "node_modules", name), { recursive: true });
  const folder = join(project, "docs-examples");
  mkdirSync(folder);
  let count = 0;
  for (const page of pages)
    for (const { line, code } of examples(page)) {
      // A lone `workspaces: { … }` stands for a part of the options.
      const whole = /^\s*\w+: \{/.test(code)
        ? `export const options: Partial<import("massgen").OrchestratorOptions> = {${code.trimEnd()}};`
        : `${code}\nexport {};\n`;
      writeFileSync(join(folder, `${basename(page, ".md")}-line-${line}.ts`), whole);
      count++;
    }
  expect(count).toBeGreaterThan(40);

  const config = join(project, "tsconfig.docs.json");
  const compilerOptions = {
    target: "ES2023",
    lib: ["ES2023", "ESNext.Disposable"],
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    // Hono, which one example imports, has declarations that need the DOM. Our own are checked in types.test.ts.
    skipLibCheck: true,
    types: ["node"],
    noEmit: true,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, include: ["docs-examples", "names-in-docs.d.ts"] }));
  run(process.execPath, [resolve("node_modules/typescript/bin/tsc"), "-p", config], { cwd: project });
});

it("has an index that names every page", () => {
  const index = readFileSync(join(shipped, "docs/README.md"), "utf8");
  const missing = readdirSync(join(shipped, "docs")).filter((name) => name !== "README.md" && !index.includes(`(${name})`));
  expect(missing).toEqual([]);
});
