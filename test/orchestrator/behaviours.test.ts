import { describe, expect, it } from "vitest";
import { emptyView, fold } from "../../src/orchestrator/core/fold.js";
import { isTerminal } from "../../src/orchestrator/events.js";
import { callTool, fail, finish, hang, newAnswer, type ScriptedStep, say, vote, wait } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import {
  aliasesOffered,
  allText,
  answersRead,
  lastText,
  ofType,
  play,
  presentedText,
  story,
  type TeamOptions,
  team,
  toolNames,
  toolResults,
} from "./helpers.js";

const better = (content: string) => newAnswer(content, "depth");

describe("1: two agents answer and vote for one", () => {
  it("lets that one present, and ends once", async () => {
    const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] });
    const { result, events, of } = await play(duo);
    expect(result).toMatchObject({ text: "Final.", winner: "a", label: "agent1.1", reason: "consensus", attempts: 1, epochs: 1 });
    expect(events.filter(isTerminal)).toHaveLength(1);
    expect(events.at(-1)?.type).toBe("run-finish");
    expect(of("turn-start").filter(({ phase }) => phase === "present")).toMatchObject([{ agentId: "a" }]);
    expect(presentedText(events)).toBe("Final.");
    for (const backend of Object.values(duo.backends)) backend.assertComplete();
  });
});

describe("2: an answer after votes", () => {
  it("voids every vote, and the voters read the new version", async () => {
    const trio = team({
      a: [newAnswer("A"), vote("agent1"), vote("agent3")],
      b: [newAnswer("B"), vote("agent1"), vote("agent3")],
      c: [newAnswer("C"), [wait(10), better("C improved")], vote("agent3"), "Final."],
    });
    const { result, events } = await play(trio);
    expect(story(events)).toEqual([
      "a answers agent1.1",
      "b answers agent2.1",
      "c answers agent3.1",
      "epoch 1",
      "a votes agent1.1",
      "b votes agent1.1",
      "c answers agent3.2",
      "void: a for agent1.1",
      "void: b for agent1.1",
      "epoch 2",
      "a votes agent3.2",
      "b votes agent3.2",
      "c votes agent3.2",
      "consensus agent3.2 consensus",
      "run-finish",
    ]);
    expect(result.votes.map(({ label }) => label)).toEqual(["agent3.2", "agent3.2", "agent3.2"]);
    for (const id of ["a", "b"]) {
      expect(answersRead(trio.backends[id]?.requests[1])).toContainEqual({ alias: "agent3", content: "C" });
      expect(answersRead(trio.backends[id]?.requests[2])).toContainEqual({ alias: "agent3", content: "C improved" });
    }
  });
});

describe("3: a vote on an older set", () => {
  it("is not counted, and the voter is told so and shown the current answers", async () => {
    const duo = team(
      {
        a: [newAnswer("A"), better("A improved"), vote("agent1"), "Final."],
        b: [newAnswer("B"), [wait(10), vote("agent2")], vote("agent1")],
      },
      { peerAnswers: "inject" },
    );
    const { events, of } = await play(duo);
    expect(of("decision-rejected")).toMatchObject([{ agentId: "b", code: "stale", message: expect.stringContaining("not counted") }]);
    expect(of("vote").map(({ agentId, label }) => [agentId, label])).toEqual([
      ["a", "agent1.2"],
      ["b", "agent1.2"],
    ]);
    const told = duo.backends.b!.requests[2]!;
    expect(toolResults(told)).toMatchObject([{ isError: true, output: expect.stringContaining("answers have changed") }]);
    expect(answersRead(told)).toContainEqual({ alias: "agent1", content: "A improved" });
    expect(told.messages.filter((message) => JSON.stringify(message).includes("A improved"))).toHaveLength(1);
    expect(ofType(events, "turn-start").filter(({ agentId, phase }) => agentId === "b" && phase === "evaluate")).toHaveLength(1);
  });

  it("is asked for again in a new turn where nothing can be delivered", async () => {
    const duo = team(
      {
        a: [newAnswer("A"), better("A improved"), vote("agent1"), "Final."],
        b: [newAnswer("B"), [wait(10), vote("agent2")], vote("agent1")],
      },
      { peerAnswers: "inject", agents: { b: { backend: { capabilities: { wholeAgent: true } } } } },
    );
    const { of } = await play(duo);
    expect(of("turn-finish").map(({ agentId, outcome }) => `${agentId} ${outcome}`)).toContain("b stale");
    expect(of("vote")).toHaveLength(2);
    expect(answersRead(duo.backends.b?.requests[2])).toContainEqual({ alias: "agent1", content: "A improved" });
  });
});

