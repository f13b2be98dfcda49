import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { unanimity } from "../../src/orchestrator/voting/rule.js";
import { newAnswer, scriptedBackend, vote } from "../../src/testing/index.js";
import { lastText, play, team } from "./helpers.js";

const agent = (id = "a") => ({ id, backend: scriptedBackend([newAnswer("A")]) });

/** The error of an orchestrator that cannot be made. */
function problem(options: unknown): ConfigError {
  try {
    new Orchestrator(options as ConstructorParameters<typeof Orchestrator>[0]);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error as ConfigError;
  }
  throw new Error("no error");
}

function thrownBy(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

describe("an unknown option is named, with the nearest known one", () => {
  const cases: [unknown, string, string][] = [
    [{ agents: [agent()], peerAnswer: "auto" }, "peerAnswer", "peerAnswers"],
    [{ agents: [agent()], max_epochs: 2 }, "max_epochs", "maxEpochs"],
    [{ agents: [{ ...agent(), sytemMessage: "x" }] }, "agents[0].sytemMessage", "systemMessage"],
    [{ agents: [agent()], timeout: { chunck: 5 } }, "timeout.chunck", "chunk"],
    [{ agents: [agent()], prompts: { evalute: () => "" } }, "prompts.evalute", "evaluate"],
    [{ agents: [agent()], budget: { maxToken: 5 } }, "budget.maxToken", "maxTokens"],
    [{ agents: [{ ...agent(), settings: { temprature: 1 } }] }, "agents[0].settings.temprature", "temperature"],
  ];
  for (const [options, path, near] of cases) {
    it(path, () => {
      const error = problem(options);
      expect(error).toMatchObject({ code: "unknown_option", path });
      expect(error.message).toContain(path);
      expect(error.message).toContain(`did you mean "${near}"?`);
    });
  }

  it("and without one where none is near", () => {
    expect(problem({ agents: [agent()], zzz: 1 }).message).toBe("zzz: unknown option");
    expect(problem({ agents: [{ ...agent(), settings: { maxTokens: 5 } }] }).path).toBe("agents[0].settings.maxTokens");
  });
});

describe("a bad value is named, with what is allowed", () => {
  const cases: [Record<string, unknown>, string, RegExp][] = [
    [{ agents: [] }, "agents", /at least one agent/],
    [{ agents: [agent("x"), agent("x")] }, "agents", /two agents have the id "x"/],
    [{ agents: [{ id: "a" }] }, "agents[0].backend", /type, model/],
    [{ peerAnswers: "never" }, "peerAnswers", /auto, interrupt, inject, round.*"never"/],
    [{ decisionRule: "dice" }, "decisionRule", /plurality, approval, borda, unanimity/],
    [{ maxEpochs: 0 }, "maxEpochs", /at least 1, not 0/],
    [{ maxEpochs: 1.5 }, "maxEpochs", /integer/],
    [{ coalesceMs: -1 }, "coalesceMs", /at least 0/],
    [{ voteGraceMs: Number.NaN }, "voteGraceMs", /NaN/],
    [{ timeout: { chunk: 0 } }, "timeout.chunk", /at least 1/],
    [{ budget: 1000 }, "budget", /an object, not 1000/],
    [{ budget: { maxTokens: "1k" } }, "budget.maxTokens", /at least 1, not 1k/],
    [{ budget: { maxTokensPerAgent: 0 } }, "budget.maxTokensPerAgent", /at least 1, not 0/],
    [{ budget: { isSpent: true } }, "budget.isSpent", /a function/],
    [{ decisionRule: {} }, "decisionRule", /name, ballot/],
    [{ decisionRule: { name: "mine", ballot: "double", score: () => [] } }, "decisionRule", /"single" \| "approval" \| "ranking"/],
    [{ decisionRule: unanimity }, "decisionRule", /not a function/],
    [{ agents: [null] }, "agents[0]", /id, backend/],
    [{ agents: ["gpt-5.2"] }, "agents[0]", /id, backend/],
    [{ decisionRule: null }, "decisionRule", /plurality, approval, borda, unanimity, not null/],
    [{ prompts: { draft: "Write." } }, "prompts.draft", /a function/],
    [{ prompts: "Write." }, "prompts", /an object, not "Write."/],
    [{ timeout: 5 }, "timeout", /an object, not 5/],
    [
      { agents: [{ ...agent(), tools: [{ name: "vote", description: "", inputSchema: {} }] }] },
      "agents[0].tools",
      /"vote" is one of massgen's own/,
    ],
    [{ reviewer: "z" }, "reviewer", /no agent has the id "z"; there are a/],
  ];
  for (const [options, path, message] of cases) {
    it(`${path}: ${JSON.stringify(options[path.split(".")[0]!] ?? null)}`, () => {
      const error = problem({ agents: [agent()], ...options });
      expect(error.path).toBe(path);
      expect(error.message).toMatch(message);
    });
  }

  it("options that are none at all", () => {
    for (const options of [undefined, null, "a", [agent()]]) expect(problem(options).path).toBe("options");
  });

  it("undefined is the default, nested or not", async () => {
    const options = { timeout: { turn: undefined }, prompts: { draft: undefined }, budget: undefined, maxEpochs: undefined };
    const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] }, options as never);
    expect((await play(duo)).result.text).toBe("Final.");
    expect(lastText(duo.backends.a?.requests[0])).toContain("End by calling `new_answer`");
  });

  it("and may be Infinity where it is a time", () => {
    const never = Number.POSITIVE_INFINITY;
    const timeout = { run: never, turn: never, step: never, firstChunk: never, chunk: never, tool: never };
    expect(
      () => new Orchestrator({ agents: [agent()], timeout, voteGraceMs: never, draftGraceMs: never, inputTimeoutMs: never }),
    ).not.toThrow();
  });
});

