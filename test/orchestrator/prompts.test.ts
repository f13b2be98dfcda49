import { describe, expect, it } from "vitest";
import type { BackendRequest } from "../../src/backends/backend.js";
import { defaultPrompts, escapeData, type Prompts } from "../../src/orchestrator/prompts/prompts.js";
import type { DecisionRule } from "../../src/orchestrator/voting/rule.js";
import { callTool, newAnswer, vote, wait } from "../../src/testing/index.js";
import { allText, lastText, play, story, type Team, type TeamOptions, team } from "./helpers.js";

/** A run that goes through every prompt there is: rejection, update, review, a second attempt. */
function everything(options: TeamOptions = {}): Team {
  return team(
    {
      a: [
        newAnswer(""),
        newAnswer("A"),
        [wait(10), newAnswer("A improved", "depth")],
        vote("agent1"),
        "First.",
        callTool("restart_orchestration", { reason: "Thin", instructions: "Add" }),
        newAnswer("A again"),
        vote("agent1"),
        "Second.",
      ],
      b: [newAnswer("B"), [wait(50), vote("agent2")], vote("agent1"), newAnswer("B again"), vote("agent1")],
    },
    { peerAnswers: "inject", maxRestarts: 1, ...options },
  );
}

const requestsOf = ({ backends }: Team): BackendRequest[] => Object.values(backends).flatMap(({ requests }) => [...requests]);

describe("the prefix of a prompt", () => {
  it("stays the same, byte by byte, from phase to phase: system message and everything up to the instructions", async () => {
    const duo = everything();
    await play(duo, { input: "Which index fits?" });
    const requests = requestsOf(duo);
    expect(new Set(requests.map(({ system }) => system)).size).toBe(1);
    const prefix = "<task>\nWhich index fits?\n</task>\n\n";
    for (const { messages } of requests) expect(String(messages[0]?.content).startsWith(prefix)).toBe(true);
  });

  it("stays the same from run to run", async () => {
    const [first, second] = [everything(), everything()];
    await play(first);
    await second.runtime.runFor(12_345);
    const idle = second.orchestrator.run("Another run first");
    idle.abort();
    await idle.result.catch(() => {});
    await play(second);
    expect(requestsOf(second)).toEqual(requestsOf(first));
  });

  it("holds neither the time nor an id", async () => {
    const duo = everything();
    const { run } = await play(duo);
    for (const request of requestsOf(duo)) {
      expect(allText(request)).not.toContain(run.runId);
      expect(allText(request)).not.toMatch(/turn-\d|20\d\d-\d\d|\d\d:\d\d/);
    }
  });

  it("keeps what an agent's own system message says, first", async () => {
    const duo = team(
      { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] },
      { agents: { a: { systemMessage: "You are a lawyer." } } },
    );
    await play(duo);
    expect(duo.backends.a?.requests.map(({ system }) => system?.startsWith("You are a lawyer.\n\n"))).toEqual([true, true, true]);
    expect(duo.backends.b?.requests[0]?.system).not.toContain("lawyer");
  });

  it("is shorter for a model that is tuned for short ones, and for that model alone", async () => {
    const duo = team(
      { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] },
      { agents: { a: { systemMessage: "You are a lawyer.", backend: { capabilities: { shortPrompts: true } } } } },
    );
    await play(duo);
    const [brief, ...rest] = new Set(duo.backends.a?.requests.map(({ system }) => system ?? ""));
    expect(rest).toEqual([]);
    const usual = duo.backends.b?.requests[0]?.system ?? "";
    expect(brief).toMatch(/^You are a lawyer\.\n\n/);
    expect(brief!.length).toBeLessThan(0.6 * usual.length);
    for (const needed of [/votes/, /better one/, /tool call/, /stand on its own/]) expect(brief).toMatch(needed);
  });

  it("keeps the parts of the caller's message that are not text", async () => {
    const image = { type: "file" as const, mediaType: "image/png", data: "aGk=" };
    const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] });
    await play(duo, { input: [{ role: "user", content: [{ type: "text", text: "What is this?" }, image] }] });
    for (const request of requestsOf(duo)) {
      expect(request.messages[0]?.content).toEqual([
        { type: "text", text: "<task>\nWhat is this?" },
        image,
        { type: "text", text: expect.stringMatching(/^\n<\/task>\n\n/) },
      ]);
    }
  });
});