describe("4: plain text instead of a decision", () => {
  it("is asked for a decision twice; the third attempt counts", async () => {
    const duo = team({
      a: ["Thinking aloud.", "Still thinking.", newAnswer("A"), vote("agent1"), "Final."],
      b: [newAnswer("B"), "agent1 is good.", vote("agent1")],
    });
    const { of, result } = await play(duo);
    expect(of("decision-rejected").map(({ agentId, code }) => `${agentId} ${code}`)).toEqual([
      "a no-decision",
      "a no-decision",
      "b no-decision",
    ]);
    expect(lastText(duo.backends.a?.requests[1])).toContain("`new_answer`");
    expect(duo.backends.a?.requests[2]?.messages).toHaveLength(5);
    expect(result.answers.find(({ agentId }) => agentId === "a")?.content).toBe("A");
  });

  it("is the draft when it comes a third time", async () => {
    const duo = team({
      a: ["One.", "Two.", "The answer is 42.", vote("agent1"), "Final."],
      b: [newAnswer("B"), vote("agent1")],
    });
    const { of, result } = await play(duo);
    expect(of("answer")).toContainEqual(expect.objectContaining({ agentId: "a", content: "The answer is 42." }));
    expect(of("turn-error")).toEqual([]);
    expect(result.winner).toBe("a");
  });

  it("abstains in an evaluation", async () => {
    const duo = team({
      a: [newAnswer("A"), "One.", "Two.", "Three.", "Final."],
      b: [newAnswer("B"), vote("agent1")],
    });
    const { of, result } = await play(duo);
    expect(of("turn-finish").map(({ agentId, outcome }) => `${agentId} ${outcome}`)).toContain("a abstain");
    expect(result).toMatchObject({ winner: "a", reason: "consensus" });
    expect(result.votes).toHaveLength(1);
  });

  it("fails the turn when all of it is blank, and the agent is out after three failed turns", async () => {
    const trio = team({
      a: () => " \n",
      b: [newAnswer("B"), vote("agent2"), "Final."],
      c: [newAnswer("C"), vote("agent2")],
    });
    const { of, result } = await play(trio);
    expect(of("turn-error").map(({ agentId, error, willRetry }) => [agentId, error.code, willRetry])).toEqual([
      ["a", "no_decision", true],
      ["a", "no_decision", true],
      ["a", "no_decision", false],
    ]);
    expect(of("agent-out")).toMatchObject([{ agentId: "a", reason: "failed" }]);
    expect(trio.backends.a?.requests).toHaveLength(9);
    expect(result.winner).toBe("b");
  });
});

