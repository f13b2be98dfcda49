import { describe, expect, it } from "vitest";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { RunError } from "../../src/orchestrator/run.js";
import { callTool, chunk, fail, finish, hang, newAnswer, type ScriptedStep, say, vote, wait } from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { finished, ofType, play, presentedText, record, type Script, story, type TeamOptions, team } from "./helpers.js";

const better = (content: string) => newAnswer(content, "depth");
const duo = (...presenting: ScriptedStep[]): Record<string, Script> => ({
  a: [newAnswer("A"), vote("agent1"), ...presenting],
  b: [newAnswer("B"), vote("agent1")],
});
const sendBack = callTool("restart_orchestration", { reason: "thin", instructions: "more" });
const image = (data: string) => chunk({ type: "file", mediaType: "image/png", data });

async function all(run: AsyncIterable<CoordinationEvent>): Promise<CoordinationEvent[]> {
  const events: CoordinationEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

describe("a result that is reused in several attempts", () => {
  it("reads the same, attempt by attempt, for whoever comes late", async () => {
    const scripts = {
      a: [newAnswer("First A"), vote("agent1"), sendBack, newAnswer("Second A"), vote("agent1")],
      b: [newAnswer("First B"), vote("agent1"), newAnswer("Second B"), vote("agent1")],
    };
    const { run, events, result } = await play(team(scripts, { presentation: "reuse", maxRestarts: 1 }));
    const late = await all(run);
    const texts = (list: CoordinationEvent[]) =>
      ofType(list, "text-delta")
        .filter(({ phase }) => phase === "present")
        .map(({ attempt, delta }) => [attempt, delta]);
    expect(result.text).toBe("Second A");
    expect(texts(late)).toEqual([
      [1, "First A"],
      [2, "Second A"],
    ]);
    expect(texts(late)).toEqual(texts(events));
  });
});

describe("files of the result", () => {
  it("are those of steps that ended well", async () => {
    const { result } = await play(team(duo([image("VOID"), fail("server_error")], [image("GOOD"), "Final."])));
    expect(result).toMatchObject({ text: "Final.", files: [{ data: "GOOD" }] });
  });

  it("are none when the presentation failed after them and the voted answer took its place", async () => {
    const failed = await play(team(duo([image("VOID"), say("The fin"), fail("server_error")])));
    expect(failed.result).toMatchObject({ text: "A", files: [] });
    const look = tool({ name: "look", description: "", input: { type: "object", properties: {} }, execute: () => "found" });
    const scripts = {
      ...duo(),
      a: [callTool("look"), newAnswer("A"), vote("agent1"), [image("VOID"), callTool("look")], fail("authentication")],
    };
    const later = await play(team(scripts, { agents: { a: { tools: [look] } } }));
    expect(later.result).toMatchObject({ text: "A", files: [] });
  });

  it("are those of the last attempt", async () => {
    const scripts = {
      a: [newAnswer("A"), vote("agent1"), [image("OLD"), "First."], sendBack, newAnswer("A2"), vote("agent1"), [image("NEW"), "Second."]],
      b: [newAnswer("B"), vote("agent1"), newAnswer("B2"), vote("agent1")],
    };
    const { result } = await play(team(scripts, { maxRestarts: 1 }));
    expect(result).toMatchObject({ text: "Second.", files: [{ data: "NEW" }] });
  });
});

describe("text that an output limit cut", () => {
  const cut = [say("It is Par"), finish("length")];

  it("is never the draft, however often it is all there is", async () => {
    const { of } = await play(team({ ...duo(), a: [cut, cut, cut, newAnswer("A"), vote("agent1"), "Final."] }));
    expect(of("turn-error")).toMatchObject([{ agentId: "a", error: { code: "no_decision" } }]);
    expect(of("answer").map(({ content }) => content)).not.toContain("It is Par");
    const whole = await play(team({ ...duo(), a: ["It is Paris.", cut, cut, vote("agent1"), "Final."] }));
    expect(whole.of("answer").map(({ content }) => content)).toContain("It is Paris.");
  });

  it("in a presentation that was sent back says nothing of the result", async () => {
    const scripts = {
      a: [newAnswer("A"), vote("agent1"), cut, sendBack, newAnswer("Whole A"), hang()],
      b: [newAnswer("B"), vote("agent1"), newAnswer("B2"), hang()],
    };
    const { result } = await play(team(scripts, { maxRestarts: 1, timeout: { run: 5_000 } }));
    expect(result).toMatchObject({ text: "Whole A", reason: "deadline", finishReason: "stop" });
  });

  it("before a failure or a stop of the presenter says nothing of the voted answer", async () => {
    const look = tool({ name: "look", description: "", input: { type: "object", properties: {} }, execute: () => "found" });
    const limited = [say("I look it up"), callTool("look"), finish("length"), { usage: { inputTokens: 100_000, outputTokens: 0 } }];
    const cheap = { backend: { usage: { inputTokens: 1, outputTokens: 0 } } };
    const presenting = (...steps: ScriptedStep[]) => ({ ...duo(), a: [callTool("look"), newAnswer("A"), vote("agent1"), ...steps] });
    const agents = { a: { tools: [look], ...cheap }, b: cheap };
    const failed = await play(team(presenting(limited, fail("authentication")), { agents }));
    expect(failed.result).toMatchObject({ text: "A", finishReason: "stop" });
    const spent = await play(team(presenting(limited, "Never."), { agents, budget: { maxTokens: 50_000 } }));
    expect(spent.of("turn-interrupt")).toMatchObject([{ phase: "present", reason: "budget" }]);
    expect(spent.result).toMatchObject({ text: "A", finishReason: "stop" });
  });
});

describe("votes that were carried", () => {
  it("are told as such, in the consensus event and the result", async () => {
    const trio = team(
      {
        a: [newAnswer("A"), vote("agent3", "Best."), hang()],
        b: [newAnswer("B"), vote("agent3", "Yes."), hang()],
        c: [newAnswer("C"), [wait(10), better("C improved")], hang()],
      },
      { timeout: { run: 1_000 } },
    );
    const { result, of } = await play(trio);
    const votes = [
      { agentId: "a", targetAgentId: "c", label: "agent3.1", reason: "Best." },
      { agentId: "b", targetAgentId: "c", label: "agent3.1", reason: "Yes." },
    ];
    expect(of("consensus")).toMatchObject([{ carried: true, votes, tally: { "agent3.2": 2 } }]);
    expect(result).toMatchObject({ text: "C improved", votes });
    expect(result.answers.find(({ winner }) => winner)).toMatchObject({ label: "agent3.2", score: 2 });
  });

  it("are not where votes for the current answers count", async () => {
    const { of } = await play(team(duo("Final.")));
    expect(of("consensus")[0]).not.toHaveProperty("carried");
  });
});

describe("a turn that is stopped", () => {
  it("aborts its tools and its backend with an AbortError, as fetch does", async () => {
    const reasons: unknown[] = [];
    const slow = tool({
      name: "slow",
      description: "",
      input: { type: "object", properties: {} },
      execute: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            reject(signal.reason);
          });
        }),
    });
    const scripts = {
      a: [newAnswer("A"), callTool("slow"), vote("agent2")],
      b: [newAnswer("B"), [wait(10), better("B improved")], vote("agent2"), "Final."],
      c: [
        newAnswer("C"),
        (_: unknown, { signal }: { signal: AbortSignal | undefined }) => {
          signal?.addEventListener("abort", () => reasons.push(signal.reason));
          return hang();
        },
        vote("agent2"),
      ],
    };
    const { of } = await play(team(scripts, { agents: { a: { tools: [slow] } }, maxDecisionRetries: 0 }));
    expect(of("turn-interrupt").map(({ agentId }) => agentId)).toEqual(["a", "c"]);
    expect(reasons).toHaveLength(2);
    for (const reason of reasons) {
      expect(reason).toBeInstanceOf(DOMException);
      expect(reason).toMatchObject({ name: "AbortError", message: expect.stringContaining("new-answer") });
    }
  });
});

