import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as params from "../../src/api-params-handler/index.js";
import * as formatter from "../../src/formatter/index.js";

const docs = readFileSync(new URL("../../docs/formatter.md", import.meta.url), "utf8");

it("docs/formatter.md names every function and table of massgen/formatter and massgen/api-params-handler", () => {
  const names = [...Object.keys(formatter), ...Object.keys(params)].filter((name) => name !== "textOf");
  expect(names.filter((name) => !docs.includes(name))).toEqual([]);
});