describe("5: decisions that do not count", () => {
  const cases: {
    name: string;
    code: string;
    steps: ScriptedStep[];
    options?: TeamOptions;
    told: RegExp;
    calls: number;
  }[] = [
    { name: "two votes", code: "two-decisions", steps: [[vote("agent1"), vote("agent2")]], told: /more than one decision/, calls: 2 },
    {
      name: "a vote and an answer",
      code: "two-decisions",
      steps: [[vote("agent1"), better("New")]],
      told: /more than one decision/,
      calls: 2,
    },
    { name: "an unknown alias", code: "unknown-alias", steps: [vote("agent9")], told: /agent9.*Vote for one of: agent2, agent1/, calls: 1 },
    { name: "an agent's id instead of its alias", code: "unknown-alias", steps: [vote("b")], told: /Vote for one of/, calls: 1 },
    {
      name: "a repeat of a peer's answer",
      code: "repeat",
      steps: [better("  The answer\nof B ")],
      told: /among the current ones already/,
      calls: 1,
    },
    {
      name: "a repeat of one's own answer",
      code: "repeat",
      steps: [better("The answer of A")],
      told: /among the current ones already/,
      calls: 1,
    },
    {
      name: "a near copy of a peer's answer",
      code: "near-copy",
      steps: [better("The answer of B!")],
      options: { answerNovelty: "balanced" },
      told: /nearly the same/,
      calls: 1,
    },
    {
      name: "an answer over the limit",
      code: "answer-limit",
      steps: [better("One too many")],
      options: { maxAnswersPerAgent: 1 },
      told: /as many answers as you may/,
      calls: 1,
    },
    {
      name: "a vote for oneself where that is forbidden",
      code: "self-vote",
      steps: [vote("agent1")],
      options: { selfVote: "forbid" },
      told: /your own/,
      calls: 1,
    },
    {
      name: "an answer that is too long",
      code: "too-long",
      steps: [better("word ".repeat(400))],
      options: { maxAnswerTokens: 100 },
      told: /100 tokens/,
      calls: 1,
    },
    {
      name: "arguments that cannot be read",
      code: "invalid-input",
      steps: [{ toolCall: { name: "vote", input: '{"agent_id', invalid: "cut short" } }],
      told: /cut short/,
      calls: 1,
    },
    { name: "a vote for nobody", code: "invalid-input", steps: [callTool("vote", { reason: "?" })], told: /agent_id/, calls: 1 },
    {
      name: "a tool of another phase",
      code: "not-offered",
      steps: [callTool("submit", { confirmed: true })],
      told: /`submit` is not available/,
      calls: 1,
    },
  ];

  for (const { name, code, steps, options, told, calls } of cases) {
    it(`${name}: ${code}`, async () => {
      const duo = team(
        {
          a: [newAnswer("The answer of A"), ...steps, vote("agent2"), "Final."],
          b: [newAnswer("The answer of B"), [wait(10), vote(options?.selfVote === "forbid" ? "agent1" : "agent2")], "Final."],
        },
        options,
      );
      const { of, result } = await play(duo);
      expect(of("decision-rejected")).toMatchObject([{ agentId: "a", code, message: expect.stringMatching(told) }]);
      const results = toolResults(duo.backends.a?.requests[2]);
      expect(results).toHaveLength(calls);
      for (const { output, isError } of results) {
        expect(output).toMatch(told);
        expect(isError).toBe(true);
      }
      expect(of("tool-call")).toEqual([]);
      expect(result.votes).toHaveLength(2);
    });
  }

  it("a vote before there are answers: not-offered", async () => {
    const duo = team({
      a: [vote("agent2"), newAnswer("A"), vote("agent2")],
      b: [newAnswer("B"), vote("agent2"), "Final."],
    });
    const { of } = await play(duo);
    expect(of("decision-rejected")).toMatchObject([{ agentId: "a", code: "not-offered", phase: "draft" }]);
    expect(of("tool-call")).toEqual([]);
  });

  it("have a budget per turn, and news of peers do not draw on it", async () => {
    const duo = team(
      {
        a: [newAnswer("A"), [wait(5), better("A improved")], vote("agent1"), "Final."],
        b: [newAnswer("B"), vote("agent7"), [wait(10), vote("agent2")], vote("agent8"), vote("agent1")],
      },
      { peerAnswers: "inject" },
    );
    const { of } = await play(duo);
    expect(of("decision-rejected").map(({ code }) => code)).toEqual(["unknown-alias", "stale", "unknown-alias"]);
    expect(of("turn-start").filter(({ agentId, phase }) => agentId === "b" && phase === "evaluate")).toHaveLength(1);
    expect(of("vote").filter(({ agentId }) => agentId === "b")).toMatchObject([{ label: "agent1.2" }]);
  });
});

