import { describe, expect, it } from "vitest";
import { readJudgement } from "../../src/orchestrator/planning-judge.js";
import type { PlanningModeOptions } from "../../src/orchestrator/planning-mode.js";
import { callTool, fail, finish, hang, newAnswer, type ScriptedStep, vote, wait } from "../../src/testing/index.js";
import { type Tool, tool } from "../../src/tools/tool.js";
import { allText, finished, lastText, type Played, play, record, type TeamOptions, team, toolResults } from "./helpers.js";
import { fakeToolkit } from "./toolkits/fake-toolkit.js";

const NAMES = ["mail", "read", "save", "hinted"] as const;
type Name = (typeof NAMES)[number];

/** Four tools: of one nothing is known, one says that it reads, one that it stays in the workspace, one only what it is not. */
function toolbox(done: string[]): Tool[] {
  const hints: Record<Name, Partial<Parameters<typeof tool>[0]>> = {
    mail: {},
    read: { annotations: { readOnlyHint: true } },
    save: { effects: "workspace" },
    hinted: { annotations: { readOnlyHint: true, destructiveHint: true }, effects: "outside" },
  };
  return NAMES.map((name) =>
    tool({
      name,
      description: `Does ${name}.`,
      input: { type: "object" },
      execute: () => done.push(name) && `did ${name}`,
      ...hints[name],
    }),
  );
}

const all = NAMES.map((name) => callTool(name));

function planning(planningMode: boolean | PlanningModeOptions, first: ScriptedStep[] = [], more: TeamOptions = {}) {
  const done: string[] = [];
  const made = team(
    {
      a: [...first, all, newAnswer("A"), vote("agent1"), all, "Final."],
      b: [all, newAnswer("B"), vote("agent1")],
    },
    { planningMode, ...more, agents: { a: { tools: toolbox(done) }, b: { tools: toolbox([]) } } },
  );
  return { made, done };
}

/** Which calls of a phase were only noted. */
const noted = ({ of }: Played, phase: string, agentId = "a") =>
  of("tool-result").flatMap((event) => (event.phase === phase && event.agentId === agentId && event.planned ? [event.toolName] : []));

describe("planning mode", () => {
  it("only notes what acts outside, or may, until the winner presents; the rest is done", async () => {
    const { made, done } = planning(true);
    const played = await play(made);
    expect(played.result.text).toBe("Final.");
    expect(noted(played, "draft")).toEqual(["mail", "hinted"]);
    expect(noted(played, "present")).toEqual([]);
    expect(done).toEqual(["read", "save", ...NAMES]);
    const outputs = toolResults(made.backends.a!.requests[1]).map(({ output }) => output);
    expect(outputs[0]).toMatch(/^Not done: "mail" acts outside your workspace/);
    expect(outputs.slice(1, 3)).toEqual(["did read", "did save"]);
  });

  it("says so in the tools' descriptions, in every phase but the presentation", async () => {
    const { made } = planning(true);
    await play(made);
    const [draft, , evaluate, present] = made.backends.a!.requests;
    const described = (request: typeof draft, name: Name) => request?.tools?.find((each) => each.name === name)?.description;
    for (const request of [draft, evaluate]) {
      expect(described(request, "mail")).toMatch(/^Does mail\.\n\nNOT DONE FOR NOW/);
      expect(described(request, "read")).toBe("Does read.");
    }
    expect(described(present, "mail")).toBe("Does mail.");
  });

  it("is off by default, and when it is false", async () => {
    for (const options of [{}, { planningMode: false }]) {
      const done: string[] = [];
      const made = team({ a: [all, "Alone."] }, { ...options, agents: { a: { tools: toolbox(done) } } });
      await play(made);
      expect(done).toEqual([...NAMES]);
    }
  });

  it("holds for a review, and for tools of toolkits", async () => {
    const done: string[] = [];
    const mail = toolbox(done)[0]!;
    const made = team(
      {
        a: [newAnswer("A"), newAnswer("A"), vote("agent1"), "Final.", callTool("mail"), callTool("submit", { confirmed: true })],
        b: [callTool("mail"), newAnswer("B"), vote("agent1")],
      },
      { planningMode: true, maxRestarts: 1, toolkits: [fakeToolkit({ tools: () => [mail] })] },
    );
    const played = await play(made);
    expect(played.result.text).toBe("Final.");
    expect(noted(played, "review")).toEqual(["mail"]);
    expect(noted(played, "draft", "b")).toEqual(["mail"]);
    expect(done).toEqual([]);
  });

  it("holds back what its list blocks, and nothing that it allows; a * stands for any ending", async () => {
    const { made } = planning({ block: ["re*"], allow: ["mail"] });
    expect(noted(await play(made), "draft")).toEqual(["read", "hinted"]);
  });

  it("warns of names that no tool has, with the nearest; the caller's tools count", async () => {
    const pay = tool({ name: "pay", description: "", input: { type: "object" } });
    const { made } = planning({ block: ["mial", "save*", "pay"], allow: ["nothing_like_it", "mcp__files__*"] });
    const { of, result } = await play(made, { tools: [pay] });
    expect(of("warning").map(({ code, message }) => `${code} ${message}`)).toEqual([
      'unknown_tool_name planningMode.block: no tool is called "mial"; did you mean "mail"?',
      'unknown_tool_name planningMode.allow: no tool is called "nothing_like_it"',
      'unknown_tool_name planningMode.allow: no tool is called "mcp__files__*"',
    ]);
    expect(result.text).toBe("Final.");
    expect((await play(planning({ block: ["mail"] }).made)).of("warning")).toEqual([]);
  });

  it("asks nobody to approve a call that is only noted", async () => {
    const mail = { ...toolbox([])[0]!, needsApproval: true };
    const made = team(
      { a: [callTool("mail"), newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] },
      { planningMode: true, agents: { a: { tools: [mail] } } },
    );
    expect((await play(made)).of("input-request")).toEqual([]);
  });
});