describe("run()", () => {
  it("wants a text, or messages of which the last is from the user", () => {
    const orchestrator = new Orchestrator({ agents: [agent()] });
    for (const input of ["", [], [{ role: "assistant", content: "Hi" }], undefined, null, 7, { messages: [] }, [{ role: "user" }]]) {
      expect(() => orchestrator.run(input as string), JSON.stringify(input)).toThrow(expect.objectContaining({ code: "bad_input" }));
    }
  });

  it("names an option that is unknown or wrong, at once", () => {
    const orchestrator = new Orchestrator({ agents: [agent()] });
    const x = { name: "x", description: "", inputSchema: { type: "object" } };
    const cases: [unknown, Record<string, unknown>][] = [
      [{ sginal: 1 }, { code: "unknown_option", path: "sginal", message: expect.stringContaining('"signal"') }],
      [{ signal: new AbortController() }, { code: "bad_option", path: "signal", message: expect.stringContaining("controller.signal") }],
      [
        { settings: { temprature: 3 } },
        { code: "unknown_option", path: "settings.temprature", message: expect.stringContaining("temperature") },
      ],
      [{ tools: [x, x] }, { code: "duplicate_tool", path: "tools[1]" }],
      ["later", { code: "bad_option", path: "run options" }],
      [null, { code: "bad_option", path: "run options" }],
    ];
    for (const [options, error] of cases) {
      const thrown = thrownBy(() => orchestrator.run("Task", options as never));
      expect(thrown).toBeInstanceOf(ConfigError);
      expect(thrown).toMatchObject(error);
    }
  });

  it("takes no tool with a name of its own", () => {
    const orchestrator = new Orchestrator({ agents: [agent()] });
    const tools = [{ name: "vote", description: "", inputSchema: { type: "object" } }];
    expect(() => orchestrator.run("Task", { tools })).toThrow(expect.objectContaining({ code: "reserved_tool" }));
  });

  it("is refused once the orchestrator is closed, and closing aborts what runs", async () => {
    const duo = team({ a: ["Final."] });
    const run = duo.orchestrator.run("Task");
    await duo.orchestrator.close();
    await expect(run.result).rejects.toMatchObject({ code: "aborted", message: expect.stringContaining("closed") });
    expect(() => duo.orchestrator.run("Task")).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("leaves backends that the caller has made open", async () => {
    const duo = team({ a: ["Final."] });
    await play(duo);
    await duo.orchestrator.close();
    expect(duo.backends.a?.closed).toBe(false);
  });
});