describe("6: aliases", () => {
  for (const order of ["abc", "acb", "bac", "bca", "cab", "cba"]) {
    it(`are the same in prompt, enum, label and event when registered as ${order}`, async () => {
      const ids = [...order];
      const trio = team(
        Object.fromEntries(
          ids.map((id) => [
            id,
            (request) => {
              if (!toolNames(request).includes("vote")) return toolNames(request).length === 0 ? "Final." : newAnswer(`Answer of ${id}.`);
              return vote(answersRead(request).find(({ content }) => content === "Answer of b.")!.alias);
            },
          ]),
        ),
      );
      const { of, result } = await play(trio);
      const aliases = new Map(ids.map((id, i) => [id, `agent${i + 1}`]));
      expect(of("run-start")[0]?.agents.map(({ agentId, alias }) => [agentId, alias])).toEqual([...aliases]);
      for (const { agentId, label } of of("answer")) expect(label).toBe(`${aliases.get(agentId)}.1`);
      for (const id of ids) {
        const request = trio.backends[id]?.requests[1];
        const read = answersRead(request);
        expect(read.map(({ alias }) => alias)).toEqual(aliasesOffered(request));
        for (const other of ids) expect(read).toContainEqual({ alias: aliases.get(other), content: `Answer of ${other}.` });
      }
      for (const { targetAgentId, label } of of("vote")) expect([targetAgentId, label]).toEqual(["b", `${aliases.get("b")}.1`]);
      expect(result).toMatchObject({ winner: "b", label: `${aliases.get("b")}.1` });
      expect(result.answers.map(({ agentId, alias }) => [agentId, alias])).toEqual([...aliases]);
    });
  }
});

describe("7: ties, and no votes", () => {
  it("goes to the answer submitted first, and names the rule", async () => {
    const duo = team({
      a: [[wait(10), newAnswer("A")], vote("agent2")],
      b: [newAnswer("B"), vote("agent1"), "Final."],
    });
    const { of, result } = await play(duo);
    expect(of("consensus")).toMatchObject([
      { winner: "b", rule: "plurality", tieRule: "earliest-answer", tally: { "agent1.1": 1, "agent2.1": 1 } },
    ]);
    expect(result.winner).toBe("b");
  });

  it("names no tie rule where there is no tie", async () => {
    const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] });
    const { of } = await play(duo);
    expect(of("consensus")[0]).not.toHaveProperty("tieRule");
  });

  it("falls back to the oldest answer without a vote: exhausted", async () => {
    const duo = team({
      a: [[wait(10), newAnswer("A")], "?", "?", "?"],
      b: [newAnswer("B"), "?", "?", "?", "Final."],
    });
    const { of, result } = await play(duo);
    expect(result).toMatchObject({ winner: "b", reason: "exhausted", votes: [], text: "Final." });
    expect(of("consensus")).toMatchObject([{ rule: "oldest-answer" }]);
  });

  it("fails in so many words without an answer", async () => {
    const duo = team({ a: [fail("authentication")], b: [fail("authentication")] });
    const { error, events } = await play(duo);
    expect(error.code).toBe("no_answer");
    expect(story(events).at(-1)).toBe("run-error");
  });
});

describe("8: a backend that throws", () => {
  it("is tried again with growing waits, then its agent is out and the others finish", async () => {
    const trio = team(
      { a: () => fail("server_error"), b: [newAnswer("B"), vote("agent3")], c: [newAnswer("C"), vote("agent3"), "Final."] },
      { maxStepRetries: 0 },
    );
    const { of, result } = await play(trio);
    const errors = of("turn-error");
    expect(errors.map(({ agentId, willRetry }) => [agentId, willRetry])).toEqual([
      ["a", true],
      ["a", true],
      ["a", false],
    ]);
    const [first, second, third] = errors.map(({ time }) => time);
    expect(second! - first!).toBe(1_000);
    expect(third! - second!).toBe(2_000);
    expect(of("agent-out")).toMatchObject([{ agentId: "a", reason: "failed" }]);
    expect(result).toMatchObject({ winner: "c", text: "Final." });
  });
});