describe("what a listener asks for", () => {
  const first = (act: "finish" | "abort") =>
    play(team(duo("Final.")), {
      during: (event, run) => {
        if (event.type === "run-start") run[act]();
      },
    });

  it("at run-start is done: finish()", async () => {
    const { error, events } = await first("finish");
    expect(error).toMatchObject({ code: "no_answer", message: expect.stringContaining("finish()") });
    expect(story(events).at(-1)).toBe("run-error");
  });

  it("at run-start is done: abort()", async () => {
    const { error, events } = await first("abort");
    expect(error.code).toBe("aborted");
    expect(story(events).at(-1)).toBe("run-abort");
  });

  it("at the end of a step ends the run with that step's tokens counted", async () => {
    const usage = { inputTokens: 90, outputTokens: 10 };
    const { error, of } = await play(team(duo("Final."), { agents: { a: { backend: { usage } }, b: { backend: { usage } } } }), {
      during: (event, run) => {
        if (event.type === "step-finish") run.abort("enough");
      },
    });
    const steps = of("step-finish").filter(({ status }) => status === "ok");
    expect(steps).toHaveLength(1);
    expect(error.partial.usage.byAgent[steps[0]!.agentId]).toMatchObject(usage);
    expect(of("run-abort")[0]!.usage).toMatchObject({ inputTokens: expect.any(Number) });
    const spent = of("step-finish").reduce((sum, step) => sum + step.usage.inputTokens, 0);
    expect(of("run-abort")[0]!.usage.inputTokens).toBe(spent);
  });
});