describe("escapeData", () => {
  it("defuses what could pass for one of our own tags, however it is spaced", () => {
    for (const tag of [
      "</answer>",
      "</ answer>",
      "< /answers>",
      "<\n/answers>",
      '< answer id="agent2">',
      "</REASONS>",
      "<task>",
      "</presented >",
      "<feedback>",
    ]) {
      expect(escapeData(`a ${tag} b`)).toBe(`a &lt;${tag.slice(1)} b`);
    }
  });

  it("leaves everything else as it is", () => {
    for (const text of ["a < b", "<b>answer</b>", "<AnswerCard/>", "if (a</answer/.exec(b))".replace("</answer", "< 3"), "&lt;"]) {
      expect(escapeData(text)).toBe(text);
    }
  });
});

describe("a prompt of one's own", () => {
  // What planning mode asks has tests of its own.
  type Name = Exclude<keyof Prompts, "judgeTask">;
  const marks: { [K in Name]: Prompts[K] } = {
    system: () => "MY SYSTEM",
    task: () => ({ before: "MY TASK ", after: "" }),
    sentBack: () => "MY SENT BACK",
    draft: () => "MY DRAFT",
    evaluate: () => "MY EVALUATE",
    update: () => "MY UPDATE",
    present: () => "MY PRESENT",
    review: () => "MY REVIEW",
    rejection: () => "MY REJECTION",
  };
  const markOf: Record<Name, string> = {
    system: "MY SYSTEM",
    task: "MY TASK",
    sentBack: "MY SENT BACK",
    draft: "MY DRAFT",
    evaluate: "MY EVALUATE",
    update: "MY UPDATE",
    present: "MY PRESENT",
    review: "MY REVIEW",
    rejection: "MY REJECTION",
  };
  const names = Object.keys(defaultPrompts).filter((name) => name !== "judgeTask") as Name[];

  for (const name of names) {
    it(`${name}: is used, and changes none of the others`, async () => {
      const duo = everything({ prompts: { [name]: marks[name] } });
      const { result } = await play(duo);
      expect(result.text).toBe("Second.");
      const read = requestsOf(duo).map(allText).join("\n");
      expect(read).toContain(markOf[name]);
      for (const other of names) if (other !== name) expect(read).not.toContain(markOf[other]);
    });

    it(`${name}: one that throws ends the run with its error instead of leaving it hanging`, async () => {
      const duo = everything({
        prompts: {
          [name]: () => {
            throw new TypeError(`${name} is broken`);
          },
        },
      });
      const { error, of, events } = await play(duo);
      expect(error.message).toContain(`${name} is broken`);
      expect(of("run-error")).toHaveLength(1);
      expect(story(events).at(-1)).toBe("run-error");
      expect(duo.runtime.pending).toBe(0);
      for (const backend of Object.values(duo.backends)) expect(backend.active).toBe(0);
    });
  }

  it("votingSensitivity changes what is asked of an answer", async () => {
    const asked = await Promise.all(
      (["lenient", "balanced", "strict"] as const).map(async (votingSensitivity) => {
        const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] }, { votingSensitivity });
        await play(duo);
        return lastText(duo.backends.a?.requests[1]);
      }),
    );
    expect(new Set(asked).size).toBe(3);
  });
});

describe("other code of the caller that throws ends the run as well", () => {
  const duoWith = (options: TeamOptions) =>
    team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] }, options);

  it("a decision rule", async () => {
    const broken: DecisionRule = {
      name: "broken",
      ballot: "single",
      score: () => {
        throw new RangeError("cannot count");
      },
    };
    const duo = duoWith({ decisionRule: broken });
    const { error } = await play(duo);
    expect(error.message).toContain("cannot count");
    expect(error.partial.answers).toHaveLength(2);
    expect(duo.runtime.pending).toBe(0);
  });

  it("a check of the budget", async () => {
    const duo = duoWith({
      budget: {
        isSpent: () => {
          throw new RangeError("no price list");
        },
      },
    });
    const { error } = await play(duo);
    expect(error.message).toContain("no price list");
    expect(duo.backends.a?.requests).toHaveLength(1);
    expect(duo.runtime.pending).toBe(0);
  });
});
