import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseConfig } from "../../src/config/index.js";
import { knownKeys } from "../../src/config/schema.js";

const docs = readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8");

it("docs/configuration.md has every key in a table", () => {
  const rows = docs.split("\n").filter((line) => line.startsWith("| `"));
  const keys = Object.entries(knownKeys).flatMap(([part, names]) =>
    names.map((name) => (part === "" ? name : `${part.replace(/^agents?\b/, "agents[]")}.${name}`)),
  );
  const missing = [...new Set(keys)].filter((key) => !rows.some((row) => row.startsWith(`| \`${key}\` `)));
  expect(missing).toEqual([]);
});

it("the configurations in docs/configuration.md are valid", () => {
  const blocks = [...docs.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text!);
  expect(blocks.length).toBeGreaterThan(0);
  for (const text of blocks) expect(parseConfig(text, { env: {} }).agents.length).toBeGreaterThan(0);
});