describe("9: the deadline", () => {
  it("during coordination: the best so far, as it stands", async () => {
    const duo = team({ a: [newAnswer("A"), hang()], b: [newAnswer("B"), vote("agent1"), "never"] }, { timeout: { run: 5_000 } });
    const { result, of, events } = await play(duo);
    expect(result).toMatchObject({ reason: "deadline", winner: "a", text: "A" });
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "a", reason: "deadline" }]);
    expect(presentedText(events)).toBe("A");
    expect(duo.runtime.pending).toBe(0);
  });

  it("before any answer: deadline", async () => {
    const duo = team({ a: [hang()], b: [hang()] }, { timeout: { run: 5_000 } });
    const { error } = await play(duo);
    expect(error).toMatchObject({ code: "deadline", message: expect.stringContaining("timeout.run") });
    expect(duo.runtime.pending).toBe(0);
  });

  it("does not count while presenting; a presenter that hangs is cut off by its own timeouts", async () => {
    const duo = team(
      { a: [newAnswer("A"), vote("agent1"), [say("Half"), hang()]], b: [newAnswer("B"), vote("agent1")] },
      { timeout: { run: 5_000, chunk: 60_000 } },
    );
    const { result, events, of } = await play(duo);
    expect(result).toMatchObject({ reason: "consensus", text: "A" });
    expect(of("turn-error")).toMatchObject([{ agentId: "a", phase: "present", error: { code: "timeout" } }]);
    expect(presentedText(events)).toBe("A");
    expect(duo.runtime.pending).toBe(0);
  });

  it("ends well for a consumer that is slow", async () => {
    const duo = team({ a: [newAnswer("A"), hang()], b: [newAnswer("B"), hang()] }, { timeout: { run: 5_000 } });
    const run = duo.orchestrator.run("The task");
    const iterator = run[Symbol.asyncIterator]();
    const first = await iterator.next();
    await duo.runtime.runUntil(run.result);
    const rest = [first.value];
    for await (const event of iterator) rest.push(event);
    expect(rest.at(-1)).toMatchObject({ type: "run-finish", reason: "deadline" });
    expect(duo.runtime.pending).toBe(0);
  });
});

describe("10: abort by the caller", () => {
  it("stops every model call and ends as aborted", async () => {
    const duo = team({ a: [hang()], b: [hang()] });
    const run = duo.orchestrator.run("The task");
    await duo.runtime.flush();
    expect([duo.backends.a?.active, duo.backends.b?.active]).toEqual([1, 1]);
    run.abort("changed my mind");
    await expect(run.result).rejects.toMatchObject({ code: "aborted", message: expect.stringContaining("changed my mind") });
    await duo.runtime.flush();
    expect([duo.backends.a?.active, duo.backends.b?.active]).toEqual([0, 0]);
    expect(duo.runtime.pending).toBe(0);
    const events = [];
    for await (const event of run) events.push(event);
    expect(events.at(-1)).toMatchObject({ type: "run-abort", reason: "changed my mind" });
    expect(events.reduce(fold, emptyView()).outcome).toBe("aborted");
  });
});

describe("11: a presentation that is empty or fails", () => {
  const cases: [string, ScriptedStep[]][] = [
    ["is empty", [""]],
    ["is blank", [" \n\t"]],
    ["fails before a word", [fail("authentication")]],
    ["fails after some words", [[say("The answer"), fail("authentication")]]],
    ["is refused", [[say("I can't help with that."), finish("refusal")]]],
  ];
  for (const [name, steps] of cases) {
    it(`${name}: the voted answer is the result`, async () => {
      const duo = team({ a: [newAnswer("A, in full"), vote("agent1"), ...steps], b: [newAnswer("B"), vote("agent1")] });
      const { result, of, events } = await play(duo);
      expect(result).toMatchObject({ text: "A, in full", winner: "a", reason: "consensus" });
      expect(of("turn-error")).toMatchObject([{ phase: "present", willRetry: false }]);
      expect(presentedText(events)).toBe("A, in full");
    });
  }
});

describe("12: the review", () => {
  const drafts = (more: ScriptedStep[]) => ({
    a: [newAnswer("A"), vote("agent1"), "First result.", ...more],
    b: [newAnswer("B"), vote("agent1"), newAnswer("B again"), vote("agent1")],
  });
  const again = [newAnswer("A again"), vote("agent1"), "Second result."];

  it("accepts with submit", async () => {
    const { result, of } = await play(team(drafts([callTool("submit", { confirmed: true })]), { maxRestarts: 1 }));
    expect(result).toMatchObject({ text: "First result.", attempts: 1 });
    expect(of("turn-finish").at(-1)).toMatchObject({ phase: "review", outcome: "accepted" });
  });

  it("sends back with restart_orchestration; attempt 2 sees the feedback, and the last attempt is not reviewed", async () => {
    const duo = team(drafts([callTool("restart_orchestration", { reason: "Too thin", instructions: "Give numbers" }), ...again]), {
      maxRestarts: 1,
    });
    const { result, of } = await play(duo);
    expect(of("run-restart")).toMatchObject([{ attempt: 2, reviewer: "a", feedback: "Too thin\n\nGive numbers" }]);
    expect(result).toMatchObject({ text: "Second result.", attempts: 2, label: "agent1.2" });
    for (const request of [duo.backends.a?.requests[4], duo.backends.b?.requests[2]]) {
      expect(lastText(request)).toContain("Too thin");
      expect(lastText(request)).toContain("Give numbers");
      expect(lastText(request)).toContain("First result.");
    }
    expect(of("turn-start").filter(({ phase }) => phase === "review")).toHaveLength(1);
  });

  it("accepts when the reviewer calls no tool", async () => {
    const { result } = await play(team(drafts(["Fine.", "Really fine.", "Yes."]), { maxRestarts: 1 }));
    expect(result).toMatchObject({ text: "First result.", attempts: 1 });
  });

  it("accepts when the reviewer takes too long", async () => {
    const { result, of } = await play(team(drafts([hang()]), { maxRestarts: 1, timeout: { turn: 1_000 }, maxStepRetries: 0 }));
    expect(result).toMatchObject({ text: "First result.", attempts: 1 });
    expect(of("turn-error")).toMatchObject([{ phase: "review", willRetry: false }]);
  });
});