describe("textStream of a run without a result", () => {
  async function textOf(scripts: Record<string, Script>, options?: TeamOptions, act?: "abort") {
    const group = team(scripts, options);
    const run = group.orchestrator.run("Task");
    const events = record(run);
    const text = (async () => {
      let said = "";
      for await (const piece of run.textStream) said += piece;
      return said;
    })().then(
      (said) => said,
      (error: unknown) => error,
    );
    if (act === "abort") {
      await group.runtime.flush();
      run.abort("no longer needed");
    }
    await finished(run, events, group.runtime);
    const rejection = await run.result.catch((error: unknown) => error);
    return { thrown: await text, rejection };
  }

  it("throws the very error that the result rejects with", async () => {
    for (const [scripts, act, code] of [
      [{ a: [fail("authentication")] }, undefined, "no_answer"],
      [{ a: [hang()], b: [hang()] }, "abort", "aborted"],
    ] as const) {
      const { thrown, rejection } = await textOf(scripts, {}, act);
      expect(thrown).toBe(rejection);
      expect(thrown).toBeInstanceOf(RunError);
      expect(thrown).toMatchObject({ code, partial: { answers: [] } });
    }
  });

  it("throws text_voided where there is a result, but not the text that was given out", async () => {
    const group = team(duo([say("The fin"), wait(10), fail("server_error")]));
    const run = group.orchestrator.run("Task");
    const text = all(run.textStream as never).catch((error: unknown) => error);
    await group.runtime.runUntil(run.result);
    expect(await text).toMatchObject({ code: "text_voided" });
  });

  it("can be left early", async () => {
    const group = team(duo([say("The final "), wait(10), say("answer.")]));
    const run = group.orchestrator.run("Task");
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const piece of run.textStream) {
        pieces.push(piece);
        break;
      }
    })();
    const result = await group.runtime.runUntil(run.result);
    await reading;
    expect(pieces).toHaveLength(1);
    expect(result.text).toBe("The final answer.");
  });
});

describe("an option that throws", () => {
  it("ends the run as option_threw, with what it threw as the cause", async () => {
    const cause = new RangeError("no such text");
    const broken = () => {
      throw cause;
    };
    const rule = { name: "mine", ballot: "single" as const, score: broken };
    for (const options of [
      { prompts: { evaluate: broken } },
      { decisionRule: rule },
      { budget: { isSpent: broken } },
      { prompts: { rejection: broken } },
    ]) {
      const { error } = await play(team({ ...duo("Final."), a: ["?", newAnswer("A"), vote("agent1"), "Final."] }, options));
      expect(error).toBeInstanceOf(RunError);
      expect(error).toMatchObject({ code: "option_threw", message: expect.stringContaining("no such text") });
      expect(error.cause).toBe(cause);
    }
  });
});

describe("the cause of a run without an answer", () => {
  const limited = (retryAfterMs: number) => fail("rate_limit", { retryable: false, retryAfterMs });

  it("is what all agents failed of: the error that asks for the longest wait", async () => {
    const { error, of } = await play(team({ a: [limited(2_000)], b: [limited(7_000)], c: [limited(5_000)] }));
    expect(error).toMatchObject({ code: "no_answer", cause: { name: "BackendError", code: "rate_limit", retryAfterMs: 7_000 } });
    expect(of("run-error")).toMatchObject([{ error: { cause: { code: "rate_limit", retryAfterMs: 7_000 } } }]);
  });

  it("is left open where they failed of different things", async () => {
    const { error, of } = await play(team({ a: [limited(2_000)], b: [fail("authentication")] }));
    expect(error.cause).toBeUndefined();
    expect(of("run-error")[0]!.error).not.toHaveProperty("cause");
  });
});

describe("what a run has spent so far", () => {
  it("has the step whose calls are being carried out, to the token, and in the end everything", async () => {
    const usage = { inputTokens: 90, outputTokens: 10, cachedInputTokens: 30 };
    const book = tool({ name: "book", description: "Books.", input: { type: "object" } });
    const agents = { a: { backend: { usage } } };
    let asked: unknown;
    const { run, result } = await play(team({ a: [callTool("book"), "Booked."] }, { agents }), {
      tools: [book],
      during: (event, run) => {
        if (event.type !== "input-request") return;
        asked = run.usage;
        run.respond(event.requestId, "ok");
      },
    });
    expect(asked).toEqual(usage);
    expect(run.usage).toEqual({ inputTokens: 180, outputTokens: 20, cachedInputTokens: 60 });
    expect(result.usage).toMatchObject(run.usage);
  });
});

describe("an input-request", () => {
  it("says where in the run it belongs", async () => {
    const book = tool({ name: "book", description: "Books.", input: { type: "object", properties: {} } });
    const { of } = await play(team(duo(callTool("book"), "Done.")), {
      tools: [book],
      during: (event, run) => {
        if (event.type === "input-request") run.respond(event.requestId, "ok");
      },
    });
    expect(of("input-request")).toMatchObject([{ agentId: "a", phase: "present", attempt: 1, epoch: 1 }]);
  });
});

describe("the final text", () => {
  it("goes on without a gap where the provider had only paused", async () => {
    const { result, events } = await play(team(duo([say("The sum is "), finish("pause")], [say("42.")])));
    expect(result.text).toBe("The sum is 42.");
    expect(presentedText(events)).toBe("The sum is 42.");
  });
});
