import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { newAnswer, scriptedBackend } from "../../src/testing/index.js";
import { play, team } from "./helpers.js";

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

describe("an unknown option is named, with the nearest known one", () => {
  const cases: [unknown, string, string][] = [
    [{ agents: [agent()], peerAnswer: "auto" }, "peerAnswer", "peerAnswers"],
    [{ agents: [agent()], max_epochs: 2 }, "max_epochs", "maxEpochs"],
    [{ agents: [{ ...agent(), sytemMessage: "x" }] }, "agents[0].sytemMessage", "systemMessage"],
    [{ agents: [agent()], timeout: { chunck: 5 } }, "timeout.chunck", "chunk"],
    [{ agents: [agent()], prompts: { evalute: () => "" } }, "prompts.evalute", "evaluate"],
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
    [{ reviewer: "z" }, "reviewer", /no agent has the id "z"; there are a/],
  ];
  for (const [options, path, message] of cases) {
    it(`${path}: ${JSON.stringify(options[path.split(".")[0]!] ?? null)}`, () => {
      const error = problem({ agents: [agent()], ...options });
      expect(error.path).toBe(path);
      expect(error.message).toMatch(message);
    });
  }

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
    for (const input of ["", [], [{ role: "assistant" as const, content: "Hi" }]]) {
      expect(() => orchestrator.run(input)).toThrow(expect.objectContaining({ code: "bad_input" }));
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
