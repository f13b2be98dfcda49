import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, inject, test } from "vitest";

const missing = inject("clientsMissing");
if (missing === "") {
  await import("./openai.js");
  await import("./ai-sdk.js");
  await import("./langchain.js");
  await import("./openai-agents.js");
  test("these tests fit the clients' own types", { timeout: 120_000 }, () => {
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
    const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, "-p", import.meta.dirname, "--noEmit"], { encoding: "utf8" });
    expect(stdout + stderr).toBe("");
    expect(status).toBe(0);
  });
} else test.skip(missing, () => {});