describe("13: a tool of the caller", () => {
  it("cannot be called in coordination, and works in the presentation", async () => {
    const booking = tool({ name: "book", description: "Books a table.", input: { type: "object", properties: {} } });
    const duo = team({
      a: [callTool("book", { for: 4 }), newAnswer("A"), vote("agent1"), callTool("book", { for: 2 }), "Booked."],
      b: [newAnswer("B"), vote("agent1")],
    });
    const { result, of } = await play(duo, {
      tools: [booking],
      during: (event, run) => {
        if (event.type === "input-request") run.respond(event.requestId, { table: 7 });
      },
    });
    const [draft, afterRefusal, , present, final] = duo.backends.a!.requests;
    expect(toolNames(draft)).toEqual(["new_answer"]);
    expect(toolResults(afterRefusal)).toMatchObject([{ isError: true, output: expect.stringContaining("book") }]);
    expect(toolNames(present)).toEqual(["book"]);
    expect(toolResults(final)).toMatchObject([{ output: '{"table":7}' }]);
    expect(of("input-request")).toMatchObject([{ agentId: "a", kind: "tool-result", toolName: "book", input: { for: 2 } }]);
    expect(result.text).toBe("Booked.");
  });
});

describe("14: a conversation", () => {
  it("reaches every agent in every phase, before the task", async () => {
    const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] });
    const history = [
      { role: "user" as const, content: "Who wrote Faust?" },
      { role: "assistant" as const, content: "Goethe." },
    ];
    await play(duo, { input: [...history, { role: "user", content: "And when?" }] });
    const requests = Object.values(duo.backends).flatMap(({ requests }) => requests);
    expect(requests).toHaveLength(5);
    for (const request of requests) {
      expect(request.messages.slice(0, 2)).toEqual(history);
      expect(lastText(request)).toContain("And when?");
    }
  });
});

describe("15: one agent", () => {
  it("takes one call, without workflow tools, and is the winner", async () => {
    const solo = team({ a: ["The answer."] }, { agents: { a: { systemMessage: "Be brief." } } });
    const { result, events, of } = await play(solo, { input: "The question?" });
    expect(solo.backends.a?.requests).toEqual([
      expect.objectContaining({ system: "Be brief.", messages: [{ role: "user", content: "The question?" }] }),
    ]);
    expect(toolNames(solo.backends.a?.requests[0])).toEqual([]);
    expect(result).toMatchObject({ text: "The answer.", reason: "single", winner: "a", label: "agent1.1", votes: [] });
    expect(story(events)).toEqual(["a answers agent1.1", "consensus agent1.1 single", "run-finish"]);
    expect(of("text-delta").every(({ phase }) => phase === "present")).toBe(true);
  });
});

describe("16: one answer per agent", () => {
  it("leaves the vote alone to its next turn", async () => {
    const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] }, { maxAnswersPerAgent: 1 });
    const { of } = await play(duo);
    expect(
      of("turn-start")
        .filter(({ phase }) => phase === "evaluate")
        .map(({ offered }) => offered),
    ).toEqual([["vote"], ["vote"]]);
    expect(toolNames(duo.backends.a?.requests[1])).toEqual(["vote"]);
  });
});

