import { describe, expect, it } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { isDelta } from "../../src/orchestrator/events.js";
import { callTool, chunk, fail, finish, newAnswer, type ScriptedStep, say, vote, wait } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { aliasesOffered, answersRead, lastText, ofType, play, story, team, toolResults } from "./helpers.js";

const better = (content: string) => newAnswer(content, "depth");
const search = tool({ name: "search", description: "Searches.", input: { type: "object", properties: {} }, execute: () => "found" });

/** An answer the model begins at once and takes `ms` to write. */
const slowAnswer = (content: string, ms: number): ScriptedStep => [
  chunk({ type: "tool-input-start", toolCallId: "slow", toolName: "new_answer" }),
  wait(ms),
  chunk({ type: "tool-call", toolCallId: "slow", toolName: "new_answer", input: { content, lacking: "depth" } }),
];

const timeOf = (events: CoordinationEvent[], matches: (event: CoordinationEvent) => boolean): number =>
  events.find(matches)!.time - events[0]!.time;

describe("the vote grace and a new answer", () => {
  // c has decided and b too when d answers: the grace of epoch 1 runs, e is writing.
  const scripts = {
    a: [newAnswer("A"), vote("agent1"), vote("agent4"), "Final."],
    b: [newAnswer("B"), vote("agent1"), vote("agent4")],
    c: [newAnswer("C"), vote("agent1"), vote("agent4")],
    d: [newAnswer("D"), [wait(50), better("D improved")], vote("agent4"), "Final."],
    e: [newAnswer("E"), slowAnswer("E improved", 200), vote("agent4"), vote("agent4")],
  };

  it("the answer ends it: an agent that is writing is not cut off within the window", async () => {
    const { events, of } = await play(team(scripts, { voteGraceMs: 100 }));
    expect(story(events)).toContain("e answers agent5.2");
    expect(of("turn-interrupt").filter(({ reason }) => reason === "vote-grace")).toEqual([]);
    expect(of("epoch-start")[1]).toMatchObject({ openers: ["d", "e"] });
    expect(timeOf(events, (event) => event.type === "epoch-start" && event.epoch === 2)).toBe(200);
  });

  it("round: there it bounds the window, and goes on", async () => {
    const { events, of } = await play(team(scripts, { voteGraceMs: 100, peerAnswers: "round" }));
    expect(timeOf(events, (event) => event.type === "epoch-start" && event.epoch === 2)).toBe(100);
    expect(of("turn-interrupt")[0]).toMatchObject({ agentId: "e", reason: "vote-grace" });
    expect(of("epoch-start")[1]).toMatchObject({ openers: ["d"] });
  });
});

describe("news", () => {
  const work = [wait(10), callTool("search")];

  it("tell what is new alone, the last version of it, and name what stands", async () => {
    const trio = team(
      {
        a: [newAnswer("A"), [wait(25), better("A improved")], vote("agent1"), vote("agent1"), "Final."],
        b: [newAnswer("B"), [wait(35), better("B improved")], [wait(20), vote("agent1")], vote("agent1")],
        c: [newAnswer("C"), newAnswer("C"), [...work], [...work], [...work], [wait(60), callTool("search")], vote("agent1")],
      },
      { peerAnswers: "inject", agents: { c: { tools: [search] } } },
    );
    const { of } = await play(trio);
    expect(
      of("turn-update")
        .filter(({ agentId }) => agentId === "c")
        .map(({ labels }) => labels),
    ).toEqual([
      ["agent1.2", "agent2.1", "agent3.1"],
      ["agent1.2", "agent2.2", "agent3.1"],
    ]);
    const told = trio.backends.c!.requests.filter((request) => lastText(request).includes("have changed while you were working"));
    expect(told.map(answersRead)).toEqual([[{ alias: "agent1", content: "A improved" }], [{ alias: "agent2", content: "B improved" }]]);
    expect(lastText(told[0])).toContain("What agent2 and agent3 wrote stands as you have read it.");
    expect(lastText(told[1])).toContain("What agent1 and agent3 wrote stands as you have read it.");
  });

  it("that are read while the next answers arrive count as read: a vote for what they offer is stale, at no cost", async () => {
    // d's late draft opens epoch 2. b answers while c is still writing, so a window is open when a reads of d, and votes for it.
    const four = team(
      {
        a: [newAnswer("A"), newAnswer("A"), [wait(12), callTool("search")], [wait(8), callTool("search")], vote("agent4"), vote("agent4")],
        b: [newAnswer("B"), newAnswer("B"), callTool("search"), [wait(18), better("B improved")], vote("agent4")],
        c: [newAnswer("C"), newAnswer("C"), [wait(16), callTool("search")], slowAnswer("C improved", 20), vote("agent4")],
        d: [[wait(15), newAnswer("D")], vote("agent4"), vote("agent4"), "Final."],
      },
      {
        peerAnswers: "inject",
        draftGraceMs: 0,
        maxDecisionRetries: 1,
        agents: { a: { tools: [search] }, b: { tools: [search] }, c: { tools: [search] } },
      },
    );
    const { events, of } = await play(four);
    expect(aliasesOffered(four.backends.a!.requests[4])).toContain("agent4");
    const told = of("decision-rejected").filter(({ agentId, code }) => agentId === "a" && code !== "no_work");
    expect(told.map(({ code }) => code)).toEqual(["stale"]);
    expect(toolResults(four.backends.a!.requests.at(-1)).at(-1)?.output).toContain("the answers have changed since");
    expect(story(events)).toContain("a votes agent4.1");
  });

  it("are of the epoch that has opened: no step of a turn names one before it has", async () => {
    const duo = team(
      {
        a: [newAnswer("A"), [wait(20), better("A improved")], vote("agent1"), "Final."],
        b: [newAnswer("B"), newAnswer("B"), [wait(10), callTool("search")], [say("Hm"), wait(20), callTool("search")], vote("agent1")],
      },
      { agents: { b: { tools: [search] } } },
    );
    const { events, of } = await play(duo);
    expect(of("turn-update")).toHaveLength(1);
    let epoch = 0;
    for (const event of events) {
      if (event.type === "epoch-start") epoch = event.epoch;
      else if ("stepId" in event) expect(event.epoch, `${event.type} ${event.stepId}`).toBeLessThanOrEqual(epoch);
    }
    const steps = of("step-finish").filter(({ agentId, phase }) => agentId === "b" && phase === "evaluate");
    expect(steps.map((step) => step.epoch)).toEqual([1, 1, 2]);
  });

  it("interrupt a step of the epoch that ends", async () => {
    const duo = team({
      a: [newAnswer("A"), [wait(5), better("A improved")], vote("agent1"), "Final."],
      b: [newAnswer("B"), [say("Hm"), wait(50), vote("agent1")], vote("agent1")],
    });
    const { events } = await play(duo);
    const cut = ofType(events, "step-finish").find(({ status }) => status === "interrupted");
    expect(cut).toMatchObject({ agentId: "b", epoch: 1 });
    expect(events.filter(isDelta).find(({ agentId, phase }) => agentId === "b" && phase === "evaluate")).toMatchObject({ epoch: 1 });
  });
});

