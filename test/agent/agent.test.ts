import { describe, expect, it } from "vitest";
import { Agent } from "../../src/agent/agent.js";
import { ConfigError } from "../../src/errors.js";
import { tool } from "../../src/tools/tool.js";
import { backendOf } from "./support.js";

const backend = backendOf([]);
const search = tool({ name: "search", description: "", input: { type: "object" } });

describe("Agent", () => {
  it("holds what it was given", () => {
    const tools = [search];
    const agent = new Agent({ id: "a", systemMessage: "s", backend, tools, settings: { seed: 1 }, params: { x: 1 } });
    expect({ ...agent }).toEqual({ id: "a", systemMessage: "s", backend, tools: [search], settings: { seed: 1 }, params: { x: 1 } });
    tools.push(search);
    expect(agent.tools).toHaveLength(1);
    expect(new Agent({ id: "b", backend }).tools).toEqual([]);
  });

  it.each([["  "], [""], [undefined], [7]])("refuses the id %j", (id) => {
    expect(() => new Agent({ id: id as string, backend })).toThrow(expect.objectContaining({ code: "bad_agent_id", path: "id" }));
  });

  it("refuses something that is no backend, and two tools of one name", () => {
    expect(() => new Agent({ id: "a", backend: { type: "openai" } as never })).toThrow(expect.objectContaining({ code: "bad_backend" }));
    expect(() => new Agent({ id: "a", backend: undefined as never })).toThrow(ConfigError);
    expect(() => new Agent({ id: "a", backend, tools: [search, search] })).toThrow(
      expect.objectContaining({ code: "duplicate_tool", path: "tools[1].name", message: expect.stringContaining('"search"') }),
    );
  });
});
