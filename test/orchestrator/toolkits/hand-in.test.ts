import { describe, expect, it } from "vitest";
import { MassGenError } from "../../../src/errors.js";
import { callTool, newAnswer, say, vote, wait } from "../../../src/testing/index.js";
import { finished, gate, play, record, story, team, toolResults } from "../helpers.js";
import { fakeToolkit, later, look } from "./fake-toolkit.js";

const duo = { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")] };

/** What a toolkit was asked to keep, among the run's decision events. */
const kept = (log: string[]) => log.map((line) => line.replace("fake ", "")).filter((line) => /^(hand in|commit|event)/.test(line));

/** Writes answers and starts of turns into the toolkit's own log. */
function watched(log: string[]) {
  return (event: { type: string; label?: string; labels?: string[]; agentId?: string }) => {
    if (event.type === "answer") log.push(`event answer ${event.label}`);
    if (event.type === "turn-start" && event.labels?.length) log.push(`event ${event.agentId} reads ${event.labels.join(" ")}`);
  };
}

describe("what an agent hands in", () => {
  it("is kept before its answer is announced, and before anybody reads it; votes hand nothing in", async () => {
    const fake = fakeToolkit();
    const { result } = await play(team(duo, { toolkits: [fake] }), { during: watched(fake.log) });
    expect(kept(fake.log)).toEqual([
      "hand in a draft []",
      "hand in b draft []",
      "commit a agent1.1",
      "event answer agent1.1",
      "commit b agent2.1",
      "event answer agent2.1",
      "event a reads agent2.1 agent1.1",
      "event b reads agent1.1 agent2.1",
      "event a reads agent2.1 agent1.1",
      "hand in a present [agent2.1 agent1.1]",
      "commit a agent1.1",
    ]);
    expect(result.text).toBe("Final.");
  });

  it("is let go when the answer is rejected, before the model hears of it", async () => {
    const fake = fakeToolkit({ tools: () => [look] });
    const made = team(
      { a: [newAnswer(""), callTool("look"), newAnswer("A"), vote("agent1"), "Final."], b: [callTool("look"), ...duo.b] },
      { toolkits: [fake] },
    );
    await play(made);
    const own = kept(fake.log).filter((line) => / a /.test(line));
    expect(own.slice(0, 4)).toEqual(["hand in a draft []", "commit a undefined", "hand in a draft []", "commit a agent1.1"]);
  });

  it("is let go when the turn is interrupted while it is being kept, even if that takes its time", async () => {
    const { open, opened } = gate();
    const fake = fakeToolkit({
      run: {
        handIn: async ({ agentId, phase }) => {
          fake.log.push(`hand in ${agentId} ${phase}`);
          if (agentId === "b" && phase === "evaluate") await opened;
          return (label) => void fake.log.push(`commit ${agentId} ${phase} ${label}`);
        },
      },
    });
    const made = team(
      {
        a: [newAnswer("A"), [wait(100), newAnswer("A improved", "depth")], vote("agent1"), "Final."],
        b: [newAnswer("B"), newAnswer("B improved", "depth"), vote("agent1")],
      },
      { toolkits: [fake], peerAnswers: "interrupt", coalesceMs: 0 },
    );
    const { of } = await play(made);
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "b", reason: "new-answer" }]);
    expect(of("answer").map(({ label }) => label)).toEqual(["agent1.1", "agent2.1", "agent1.2"]);
    expect(fake.log).not.toContain("commit b evaluate undefined");
    open();
    await made.runtime.runFor(0);
    expect(fake.log.at(-1)).toBe("commit b evaluate undefined");
  });

  it("counts as being written: the window waits for it", async () => {
    const fake = fakeToolkit({
      run: {
        handIn: async ({ agentId, phase }) => {
          if (agentId === "b" && phase === "evaluate") await later(made.runtime, 50);
          return () => {};
        },
      },
    });
    const made = team(
      {
        a: [newAnswer("A"), [wait(20), newAnswer("A improved", "depth")], vote("agent1"), "Final."],
        b: [newAnswer("B"), newAnswer("B improved", "depth"), vote("agent1")],
      },
      { toolkits: [fake], peerAnswers: "interrupt" },
    );
    const { of } = await play(made);
    expect(of("turn-interrupt")).toEqual([]);
    expect(of("epoch-start").at(-1)?.openers).toEqual(["a", "b"]);
  });

  it("that cannot be kept fails the turn, which is tried again; what others kept of it is let go", async () => {
    let first = true;
    const log: string[] = [];
    const fine = fakeToolkit({ log });
    const broken = fakeToolkit({
      name: "broken",
      run: {
        handIn: async ({ agentId }) => {
          if (agentId !== "a" || !first) return () => {};
          first = false;
          throw new Error("disk full");
        },
      },
    });
    const made = team({ ...duo, a: [newAnswer("A"), ...duo.a] }, { toolkits: [fine, broken] });
    const { of, result } = await play(made);
    expect(result.text).toBe("Final.");
    expect(of("turn-error")).toMatchObject([{ agentId: "a", error: { message: "disk full" }, willRetry: true }]);
    expect(
      kept(log)
        .filter((line) => / a /.test(line))
        .slice(0, 4),
    ).toEqual(["hand in a draft []", "commit a undefined", "hand in a draft []", "commit a agent1.1"]);
  });

  describe("that the model can mend is rejected in the toolkit's words", () => {
    /** A toolkit that refuses as long as it is told to. */
    const full = (refuses: (phase: string, asked: number) => boolean) => {
      let asked = 0;
      const fake = fakeToolkit({
        run: {
          handIn: async ({ agentId, phase }) => {
            if (agentId === "a" && refuses(phase, ++asked)) throw new MassGenError("too_large", "Delete what is too much.");
            return (label) => void fake.log.push(`commit ${agentId} ${label}`);
          },
        },
      });
      return fake;
    };

    it("and the model tries again in the same turn; what others kept is let go", async () => {
      const log: string[] = [];
      const toolkits = [fakeToolkit({ name: "other", log }), full((_, asked) => asked === 1)];
      const made = team({ ...duo, a: [newAnswer("A"), ...duo.a] }, { toolkits });
      const { of, result } = await play(made);
      expect(result.text).toBe("Final.");
      expect(of("turn-error")).toEqual([]);
      expect(of("decision-rejected")).toMatchObject([
        { agentId: "a", code: "not-kept", message: "The answer was not accepted. Delete what is too much. Then submit it again." },
      ]);
      expect(toolResults(made.backends.a!.requests[1])).toMatchObject([
        { output: expect.stringContaining("Delete what is too much."), isError: true },
      ]);
      expect(log.filter((line) => line.startsWith("other commit a"))[0]).toBe("other commit a undefined");
      expect(of("answer").map(({ label }) => label)).toEqual(["agent2.1", "agent1.1"]);
    });

    it("until its retries are used up: the turn fails, and says why; text does not slip in as the draft", async () => {
      const made = team({ a: Array.from({ length: 20 }, () => "Plain text."), b: [newAnswer("B")] }, { toolkits: [full(() => true)] });
      const { of, result } = await play(made);
      expect(result.answers.map(({ label }) => label)).toEqual(["agent2.1"]);
      expect(of("turn-error")[0]).toMatchObject({ agentId: "a", error: { message: expect.stringContaining("not-kept") } });
      expect(of("agent-out")).toMatchObject([{ agentId: "a", reason: "failed" }]);
    });

    it("in an evaluation it ends as an abstention", async () => {
      const improved = newAnswer("A improved", "depth");
      const made = team(
        { a: [newAnswer("A"), improved, improved, improved], b: [newAnswer("B"), vote("agent2"), "Final."] },
        { toolkits: [full((phase) => phase === "evaluate")] },
      );
      const { of } = await play(made);
      expect(of("turn-finish").filter(({ agentId, phase }) => agentId === "a" && phase === "evaluate")).toMatchObject([
        { outcome: "abstain" },
      ]);
      expect(of("decision-rejected").map(({ code }) => code)).toEqual(["not-kept", "not-kept", "not-kept"]);
    });

    it("a presentation fails, and the voted answer is delivered", async () => {
      const { of, result } = await play(team(duo, { toolkits: [full((phase) => phase === "present")] }));
      expect([result.text, result.label]).toEqual(["A", "agent1.1"]);
      expect(of("turn-error")).toMatchObject([
        { phase: "present", error: { code: "presentation_rejected", message: "Delete what is too much." } },
      ]);
    });
  });

  it("may not take for ever", async () => {
    let first = true;
    const slow = fakeToolkit({
      run: {
        handIn: async ({ agentId }) => {
          if (agentId === "a" && first) {
            first = false;
            await new Promise(() => {});
          }
          return () => {};
        },
      },
    });
    const made = team({ ...duo, a: [newAnswer("A"), ...duo.a] }, { toolkits: [slow], timeout: { tool: 1_000 } });
    const { of, result } = await play(made);
    expect(result.text).toBe("Final.");
    expect(of("turn-error")).toMatchObject([{ agentId: "a", error: { code: "toolkit_timeout" } }]);
  });

  it("is the text of a draft, too, once that counts as the answer", async () => {
    const fake = fakeToolkit();
    const made = team({ a: ["Plain", "Plain", "Plain text.", vote("agent1"), "Final."], b: duo.b }, { toolkits: [fake] });
    const { of } = await play(made);
    expect(of("answer").find(({ agentId }) => agentId === "a")?.content).toBe("Plain text.");
    expect(
      kept(fake.log)
        .filter((line) => / a /.test(line))
        .slice(0, 2),
    ).toEqual(["hand in a draft []", "commit a agent1.1"]);
  });

  it("by an agent alone is kept under the label of its answer, before that is announced", async () => {
    const fake = fakeToolkit();
    const { result } = await play(team({ a: ["Alone."] }, { toolkits: [fake] }), { during: watched(fake.log) });
    expect(result.text).toBe("Alone.");
    expect(kept(fake.log)).toEqual(["hand in a present []", "commit a agent1.1", "event answer agent1.1"]);
  });

  it("as a presentation that comes to nothing is let go", async () => {
    const fake = fakeToolkit();
    const made = team({ ...duo, a: [newAnswer("A"), vote("agent1"), say(" ")] }, { toolkits: [fake] });
    const { result } = await play(made);
    expect(result.text).toBe("A");
    expect(kept(fake.log).slice(-2)).toEqual(["hand in a present [agent2.1 agent1.1]", "commit a undefined"]);
  });

  it("is kept under the labels of every attempt; whoever reviews may look at what was presented", async () => {
    const fake = fakeToolkit({ run: { note: ({ phase, labels }) => `[${phase}: ${labels.join(" ")}]` } });
    const made = team(
      {
        a: [
          newAnswer("A"),
          vote("agent1"),
          "First.",
          callTool("restart_orchestration", { reason: "Thin", instructions: "Add" }),
          newAnswer("A again"),
          vote("agent1"),
          "Second.",
          callTool("submit", { confirmed: true }),
        ],
        b: [newAnswer("B"), vote("agent1"), newAnswer("B again"), vote("agent1")],
      },
      { toolkits: [fake], maxRestarts: 2 },
    );
    const { result } = await play(made);
    expect([result.text, result.label]).toEqual(["Second.", "agent1.2"]);
    expect(kept(fake.log).filter((line) => line.startsWith("commit a"))).toEqual([
      "commit a agent1.1",
      "commit a agent1.1",
      "commit a agent1.2",
      "commit a agent1.2",
    ]);
    const reviews = made.backends.a!.requests.filter(({ tools }) => tools?.some(({ name }) => name === "submit"));
    expect(JSON.stringify(reviews[0]!.messages)).toContain("[review: agent1.1]");
    expect(JSON.stringify(reviews[1]!.messages)).toContain("[review: agent1.2]");
  });

  it("when the run is finished early is kept only if it had become an answer", async () => {
    const { open, opened } = gate();
    const fake = fakeToolkit({
      run: {
        handIn: async ({ agentId }) => {
          fake.log.push(`hand in ${agentId}`);
          if (agentId === "b") await opened;
          return (label) => void fake.log.push(`commit ${agentId} ${label}`);
        },
      },
    });
    const made = team(duo, { toolkits: [fake] });
    const run = made.orchestrator.run("The task");
    const events = record(run);
    await made.runtime.runFor(10);
    run.finish();
    open();
    const { result } = await finished(run, events, made.runtime);
    expect(result.reason).toBe("finished-early");
    expect(result.answers.map(({ label }) => label)).toEqual(["agent1.1"]);
    expect(fake.log.filter((line) => line.startsWith("commit"))).toEqual(["commit a agent1.1", "commit b undefined", "commit a agent1.1"]);
  });

  it("with the last of the budget still counts, as without toolkits", async () => {
    const usage = { inputTokens: 100, outputTokens: 100 };
    const script = { a: duo.a, b: [newAnswer("B"), wait(1_000)] };
    const agents = { a: { backend: { usage } }, b: { backend: { usage } } };
    const slow = fakeToolkit({
      run: {
        handIn: async () => {
          await later(made.runtime, 10);
          return () => {};
        },
      },
    });
    const budget = { isSpent: ({ total }: { total: { inputTokens: number } }) => total.inputTokens >= 200 };
    const made = team(script, { toolkits: [slow], budget, agents });
    const { result } = await play(made);
    const { result: bare } = await play(team(script, { budget, agents }));
    expect(result.reason).toBe("budget");
    expect(result.answers.map(({ label }) => label)).toEqual(bare.answers.map(({ label }) => label));
  });

  it("that throws when it is told is told to the caller, and costs nothing else", async () => {
    const fake = fakeToolkit({
      run: {
        handIn: async () => () => {
          throw new Error("rename failed");
        },
      },
    });
    const { result, of, events } = await play(team(duo, { toolkits: [fake] }));
    expect(result.text).toBe("Final.");
    expect(of("warning").map(({ code }) => code)).toEqual(["toolkit_failed", "toolkit_failed", "toolkit_failed"]);
    expect(story(events)).toContain("a answers agent1.1");
  });
});