describe("auto", () => {
  it("a step with the provider's own tools is a tool step: the agent goes on with the news", async () => {
    const searched = (state: "started" | "finished") => chunk({ type: "builtin-tool", id: "s", toolName: "web_search", state });
    const duo = team({
      a: [newAnswer("A"), [wait(20), better("A improved")], vote("agent1"), "Final."],
      b: [newAnswer("B"), [searched("started"), searched("finished"), finish("pause")], [wait(100), vote("agent1")], vote("agent1")],
    });
    const { of } = await play(duo);
    expect(of("turn-interrupt")).toEqual([]);
    expect(of("turn-update")).toMatchObject([{ agentId: "b" }]);
    expect(of("turn-start").filter(({ agentId, phase }) => agentId === "b" && phase === "evaluate")).toHaveLength(1);
  });
});

describe("a near copy", () => {
  const text = "The capital of France is Paris, and it has been so since the tenth century at the latest.";

  it("of an answer its author has not read ends the turn without a word of it", async () => {
    const duo = team(
      {
        a: [newAnswer("A"), [wait(10), better(text)], vote("agent1"), "Final."],
        b: [newAnswer("B"), slowAnswer(`${text} Yes.`, 20), vote("agent1")],
      },
      { answerNovelty: "balanced" },
    );
    const { of } = await play(duo);
    expect(of("decision-rejected")).toMatchObject([{ agentId: "b", code: "stale", message: "" }]);
    expect(of("turn-finish").map(({ agentId, outcome }) => `${agentId} ${outcome}`)).toContain("b stale");
    expect(of("answer")).toHaveLength(3);
  });

  it("of one it has read is told so", async () => {
    const duo = team(
      { a: [newAnswer(text), vote("agent1"), "Final."], b: [newAnswer("B"), better(`${text} Yes.`), vote("agent1")] },
      { answerNovelty: "balanced" },
    );
    const { of } = await play(duo);
    expect(of("decision-rejected")).toMatchObject([
      { agentId: "b", code: "near-copy", message: expect.stringContaining("nearly the same") },
    ]);
  });
});

describe("round", () => {
  it("a failed turn sits the round out, without a retry, and evaluates again in the next", async () => {
    const trio = team(
      {
        a: [newAnswer("A"), [wait(5_000), better("A improved")], vote("agent1"), "Final."],
        b: [newAnswer("B"), fail("server_error"), vote("agent1")],
        c: [newAnswer("C"), vote("agent1"), vote("agent1")],
      },
      { peerAnswers: "round", maxStepRetries: 0 },
    );
    const { of } = await play(trio);
    expect(of("turn-error")).toMatchObject([{ agentId: "b", willRetry: false }]);
    const evaluations = of("turn-start").filter(({ agentId, phase }) => agentId === "b" && phase === "evaluate");
    expect(evaluations.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(of("agent-out")).toEqual([]);
    expect(of("consensus")).toMatchObject([{ epoch: 2, tally: { "agent1.2": 2 } }]);
  });
});