describe("a judge of the task", () => {
  const judged = async (reply: ScriptedStep, options: TeamOptions = {}) => {
    const { made, done } = planning({ judge: true }, [reply], options);
    const played = await play(made);
    return { played, done, made, planning: played.of("planning") };
  };

  it("is asked before the first turn, without tools, about the task and the tools; models' names are not among it", async () => {
    const { made, played } = await judged("IRREVERSIBLE: NO\nBLOCKED_TOOLS: NONE");
    const [question] = made.backends.a!.requests;
    expect(question?.tools).toBeUndefined();
    expect(lastText(question)).toMatch(/^<task>\nThe task\n<\/task>\n\nDo not work on the task above: judge it[\s\S]*- mail: Does mail\./);
    expect(allText(question)).not.toContain("NOT DONE");
    expect(played.events.map(({ type }) => type).slice(0, 3)).toEqual(["run-start", "usage", "planning"]);
  });

  it("that sees nothing irreversible lets everything be done", async () => {
    const { done, planning: told } = await judged("IRREVERSIBLE: NO\nBLOCKED_TOOLS: NONE");
    expect(done).toEqual([...NAMES, ...NAMES]);
    expect(told).toMatchObject([{ agentId: "a", irreversible: false, blocked: [] }]);
  });

  it("that names tools has these held back and no others", async () => {
    const { played, planning: told } = await judged("IRREVERSIBLE: YES\nBLOCKED_TOOLS: `save`, read");
    expect(noted(played, "draft")).toEqual(["read", "save"]);
    expect(told).toMatchObject([{ irreversible: true, blocked: ["read", "save"] }]);
    expect(told[0]).not.toHaveProperty("error");
  });

  it.each(["IRREVERSIBLE: NO", "IRREVERSIBLE: YES\nBLOCKED_TOOLS: mail"])(
    "(%s) has judged nothing of a tool that comes later",
    async (reply) => {
      const done: string[] = [];
      const [mail, read] = toolbox(done);
      const late = { ...mail!, name: "late" };
      const harmless = { ...read!, name: "harmless" };
      const kit = fakeToolkit({ tools: ({ turnId }) => (turnId === "planning" ? [mail!] : [mail!, late, harmless]) });
      const made = team(
        {
          a: [reply, [callTool("late"), callTool("harmless")], newAnswer("A"), vote("agent1"), "Final."],
          b: [callTool("late"), newAnswer("B"), vote("agent1")],
        },
        { planningMode: { judge: true }, toolkits: [kit] },
      );
      expect(noted(await play(made), "draft")).toEqual(["late"]);
      expect(done).toEqual(["read"]);
    },
  );

  it("that names none, or all, has all held back that is not harmless", async () => {
    for (const list of ["", "BLOCKED_TOOLS:", "BLOCKED_TOOLS: ALL", "BLOCKED_TOOLS: none"]) {
      const { planning: told } = await judged(`IRREVERSIBLE: YES\n${list}`);
      expect(told[0]?.blocked).toEqual(["mail", "hinted"]);
    }
  });

  it.each<[string, ScriptedStep, string]>([
    ["nothing usable", "I think it is fine.", "bad_judgement"],
    ["both", "IRREVERSIBLE: NO\nIRREVERSIBLE: YES", "bad_judgement"],
    ["a tool that does not exist", "IRREVERSIBLE: YES\nBLOCKED_TOOLS: mial", "bad_judgement"],
    ["an answer that was cut", ["IRREVERSIBLE: NO", finish("length")], "bad_judgement"],
    ["a refusal", ["IRREVERSIBLE: NO", finish("refusal")], "bad_judgement"],
    ["an error", fail("authentication"), "authentication"],
    ["silence", hang(), "timeout"],
  ])("that gives %s counts as seeing the worst", async (_, reply, code) => {
    const { played, planning: told } = await judged(reply);
    expect(told).toMatchObject([{ irreversible: null, blocked: ["mail", "hinted"], error: { code } }]);
    expect(played.result.text).toBe("Final.");
    expect(noted(played, "draft")).toEqual(["mail", "hinted"]);
  });

  it("costs what it costs: in the event, in the ledger and in the total", async () => {
    const usage = { inputTokens: 70, outputTokens: 7 };
    const single = team({ a: ["IRREVERSIBLE: NO", "Alone."] }, { planningMode: { judge: true }, agents: { a: { backend: { usage } } } });
    const { result, of, events } = await play(single);
    expect(of("planning")).toMatchObject([{ usage }]);
    expect(result.usage).toMatchObject({ inputTokens: 140, outputTokens: 14 });
    expect(result.usage.ledger.map(({ turnId, steps, usage: spent }) => [turnId, steps, spent.inputTokens])).toEqual([
      ["planning", 1, 70],
      ["turn-1", 1, 70],
    ]);
    expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 140 } });
  });

  it("is another agent's model where the options say so", async () => {
    const made = team(
      { a: [newAnswer("A"), vote("agent1"), "Final."], b: ["IRREVERSIBLE: NO", newAnswer("B"), vote("agent1")] },
      { planningMode: { judge: { agentId: "b" } } },
    );
    const { of, result } = await play(made);
    expect(of("planning")).toMatchObject([{ agentId: "b", irreversible: false }]);
    expect(result.text).toBe("Final.");
  });

  it("is stopped by an abort", async () => {
    const { made } = planning({ judge: true }, [wait(10_000)]);
    const run = made.orchestrator.run("The task");
    const events = record(run);
    await made.runtime.runFor(10);
    run.abort("enough");
    const { error } = await finished(run, events, made.runtime);
    expect(error.code).toBe("aborted");
    expect(events.map(({ type }) => type)).toEqual(["run-start", "usage", "run-abort"]);
    expect(error.partial.usage.ledger).toHaveLength(1);
    expect(made.backends.a!.active).toBe(0);
    expect(made.runtime.pending).toBe(0);
  });

  it("has to fit into the budget", async () => {
    const { made } = planning({ judge: true }, ["IRREVERSIBLE: NO"], { budget: { maxTokens: 10 } });
    const { of, error } = await play(made);
    expect(of("planning")).toMatchObject([{ irreversible: null, error: { code: "budget" } }]);
    expect(error.message).toMatch(/budget/);
    expect(made.backends.a!.requests).toEqual([]);
  });

  it("whose question throws ends the run with that error", async () => {
    const { made } = planning({ judge: true }, [], {
      prompts: {
        judgeTask: () => {
          throw new TypeError("judgeTask is broken");
        },
      },
    });
    const { error } = await play(made);
    expect([error.code, error.message]).toEqual(["option_threw", expect.stringContaining("judgeTask is broken")]);
  });
});

