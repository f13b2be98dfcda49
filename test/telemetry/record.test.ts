import { describe, expect, it } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { componentOf, fieldsOf, levelOf, messageOf } from "../../src/telemetry/logging/record.js";

const scope = { runId: "r", seq: 1, time: 0, agentId: "a", turnId: "t1", phase: "draft", attempt: 1, epoch: 0 };
const event = (fields: object) => ({ ...scope, ...fields }) as unknown as CoordinationEvent;

describe("an event that logging does not know", () => {
  it.each([
    [{ type: "tool-log", stepId: "s", toolName: "x", toolCallId: "c", level: "warn", message: "slow" }, "tool", "warn", "tool log: slow"],
    [{ type: "tool-progress", stepId: "s", toolName: "mcp__db__query", toolCallId: "c", output: 1 }, "mcp", "debug", "tool progress"],
    [{ type: "step-news", stepId: "s" }, "model", "debug", "step news"],
    [{ type: "turn-news" }, "turn", "debug", "turn news"],
  ])("%j", (fields, component, level, message) => {
    const given = event(fields);
    expect([componentOf(given), levelOf(given), messageOf(given)]).toEqual([component, level, message]);
  });

  it("is about the run where it has neither turn nor step", () => {
    expect(componentOf({ type: "planning", runId: "r", seq: 0, time: 0, agentId: "a" } as unknown as CoordinationEvent)).toBe("run");
  });
});

it("calls of tools of MCP servers are `mcp`", () => {
  const call = { type: "tool-call", stepId: "s", toolCallId: "c", input: {} };
  expect(componentOf(event({ ...call, toolName: "mcp__db__query" }))).toBe("mcp");
  expect(componentOf(event({ ...call, toolName: "search" }))).toBe("tool");
});

it("what is written by models and tools is told by its length, unless detail is asked for", () => {
  const result = event({ type: "tool-result", stepId: "s", toolCallId: "c", toolName: "x", output: { a: "bc" }, isError: false });
  expect(fieldsOf(result, false)).toMatchObject({ outputLength: 10, tool: "x", call: "c", step: "s" });
  expect(fieldsOf(result, false)).not.toHaveProperty("output");
  expect(fieldsOf(result, true)).toMatchObject({ output: { a: "bc" } });
  const file = event({ type: "file", stepId: "s", mediaType: "image/png", data: "AAAA" });
  expect(fieldsOf(file, true)).toMatchObject({ dataLength: 4, mediaType: "image/png" });
  expect(fieldsOf(file, true)).not.toHaveProperty("data");
});

it("what is spent is told at `debug`, of the run, in tokens and dollars as far as known", () => {
  const usage = { inputTokens: 1_000, outputTokens: 234 };
  const spent = (usd: number | null) =>
    event({ type: "usage", usage, cost: { usd, complete: true }, agentUsage: usage, agentCost: { usd, complete: true } });
  expect([componentOf(spent(1)), levelOf(spent(1))]).toEqual(["run", "debug"]);
  expect([messageOf(spent(0.5)), messageOf(spent(null))]).toEqual(["spent so far: 1234 tokens, $0.500", "spent so far: 1234 tokens"]);
  expect(fieldsOf(spent(0.5), false)).toMatchObject({ usage, cost: { usd: 0.5 }, agent: "a", turn: "t1" });
});

it("a budget's warning is a warning, with its figures", () => {
  const budget = { cap: "maxUsd", at: 0.8, spent: 0.4, limit: 0.5 };
  const warning = {
    type: "warning",
    runId: "r",
    seq: 1,
    time: 0,
    code: "budget_warning",
    message: "80 % of a budget.",
    budget,
  } as CoordinationEvent;
  expect([componentOf(warning), levelOf(warning), messageOf(warning)]).toEqual(["run", "warn", "budget_warning: 80 % of a budget."]);
  expect(fieldsOf(warning, false)).toMatchObject({ code: "budget_warning", budget });
});

it("the question is told by its length, and at `debug` as it is", () => {
  const start = event({ type: "run-start", agents: [], input: { text: "Which index?", messages: 1 } });
  expect(fieldsOf(start, false)).not.toHaveProperty("input");
  expect(fieldsOf(start, false)).toHaveProperty("inputLength");
  expect(fieldsOf(start, true)).toMatchObject({ input: { text: "Which index?" } });
});
