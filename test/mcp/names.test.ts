import { describe, expect, it } from "vitest";
import { fullNames, serverSegment } from "../../src/mcp/names.js";
import { guessPaths } from "../../src/mcp/paths.js";
import { redactorOf } from "../../src/mcp/secrets.js";

describe("serverSegment", () => {
  it.each([
    ["files", "files"],
    ["my files", "my_files"],
    ["a__b", "a_b"],
    ["_a_", "a"],
    ["größe", "gr_e"],
    ["@scope/name", "scope_name"],
    ["!!", ""],
  ])("%s → %s", (name, segment) => {
    expect(serverSegment(name)).toBe(segment);
  });
});

describe("fullNames", () => {
  it("leaves good names alone, and makes the others unique and short enough", () => {
    const names = fullNames("s", ["a_b", "a.b", "a/b", "c.d", "x".repeat(80)]);
    expect(names.get("a_b")).toBe("mcp__s__a_b");
    expect(names.get("c.d")).toBe("mcp__s__c_d");
    expect(names.get("a.b")).toMatch(/^mcp__s__a_b_[0-9a-f]{8}$/);
    expect(new Set(names.values()).size).toBe(5);
    for (const name of names.values()) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  });

  it("gives a tool the same name whatever else is listed beside a tool that takes the plain one", () => {
    expect(fullNames("s", ["a.b", "a_b"]).get("a_b")).toBe(fullNames("s", ["a_b"]).get("a_b"));
    expect(fullNames("s", ["a.b", "a/b"]).get("a/b")).toBe(fullNames("s", ["x", "a/b", "a.b"]).get("a/b"));
  });
});

describe("guessPaths", () => {
  const text = { type: "string" };
  const schema = (...names: string[]) => ({ type: "object", properties: Object.fromEntries(names.map((name) => [name, text])) });
  it.each([
    ["read_file", ["path", "encoding"], { readOnlyHint: true }, { reads: ["path"] }],
    ["search", ["pattern", "query", "content", "file_content"], { readOnlyHint: true }, undefined],
    ["write_file", ["filePath", "content"], {}, { writes: ["filePath"] }],
    ["open", ["file-path"], {}, { writes: ["file-path"] }],
    ["upload", ["file_name", "output_dir"], {}, { writes: ["file_name", "output_dir"] }],
    ["move_file", ["source", "destination"], {}, { deletes: ["source"], writes: ["destination"] }],
    ["copyFile", ["source_path", "target_path"], {}, { reads: ["source_path"], writes: ["target_path"] }],
    ["delete_file", ["path"], {}, { deletes: ["path"] }],
    ["translate", ["source", "text"], {}, undefined],
    ["diff", ["from", "to"], { readOnlyHint: true }, { reads: ["from", "to"] }],
  ])("%s(%j)", (name, properties, annotations, paths) => {
    expect(guessPaths(name, schema(...properties), annotations)).toEqual(paths);
  });

  it("looks at types: lists of texts, and texts that may be missing", () => {
    const properties = {
      paths: { type: "array", items: text },
      path: { anyOf: [text, { type: "null" }] },
      files: { type: "array", items: { type: "object" } },
      directory: { type: "number" },
      folder: { type: ["string", "null"] },
    };
    expect(guessPaths("read", { properties }, { readOnlyHint: true })).toEqual({ reads: ["paths", "path", "folder"] });
    expect(guessPaths("read", {}, {})).toBeUndefined();
  });
});

describe("redactorOf", () => {
  it("takes configured values out of errors, in every form, and only secrets out of results", () => {
    const { all, secrets } = redactorOf({
      type: "stdio",
      command: "x",
      args: [],
      env: { API_KEY: 'abc"def/ghi', NODE_ENV: "production", DEBUG: "1" },
    });
    expect(all('key abc"def/ghi, json abc\\"def/ghi, url abc%22def%2Fghi, in production, 1')).toBe(
      "key [redacted], json [redacted], url [redacted], in [redacted], 1",
    );
    expect(secrets('abc"def/ghi in production')).toBe("[redacted] in production");
  });

  it("knows the secret part of a header", () => {
    const { secrets } = redactorOf({
      type: "sse",
      url: new URL("http://x"),
      headers: { Authorization: "Bearer abcdefghij", Accept: "application/json" },
    });
    expect(secrets("Bearer abcdefghij or abcdefghij, application/json")).toBe("[redacted] or [redacted], application/json");
  });
});
