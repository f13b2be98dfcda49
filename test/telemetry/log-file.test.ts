import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openLogFile } from "../../src/telemetry/logging/log-file.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "massgen-log-file-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const FULL = "/dev/full";
if (!existsSync(FULL)) console.log(`log-file.test: there is no ${FULL} here; a full disk is not tried`);
const gap = (lines: number) => `(${lines} missing)\n`;

describe("a log file", () => {
  it("has every line, in order, however fast they come", async () => {
    const path = join(folder, "a/b.log");
    const errors: unknown[] = [];
    const file = await openLogFile(path, { onError: (error) => errors.push(error), gap });
    const lines = Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`);
    for (const line of lines) file.write(line);
    await Promise.all([file.close(), file.close()]);
    file.write("too late\n");
    expect(readFileSync(path, "utf8")).toBe(lines.join(""));
    expect(errors).toEqual([]);
  });

  it("is one of many without a warning of the process, and leaves no listener behind", async () => {
    const before = process.listenerCount("exit");
    const open = (_: unknown, i: number) => openLogFile(join(folder, `${i}.log`), { onError() {}, gap });
    const files = await Promise.all(Array.from({ length: 20 }, open));
    expect(process.listenerCount("exit")).toBe(before + 1);
    await Promise.all(files.map((file) => file.close()));
    expect(process.listenerCount("exit")).toBe(before);
  });

  it("leaves out what a slow disk cannot take, and says how much", async () => {
    const path = join(folder, "slow.log");
    const errors: string[] = [];
    const file = await openLogFile(path, { onError: (error) => errors.push(String(error)), gap, maxPending: 50 });
    for (let i = 0; i < 100; i++) file.write(`line ${i}\n`);
    while (!readFileSync(path, "utf8").includes("line 5\n")) await new Promise((resolve) => setImmediate(resolve));
    file.write("again\n");
    await file.close();
    const lines = readFileSync(path, "utf8").trimEnd().split("\n");
    expect(lines.slice(0, 8)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((i) => `line ${i}`));
    expect(lines.slice(-2)).toEqual([`(${100 - (lines.length - 2)} missing)`, "again"]);
    expect(errors).toEqual([`Error: ${path} takes lines slower than they come`]);
  });

  it.skipIf(!existsSync(FULL))("on a full disk keeps neither the program nor its end waiting", { timeout: 60_000 }, () => {
    const [source, testing] = ["src/index.ts", "src/testing/index.ts"].map((file) => JSON.stringify(pathToFileURL(file).href));
    const code = (end: string) => `const { Orchestrator } = await import(${source}); const { scriptedBackend } = await import(${testing});
      const orchestrator = new Orchestrator({ agents: [{ id: "ada", backend: scriptedBackend(["Done."]) }], logging: { level: "trace", destination: "${FULL}" } });
      console.log((await orchestrator.run("x").result).text); ${end}`;
    for (const end of ["", "process.exit(0)", "await orchestrator.close()"]) {
      const args = ["--import", "tsx", "--input-type=module", "-e", code(end)];
      const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 });
      expect([stdout, status], end).toEqual(["Done.\n", 0]);
      if (end !== "process.exit(0)") expect(stderr.match(/the log cannot be written: ENOSPC/g)).toHaveLength(1);
    }
  });
});