describe("17: the folded view as a status", () => {
  it("shows the latest vote, runs until the end, then names winner and outcome", async () => {
    const duo = team({ a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), [wait(5), vote("agent1")]] });
    const { events } = await play(duo);
    let view = emptyView();
    for (const event of events) {
      expect(view.outcome).toBe("running");
      view = fold(view, event);
      if (event.type === "vote") expect(view.agents[event.agentId]?.vote).toBe(event.label);
      if (event.type === "turn-start") expect(view.agents[event.agentId]?.turn).toBe(event.turnId);
    }
    expect(view).toMatchObject({ outcome: "finished", winner: "a", epoch: 1, attempt: 1 });
    expect(Object.values(view.agents)).toEqual([
      { out: null, answer: "agent1.1", vote: "agent1.1", turn: null, failures: 0, abstentions: 0 },
      { out: null, answer: "agent2.1", vote: "agent1.1", turn: null, failures: 0, abstentions: 0 },
    ]);
  });
});

describe("18: an answer and a vote at the same moment", () => {
  it("emits no vote for what the answer has overtaken", async () => {
    const duo = team(
      {
        a: [newAnswer("A"), [wait(10), better("A improved")], vote("agent1"), "Final."],
        b: [newAnswer("B"), [wait(10), vote("agent2")], vote("agent1")],
      },
      { peerAnswers: "inject" },
    );
    const { of, events } = await play(duo);
    expect(of("vote").map(({ epoch, label }) => [epoch, label])).toEqual([
      [2, "agent1.2"],
      [2, "agent1.2"],
    ]);
    expect(story(events)).not.toContain("b votes agent2.1");
    expect(of("vote-void")).toEqual([]);
  });

  it("emits no vote where both are in one step", async () => {
    const duo = team({
      a: [newAnswer("A"), [vote("agent2"), better("A improved")], vote("agent1"), "Final."],
      b: [newAnswer("B"), [wait(5), vote("agent1")]],
    });
    const { of } = await play(duo);
    expect(of("vote").map(({ label }) => label)).toEqual(["agent1.1", "agent1.1"]);
    expect(of("answer")).toHaveLength(2);
  });
});

describe("19: replaying the events", () => {
  it("gives the state back, live, late and from JSON", async () => {
    const trio = team({
      a: [newAnswer("A"), vote("agent2"), vote("agent3")],
      b: [newAnswer("B"), vote("agent2"), fail("authentication")],
      c: [newAnswer("C"), [wait(10), better("C improved")], vote("agent3"), "Final."],
    });
    const { run, events, result } = await play(trio);
    const late = [];
    for await (const event of run) late.push(event);
    const view = events.reduce(fold, emptyView());
    expect(late.reduce(fold, emptyView())).toEqual(view);
    expect(JSON.parse(JSON.stringify(events)).reduce(fold, emptyView())).toEqual(view);
    expect(view).toEqual({
      attempt: 1,
      epoch: 2,
      winner: result.winner,
      outcome: "finished",
      agents: {
        a: { out: null, answer: "agent1.1", vote: "agent3.2", turn: null, failures: 0, abstentions: 0 },
        b: { out: "failed", answer: "agent2.1", vote: null, turn: null, failures: 1, abstentions: 0 },
        c: { out: null, answer: "agent3.2", vote: "agent3.2", turn: null, failures: 0, abstentions: 0 },
      },
    });
    expect(result.answers.map(({ label }) => label)).toEqual(["agent1.1", "agent2.1", "agent3.2"]);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i));
  });
});

describe("20: an empty new_answer", () => {
  it("is rejected with an error the model reads", async () => {
    const duo = team({
      a: [newAnswer("  "), newAnswer("A"), vote("agent1"), "Final."],
      b: [newAnswer("B"), vote("agent1")],
    });
    const { of } = await play(duo);
    expect(of("decision-rejected")).toMatchObject([{ agentId: "a", code: "blank" }]);
    expect(toolResults(duo.backends.a?.requests[1])).toMatchObject([{ isError: true, output: expect.stringContaining("blank") }]);
    expect(allText(duo.backends.b?.requests[1])).toContain('<answer id="agent1">\nA\n</answer>');
    expect(
      of("answer")
        .map(({ content }) => content)
        .sort(),
    ).toEqual(["A", "B"]);
  });
});
