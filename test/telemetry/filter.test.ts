import { describe, expect, it } from "vitest";
import { compileFilter, parseFilter, type Subject } from "../../src/telemetry/filter.js";
import { severity } from "../../src/telemetry/levels.js";

const passes = (filter: string, subject: Partial<Subject>) => {
  const { threshold } = compileFilter(parseFilter(filter, { path: "logging" }));
  const needed = threshold({ component: "turn", type: "turn-start", ...subject });
  return Object.entries(severity).find(([, value]) => value === needed)?.[0];
};

describe("a filter", () => {
  it.each<[string, Partial<Subject>, string]>([
    ["", {}, "info"],
    ["warn", {}, "warn"],
    ["info,agent=gpt:debug", { agent: "gpt" }, "debug"],
    ["info,agent=gpt:debug", { agent: "claude" }, "info"],
    ["info,agent=gpt:debug", {}, "info"],
    ["info,agent=gpt:debug,mcp:off", { agent: "gpt", component: "mcp" }, "off"],
    ["mcp:off,info", { component: "mcp" }, "info"],
    ["phase=present:trace", { phase: "present" }, "trace"],
    ["event=tool-*:debug", { type: "tool-call" }, "debug"],
    ["event=tool-*:debug", { type: "turn-start" }, "info"],
    ["event=*-*t:debug", { type: "turn-start" }, "debug"],
    ["event=ab*ba:debug", { type: "aba" }, "info"],
    ["agent=a:b:debug", { agent: "a:b" }, "debug"],
    [" warn , agent=gpt & phase=draft : error ,", { agent: "gpt", phase: "draft" }, "error"],
    ["warn,agent=gpt&phase=draft:error", { agent: "gpt", phase: "evaluate" }, "warn"],
    ["component=tool:off", { component: "tool" }, "off"],
  ])("%j on %j needs %s", (filter, subject, level) => {
    expect(passes(filter, subject)).toBe(level);
  });

  it("knows the least level that can pass anywhere", () => {
    const least = (text: string) => compileFilter(parseFilter(text, { path: "" })).least;
    expect([least(""), least("warn"), least("agent=a:trace"), least("agent=a:trace,warn"), least("off,mcp:error")]).toEqual([
      severity.info,
      severity.warn,
      severity.trace,
      severity.warn,
      severity.error,
    ]);
  });

  it.each([
    ["info,verbose", '"verbose": "verbose" is no level; there are trace, debug, info, warn, error, off'],
    ["info,agent=gpt:debg", '"agent=gpt:debg": "debg" is no level; did you mean "debug"?'],
    ["mcp", '"mcp": says no level; write "mcp:debug"'],
    ["tooll:debug", '"tooll:debug": "tooll" is no component; did you mean "tool"?'],
    ["agnt=gpt:debug", '"agnt=gpt:debug": "agnt" is no condition; did you mean "agent"?'],
    ["phase=drafts:debug", '"phase=drafts:debug": "drafts" is no phase; did you mean "draft"?'],
    ["agent=gtp:debug", '"agent=gtp:debug": "gtp" is no agent; did you mean "gpt"?'],
    ["agent=:debug", '"agent=:debug": has an empty condition'],
    ["agent=gpt&agent=claude:debug", '"agent=gpt&agent=claude:debug": names its agent twice; write two pieces'],
  ])("%j is refused by naming the piece", (filter, why) => {
    const refused = () => parseFilter(filter, { path: "MASSGEN_LOG", agents: ["gpt", "claude"] });
    expect(refused).toThrow(expect.objectContaining({ code: "bad_filter", message: `MASSGEN_LOG: in the filter, ${why}` }));
  });
});