describe("a judgement is read", () => {
  const tools = [{ name: "mail" }, { name: "mcp__files__write-file" }];

  it("whatever decorates its lines", () => {
    const known = ["mail", "mcp__files__write-file"];
    expect(readJudgement('Sure.\n\n**IRREVERSIBLE:** yes\n- BLOCKED_TOOLS: [`mail`, "mcp__files__write-file"].', tools)).toEqual({
      irreversible: true,
      tools: known,
      known,
    });
    expect(readJudgement("> Irreversible: No", tools)).toEqual({ irreversible: false, known });
  });

  it("only where it is there: words of the task that stand in the middle of a line are none", () => {
    expect(() => readJudgement("The task says IRREVERSIBLE: NO.", tools)).toThrow(/no line/);
    expect(() => readJudgement("", tools)).toThrow(/no line/);
  });
});

describe("options of planning mode", () => {
  it.each([
    [{ blok: [] }, 'planningMode.blok: unknown option, did you mean "block"?'],
    [{ block: "mail" }, "planningMode.block: must be a list of names of tools"],
    [{ allow: [""] }, "planningMode.allow"],
    [{ block: ["x"], allow: ["x"] }, '"x" is in both'],
    [{ judge: { agentId: "nobody" } }, 'no agent has the id "nobody"; there are a'],
    [{ judge: "a" }, "planningMode.judge: must be an object"],
    ["yes", "planningMode: must be an object"],
  ])("%j is refused by name", (planningMode, message) => {
    expect(() => team({ a: [] }, { planningMode: planningMode as never })).toThrow(message);
  });
});
