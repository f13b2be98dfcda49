import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { run } from "../../scripts/npm.mjs";

const script = (name: string, ...args: string[]) => run(process.execPath, [`scripts/${name}.mjs`, ...args]).stdout.trim();

describe("package.json", () => {
  const { bin, exports } = JSON.parse(readFileSync("package.json", "utf8"));

  it("gives every entry types beside its code, built from a source of the same name", () => {
    for (const [name, target] of Object.entries<{ types: string; default: string }>(exports)) {
      if (name === "./package.json") continue;
      expect(target.types).toBe(target.default.replace(/\.js$/, ".d.ts"));
      expect(existsSync(target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts")), name).toBe(true);
    }
    expect(existsSync(bin.massgen.replace("./dist/", "src/").replace(/\.js$/, ".ts"))).toBe(true);
  });
});

describe("lockfiles", () => {
  it.each(["", "test/sdk-lines/", "tools/nodes/"])("%spackage-lock.json names no registry", (folder) => {
    const lock = readFileSync(`${folder}package-lock.json`, "utf8");
    expect(lock).not.toContain('"resolved"');
    expect(JSON.parse(lock).lockfileVersion).toBe(3);
  });
});

describe("release notes", () => {
  it("are the section of the version", () => {
    const notes = script("changelog-section", "Unreleased");
    expect(notes).toMatch(/^### /);
    expect(notes).not.toMatch(/^## /m);
  });

  it("fail for a version the changelog does not know", () => {
    expect(() => script("changelog-section", "99.0.0")).toThrow(/has no section "## \[99\.0\.0\]"/);
  });
});
