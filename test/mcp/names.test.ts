import { describe, expect, it } from "vitest";
import { headerFault } from "../../src/mcp/header-params.js";
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
    ["convert", ["uri", "baseUrl"], { readOnlyHint: true }, { reads: ["uri", "baseUrl"] }],
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

  it("looks into objects, lists of them, choices and references", () => {
    const file = { type: "object", properties: { path: text, content: text } };
    const properties = {
      files: { type: "array", items: file },
      options: { anyOf: [{ type: "null" }, { $ref: "#/$defs/Options" }] },
      moves: { type: "array", items: { type: "object", properties: { from: text, to: text } } },
      from: text,
    };
    const $defs = { Options: { allOf: [{ properties: { cwd: text, more: { $ref: "#/$defs/Options" } } }] } };
    const { writes, deletes } = guessPaths("write_files", { properties, $defs }, {})!;
    expect(writes?.slice(0, 3)).toEqual(["files.path", "options.cwd", "options.more.cwd"]);
    expect(writes?.at(-1)).toBe("moves.to");
    expect(deletes).toEqual(["moves.from"]);
  });

  it("of a schema that has no end takes a part, and takes no time", () => {
    const properties = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`path${n}_file`, { $ref: "#" }]));
    const begun = performance.now();
    guessPaths("x", { type: "object", properties }, {});
    expect(performance.now() - begun).toBeLessThan(1_000);
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

describe("headerFault", () => {
  const header = (name: unknown, type: unknown = "string") => ({ type, "x-mcp-header": name });
  const object = (properties: Record<string, unknown>) => ({ type: "object", properties });
  it.each([
    [object({ region: header("Region"), deep: object({ zone: header("Zone", "integer") }) }), undefined],
    [object({ data: { type: "object", default: { "x-mcp-header": "" } } }), undefined],
    [object({ a: { type: "string" } }), undefined],
    [object({ a: header("") }), 'marks a with "", which names no header'],
    [object({ a: header("two words") }), 'marks a with "two words", which names no header'],
    [object({ a: header(7) }), "marks a with 7, which names no header"],
    [object({ a: header("A", "number") }), "marks a as a header, which is no text, integer or boolean"],
    [object({ a: header("A", "object") }), "marks a as a header, which is no text, integer or boolean"],
    [object({ a: header("Same"), b: header("same") }), "marks two properties as the header same"],
    [{ ...object({}), ...header("A") }, "marks the whole input as a header, which is not a property of its own"],
    [object({ a: { type: "array", items: header("A") } }), "marks a.items as a header, which is not a property of its own"],
    [object({ a: { anyOf: [object({ b: header("A") })] } }), "marks a.anyOf.0.b as a header, which is not a property of its own"],
    [{ ...object({}), $defs: { a: header("A") } }, "marks $defs.a as a header, which is not a property of its own"],
  ])("%j: %s", (schema, fault) => {
    expect(headerFault(schema)).toBe(fault);
  });
});
