import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { ConfigError } from "../../src/errors.js";
import { type Tool, type ToolContext, tool } from "../../src/tools/tool.js";

const context: ToolContext = {
  runId: "r",
  agentId: "a",
  turnId: "t",
  toolCallId: "c",
  signal: new AbortController().signal,
  context: undefined,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
};
const base = { name: "t", description: "d" };

describe("tool with a Standard Schema", () => {
  it("shows the model the input side as JSON Schema", () => {
    const made = tool({ ...base, input: z.object({ city: z.string().describe("where"), days: z.number().default(3) }) });
    expect(made).toEqual({
      name: "t",
      description: "d",
      inputSchema: {
        type: "object",
        properties: { city: { type: "string", description: "where" }, days: { type: "number", default: 3 } },
        required: ["city"],
      },
    });
    expect(made).not.toHaveProperty("execute");
  });

  it("gives execute the checked and transformed input, typed", async () => {
    const made = tool({
      ...base,
      input: z.object({ n: z.string().transform(Number), opt: z.number().default(3) }),
      execute: (input, ctx) => {
        expectTypeOf(input).toEqualTypeOf<{ n: number; opt: number }>();
        expectTypeOf(ctx).toEqualTypeOf<ToolContext>();
        return { ...input, id: ctx.toolCallId };
      },
    });
    expectTypeOf(made).toEqualTypeOf<Tool>();
    expect(await made.execute?.({ n: "5" }, context)).toEqual({ n: 5, opt: 3, id: "c" });
  });

  it("waits for a schema that checks asynchronously", async () => {
    const input = z.object({ a: z.string().refine(async (value) => value === "ok", "not ok") });
    const made = tool({ ...base, input, execute: ({ a }) => a });
    expect(await made.execute?.({ a: "ok" }, context)).toBe("ok");
    await expect(made.execute?.({ a: "no" }, context)).rejects.toThrow("a: not ok");
  });

  it("tells what is wrong with the input, path by path, and does not execute", async () => {
    let ran = false;
    const made = tool({
      ...base,
      input: z.object({ items: z.array(z.object({ name: z.string() })), n: z.number() }),
      execute: () => {
        ran = true;
      },
    });
    await expect(made.execute?.({ items: [{ name: "a" }, { name: 1 }], n: "x" }, context)).rejects.toMatchObject({
      code: "invalid_tool_input",
      message: expect.stringMatching(/"t" are not valid: items\[1\]\.name: .*string.*; n: .*number.* call it again/),
    });
    await expect(made.execute?.("text", context)).rejects.toThrow(/not valid: Invalid input/);
    expect(ran).toBe(false);
  });

  it("understands path segments that are objects, from any vendor", async () => {
    const input = {
      "~standard": {
        version: 1 as const,
        vendor: "mine",
        validate: () => ({ issues: [{ message: "bad", path: [{ key: "a" }, { key: 0 }] }] }),
        jsonSchema: { input: () => ({ type: "object" }) },
      },
    };
    await expect(tool({ ...base, input, execute: () => 1 }).execute?.({}, context)).rejects.toThrow("a[0]: bad");
  });

  it("refuses a schema without a JSON Schema, or whose types JSON has not", () => {
    const valibotLike = { "~standard": { version: 1 as const, vendor: "valibot", validate: (value: unknown) => ({ value }) } };
    expect(() => tool({ ...base, input: valibotLike })).toThrow(/\(valibot\) cannot write itself/);
    expect(() => tool({ ...base, input: z.object({ d: z.date() }) })).toThrow(/has no JSON Schema/);
  });
});

describe("tool with a plain JSON Schema", () => {
  it("shows it as it is and gives the input unchecked", () => {
    const made = tool({
      ...base,
      input: { $schema: "x", type: "object", properties: { a: { type: "string" } }, required: ["a"] },
      execute: (input) => {
        expectTypeOf(input).toEqualTypeOf<Record<string, unknown>>();
        return input;
      },
    });
    expect(made.inputSchema).toEqual({ type: "object", properties: { a: { type: "string" } }, required: ["a"] });
    expect(made.execute?.({ a: 1 }, context)).toEqual({ a: 1 });
  });
});

describe("tool refuses", () => {
  const input = { type: "object" };
  it.each(["", "a b", "a.b", "x".repeat(65), "ключ"])("the name %j", (name) => {
    expect(() => tool({ ...base, name, input })).toThrow(expect.objectContaining({ code: "bad_tool_name" }));
  });
  it.each(["new_answer", "vote", "submit", "restart_orchestration"])("the orchestrator's name %s", (name) => {
    expect(() => tool({ ...base, name, input })).toThrow(expect.objectContaining({ code: "reserved_tool_name" }));
  });
  it("an input that is not of an object", () => {
    for (const bad of [z.string(), z.union([z.object({}), z.string()]), {}, { type: "array" }, null as never, "x" as never]) {
      expect(() => tool({ ...base, input: bad })).toThrow(ConfigError);
    }
  });
  it("nothing that providers take", () => {
    for (const name of ["a", "x".repeat(64), "get_weather-2"]) expect(tool({ ...base, name, input }).name).toBe(name);
  });
});
