import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, expectTypeOf, it } from "vitest";
import { BackendError } from "../../src/errors.js";
import type { EventOfType, Phase } from "../../src/orchestrator/events.js";
import { type CoordinationEvent, isTerminal } from "../../src/orchestrator/events.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { type Run, RunError } from "../../src/orchestrator/run.js";
import type { ScriptedBackend, ScriptedRule } from "../../src/testing/index.js";
import {
  callTool,
  fail,
  finish,
  hang,
  newAnswer,
  type ScriptedStep,
  say,
  scriptedBackend,
  virtualRuntime,
  vote,
  wait,
} from "../../src/testing/index.js";
import { type Tool, tool } from "../../src/tools/tool.js";
import {
  finished,
  gate,
  lastText,
  ofType,
  type Played,
  play,
  presentedText,
  record,
  type Script,
  story,
  type Team,
  type TeamOptions,
  team,
  toolNames,
  toolResults,
} from "./helpers.js";

const book = tool({ name: "book", description: "Books.", input: { type: "object", properties: {} } });

const duo = (...presenting: ScriptedStep[]): Record<string, Script> => ({
  a: [newAnswer("A"), vote("agent1"), ...presenting],
  b: [newAnswer("B"), vote("agent1")],
});

async function all(run: AsyncIterable<CoordinationEvent>): Promise<CoordinationEvent[]> {
  const events: CoordinationEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

/** The same events, with the deltas of a step put together. */
function merged(events: CoordinationEvent[]): string[] {
  const texts = new Map<string, string>();
  const others: string[] = [];
  for (const event of events) {
    if ("delta" in event) texts.set(`${event.type} ${event.stepId}`, (texts.get(`${event.type} ${event.stepId}`) ?? "") + event.delta);
    else others.push(`${event.seq} ${event.type}`);
  }
  return [...others, ...[...texts].map(([key, text]) => `${key}: ${text}`).sort()];
}

describe("reading a run", () => {
  it("every iterator sees the whole run: early, late and slow", async () => {
    const { orchestrator, runtime } = team(duo("The final answer of the team."));
    const run = orchestrator.run("Task");
    const recorded = record(run);
    const early = all(run);
    const slow = run[Symbol.asyncIterator]();
    const first = await slow.next();
    await runtime.runUntil(run.result);
    const rest: CoordinationEvent[] = [first.value!];
    for (let next = await slow.next(); !next.done; next = await slow.next()) rest.push(next.value);
    for (const events of [await early, rest, await all(run), await all(run)]) {
      expect(merged(events)).toEqual(merged(recorded));
      expect(events.filter(isTerminal)).toHaveLength(1);
      expect(isTerminal(events.at(-1)!)).toBe(true);
    }
  });

  it("nobody has to read it; leaving it early stops nothing", async () => {
    const { orchestrator, runtime } = team(duo("Final."));
    const run = orchestrator.run("Task");
    for await (const event of run) if (event.type === "run-start") break;
    await expect(runtime.runUntil(run.result)).resolves.toMatchObject({ text: "Final." });
  });

  it("misses nothing that is asked for right after run(): the run starts on a microtask", async () => {
    const { orchestrator, runtime } = team(duo("Final."));
    const run = orchestrator.run("Task");
    const heard: string[] = [];
    run.on("run-start", ({ agents }) => heard.push(agents.map(({ alias }) => alias).join()));
    expect(heard).toEqual([]);
    await runtime.runUntil(run.result);
    expect(heard).toEqual(["agent1,agent2"]);
  });

  it("textStream gives the final text alone, while it is written and afterwards", async () => {
    const { orchestrator, runtime } = team(duo("The final answer of the team."));
    const run = orchestrator.run("Task");
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const piece of run.textStream) pieces.push(piece);
    })();
    await runtime.runUntil(run.result);
    await reading;
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe("The final answer of the team.");
    const late: string[] = [];
    for await (const piece of run.textStream) late.push(piece);
    expect(late.join("")).toBe("The final answer of the team.");
  });

  it("textStream holds back what a review may still send back", async () => {
    const open = gate();
    const { orchestrator, runtime } = team(duo("Final.", [wait(open.opened), callTool("submit", { confirmed: true })]), { maxRestarts: 1 });
    const run = orchestrator.run("Task");
    const pieces: string[] = [];
    const reading = (async () => {
      for await (const piece of run.textStream) pieces.push(piece);
    })();
    await runtime.flush();
    expect(pieces).toEqual([]);
    open.open();
    await runtime.runUntil(run.result);
    await reading;
    expect(pieces.join("")).toBe("Final.");
  });

  it("textStream throws when what it gave out is void", async () => {
    const { orchestrator, runtime } = team(duo([say("Half of the answer"), fail("authentication")]));
    const run = orchestrator.run("Task");
    const reading = (async () => {
      for await (const _ of run.textStream);
    })();
    const failed = expect(reading).rejects.toMatchObject({ code: "text_voided" });
    await expect(runtime.runUntil(run.result)).resolves.toMatchObject({ text: "A" });
    await failed;
  });
});

describe("listeners", () => {
  it("are typed by the event's name", () => {
    const { orchestrator } = team(duo("Final."));
    const run = orchestrator.run("Task");
    run.on("vote", (event) => expectTypeOf(event).toEqualTypeOf<EventOfType<"vote">>());
    run.on("*", (event) => expectTypeOf(event).toEqualTypeOf<CoordinationEvent>());
    // @ts-expect-error there is no such event
    run.on("no-such-event", () => {});
    run.abort();
  });

  it("hear each event once, `once` only the first, and nothing after `off`", async () => {
    const { orchestrator, runtime } = team(duo("Final."));
    const run = orchestrator.run("Task");
    const heard: string[] = [];
    const listener = (event: CoordinationEvent) => heard.push(`all ${event.type}`);
    const never = () => heard.push("never");
    run.on("answer", ({ label }) => heard.push(label)).once("vote", ({ agentId }) => heard.push(`first vote ${agentId}`));
    run.on("consensus", never).off("consensus", never);
    run.on("run-finish", listener);
    await runtime.runUntil(run.result);
    expect(heard).toEqual(["agent1.1", "agent2.1", "first vote a", "all run-finish"]);
  });

  it("that throw disturb neither the run nor other listeners", async () => {
    const { orchestrator, runtime } = team(duo("Final."));
    const run = orchestrator.run("Task");
    const heard: string[] = [];
    run.on("answer", () => {
      throw new Error("the listener's own");
    });
    run.on("answer", ({ label }) => heard.push(label));
    // Vitest has handlers of its own, which would fail the test.
    const others = process.listeners("uncaughtException");
    const uncaught: unknown[] = [];
    const note = (error: unknown) => uncaught.push(error);
    process.removeAllListeners("uncaughtException").on("uncaughtException", note);
    try {
      const result = await runtime.runUntil(run.result);
      expect(result.text).toBe("Final.");
    } finally {
      process.off("uncaughtException", note);
      for (const other of others) process.on("uncaughtException", other);
    }
    expect(uncaught).toMatchObject([{ message: "the listener's own" }, { message: "the listener's own" }]);
    expect(heard).toEqual(["agent1.1", "agent2.1"]);
  });
});

describe("a result nobody awaits", () => {
  it("is no unhandled rejection", async () => {
    const others = process.listeners("unhandledRejection");
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.removeAllListeners("unhandledRejection").on("unhandledRejection", note);
    try {
      for (const end of ["abort", "fail"] as const) {
        const { orchestrator, runtime } = team({ a: [fail("authentication")], b: [end === "abort" ? hang() : fail("authentication")] });
        const run = orchestrator.run("Task");
        const events = record(run);
        await runtime.flush();
        if (end === "abort") run.abort("enough");
        await runtime.flush();
        expect(isTerminal(events.at(-1)!)).toBe(true);
      }
    } finally {
      process.off("unhandledRejection", note);
      for (const other of others) process.on("unhandledRejection", other);
    }
    expect(unhandled).toEqual([]);
  });
});

describe("the result", () => {
  it("carries minority answers, votes, scores, files and usage by agent", async () => {
    const usage = { inputTokens: 100, outputTokens: 10, cachedInputTokens: 60 };
    const trio = team(
      {
        a: [newAnswer("A"), vote("agent2", "B is right.")],
        b: [
          newAnswer("B"),
          vote("agent2", "Mine."),
          [
            "Final.",
            // Still being drawn: an event, and no part of the result.
            { chunk: { type: "file", mediaType: "image/png", data: "aA==", partial: true } },
            { chunk: { type: "file", mediaType: "image/png", data: "aGk=" } },
          ],
        ],
        c: [newAnswer("C"), vote("agent3", "Mine too.")],
      },
      { agents: { a: { backend: { usage } }, b: { backend: { usage } }, c: { backend: { usage } } } },
    );
    const { result, run } = await play(trio);
    const used = (steps: number) => ({ inputTokens: 100 * steps, outputTokens: 10 * steps, cachedInputTokens: 60 * steps });
    expect(result).toEqual({
      runId: run.runId,
      text: "Final.",
      reason: "consensus",
      winner: "b",
      label: "agent2.1",
      answers: [
        { agentId: "a", alias: "agent1", label: "agent1.1", content: "A", score: 0, winner: false },
        { agentId: "b", alias: "agent2", label: "agent2.1", content: "B", score: 1, winner: true },
        { agentId: "c", alias: "agent3", label: "agent3.1", content: "C", score: 0, winner: false },
      ],
      votes: [
        { agentId: "a", targetAgentId: "b", label: "agent2.1", reason: "B is right." },
        { agentId: "b", targetAgentId: "b", label: "agent2.1", reason: "Mine." },
        { agentId: "c", targetAgentId: "c", label: "agent3.1", reason: "Mine too." },
      ],
      finishReason: "stop",
      files: [{ mediaType: "image/png", data: "aGk=" }],
      usage: { ...used(7), byAgent: { a: used(2), b: used(3), c: used(2) }, ledger: expect.any(Array) },
      cost: { usd: null, complete: false },
      costByAgent: Object.fromEntries(["a", "b", "c"].map((id) => [id, { usd: null, complete: false }])),
      attempts: 1,
      epochs: 1,
    });
  });

  it("of a run that failed is a RunError with what there was", async () => {
    const { orchestrator, runtime } = team({ a: [newAnswer("A"), vote("agent1"), hang()], b: [newAnswer("B"), vote("agent1")] });
    const run = orchestrator.run("Task");
    await runtime.flush();
    const cause = new Error("no longer needed");
    run.abort(cause);
    run.abort("too late to matter");
    const error = await run.result.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RunError);
    expect(error).toMatchObject({
      code: "aborted",
      message: "The run was aborted: no longer needed",
      cause,
      partial: {
        runId: run.runId,
        answers: [{ content: "A", winner: true, score: 1 }, { content: "B" }],
        votes: [{ agentId: "a" }, { agentId: "b" }],
        attempts: 1,
        epochs: 1,
        usage: { byAgent: { a: { inputTokens: expect.any(Number) }, b: { inputTokens: expect.any(Number) } } },
      },
    });
  });
});

describe("finish()", () => {
  /** Plays until a turn of that phase has started and written something, then asks for the end. */
  async function finishIn(phase: Phase, scripts: Record<string, Script>, options?: TeamOptions) {
    const group = team(scripts, options);
    const run = group.orchestrator.run("Task");
    const events = record(run);
    await group.runtime.flush();
    expect(ofType(events, "turn-start").at(-1)?.phase).toBe(phase);
    run.finish();
    return finished(run, events, group.runtime);
  }

  it("before the start: there is no answer", async () => {
    const { orchestrator, runtime, backends } = team(duo("Final."));
    const run = orchestrator.run("Task");
    run.finish();
    const { error } = await finished(run, record(run), runtime);
    expect(error).toMatchObject({ code: "no_answer", message: expect.stringContaining("finish()") });
    expect(backends.a?.active).toBe(0);
  });

  it("in drafting without an answer: there is none", async () => {
    const { error } = await finishIn("draft", { a: [hang()], b: [hang()] });
    expect(error.code).toBe("no_answer");
  });

  it("in drafting: the oldest answer is presented", async () => {
    const { result, of } = await finishIn("draft", { a: [hang()], b: [newAnswer("B"), "Final."] });
    expect(result).toMatchObject({ reason: "finished-early", winner: "b", text: "Final." });
    expect(of("turn-interrupt")).toMatchObject([{ agentId: "a", reason: "finished-early" }]);
  });

  it("in evaluation: the votes so far decide", async () => {
    const { result } = await finishIn("evaluate", { a: [newAnswer("A"), hang()], b: [newAnswer("B"), vote("agent2"), "Final."] });
    expect(result).toMatchObject({ reason: "finished-early", winner: "b", text: "Final.", votes: [{ agentId: "b" }] });
  });

  it("while presenting: changes nothing", async () => {
    const { result } = await finishIn("present", duo([say("Final "), wait(10), say("answer.")]));
    expect(result).toMatchObject({ reason: "consensus", text: "Final answer." });
  });

  it("in the review: the presented text is accepted", async () => {
    const { result, of } = await finishIn("review", duo("Final.", hang()), { maxRestarts: 1 });
    expect(result).toMatchObject({ reason: "consensus", text: "Final.", attempts: 1 });
    expect(of("turn-interrupt")).toMatchObject([{ phase: "review", reason: "finished-early" }]);
  });

  it("after the end: changes nothing, nor does abort()", async () => {
    const { run, result } = await play(team(duo("Final.")));
    run.finish();
    run.abort();
    await expect(run.result).resolves.toBe(result);
  });
});

describe("stopping", () => {
  const inPhase: Record<string, [Record<string, Script>, TeamOptions?]> = {
    draft: [{ a: [hang()], b: [hang()] }],
    evaluate: [{ a: [newAnswer("A"), hang()], b: [newAnswer("B"), hang()] }],
    present: [duo([say("Half"), hang()])],
    review: [duo("Final.", hang()), { maxRestarts: 1 }],
    "the wait before a turn is tried again": [{ a: [fail("server_error")], b: [fail("server_error")] }, { maxStepRetries: 0 }],
    "the wait before a step is tried again": [{ a: [fail("server_error")], b: [fail("server_error")] }],
    "a backend that ignores its signal": [{ a: [hang({ ignoreSignal: true })], b: [hang({ ignoreSignal: true })] }],
  };

  for (const [name, [scripts, options]] of Object.entries(inPhase)) {
    it(`with the caller's signal: ${name}`, async () => {
      const group = team(scripts, options);
      const controller = new AbortController();
      const cause = new Error("the user left");
      const run = group.orchestrator.run("Task", { signal: controller.signal });
      const events = record(run);
      await group.runtime.flush();
      expect(isTerminal(events.at(-1)!)).toBe(false);
      controller.abort(cause);
      expect(events.at(-1)).toMatchObject({ type: "run-abort", reason: "the user left" });
      await expect(run.result).rejects.toMatchObject({ code: "aborted", cause });
      await group.runtime.flush();
      expect(group.runtime.pending).toBe(0);
      if (!name.includes("ignores")) for (const backend of Object.values(group.backends)) expect(backend.active).toBe(0);
    });
  }

  it("with a signal that is aborted already: no model is asked", async () => {
    const { orchestrator, backends, runtime } = team(duo("Final."));
    const run = orchestrator.run("Task", { signal: AbortSignal.abort() });
    const { events, error } = await finished(run, record(run), runtime);
    expect(error.code).toBe("aborted");
    expect(events.map(({ type }) => type)).toEqual(["run-start", "run-abort"]);
    expect(backends.a?.requests).toEqual([]);
  });

  it("with abort() before the start: no model is asked", async () => {
    const { orchestrator, backends, runtime } = team(duo("Final."));
    const run = orchestrator.run("Task");
    run.finish();
    run.abort();
    const { error } = await finished(run, record(run), runtime);
    expect(error).toMatchObject({ code: "aborted", message: expect.stringContaining("no reason given") });
    expect(backends.a?.requests).toEqual([]);
  });

  it("leaves no listener on the caller's signal, however the run ends", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const seen: number[] = [];
    for (const [scripts, stop] of [
      [duo("Final."), false],
      [{ a: [fail("authentication")] }, false],
      [{ a: [hang()] }, true],
    ] as const) {
      const group = team(scripts);
      const run = group.orchestrator.run("Task", { signal });
      const events = record(run);
      run.on("run-start", () => seen.push(listeners));
      if (stop) run.on("turn-start", () => run.abort());
      await finished(run, events, group.runtime);
    }
    expect(seen).toEqual([1, 1, 1]);
    expect(listeners).toBe(0);
  });

  it("keeps what an interrupted step had written, and counts its tokens as estimated", async () => {
    const usage = { inputTokens: 1_000, outputTokens: 100 };
    const group = team(
      { a: [newAnswer("A"), [say("I think that B is better, because "), hang()]], b: [newAnswer("B"), vote("agent2")] },
      { agents: { a: { backend: { usage } }, b: { backend: { usage } } } },
    );
    const run = group.orchestrator.run("Task");
    const events = record(run);
    await group.runtime.flush();
    run.abort();
    const { error, of } = await finished(run, events, group.runtime);
    const [interrupt] = of("turn-interrupt");
    expect(interrupt).toMatchObject({ agentId: "a", reason: "abort", partialText: "I think that B is better, because " });
    expect(interrupt?.usage.estimated).toBe(true);
    expect(interrupt?.usage.inputTokens).toBeGreaterThan(100);
    expect(interrupt?.usage.outputTokens).toBeGreaterThanOrEqual(8);
    const { usage: total } = error.partial;
    expect(total.byAgent.b).toEqual({ inputTokens: 2_000, outputTokens: 200 });
    expect(total.byAgent.a).toEqual({
      inputTokens: 1_000 + interrupt!.usage.inputTokens,
      outputTokens: 100 + interrupt!.usage.outputTokens,
      estimated: true,
    });
    expect(total.estimated).toBe(true);
    expect(of("run-abort")[0]?.usage.inputTokens).toBe(total.inputTokens);
    expect(of("step-finish").at(-1)).toMatchObject({ status: "interrupted", usage: { estimated: true } });
  });
});

describe("run.respond", () => {
  const asking = () => team(duo(callTool("book", { seats: 2 }), "Done."), { inputTimeoutMs: 60_000, timeout: { turn: 1_000, run: 1_000 } });

  it("gives the model the value; meanwhile the run's clocks stand still", async () => {
    const group = asking();
    const run = group.orchestrator.run("Task", { tools: [book] });
    const events = record(run);
    await group.runtime.runFor(59_000);
    const [request] = ofType(events, "input-request");
    expect(request).toMatchObject({
      kind: "tool-result",
      agentId: "a",
      toolName: "book",
      input: { seats: 2 },
      expiresAt: request!.time + 60_000,
    });
    run.respond(request!.requestId, { table: 7 });
    const { result } = await finished(run, events, group.runtime);
    expect(toolResults(group.backends.a?.requests[3])).toMatchObject([{ toolName: "book", output: '{"table":7}' }]);
    expect(result.text).toBe("Done.");
    expect(group.runtime.pending).toBe(0);
  });

  it("gives the model an error", async () => {
    const group = asking();
    const { result } = await play(group, {
      tools: [book],
      during: (event, run) => {
        if (event.type === "input-request") run.respond(event.requestId, new Error("Fully booked."));
      },
    });
    expect(toolResults(group.backends.a?.requests[3])).toMatchObject([{ output: "Fully booked.", isError: true }]);
    expect(result.text).toBe("Done.");
  });

  it("is taken as denied when it does not come in time", async () => {
    const group = asking();
    const { result } = await play(group, { tools: [book] });
    expect(toolResults(group.backends.a?.requests[3])).toMatchObject([{ isError: true, output: expect.stringContaining("60000 ms") }]);
    expect(result.text).toBe("Done.");
  });

  it("refuses a request that is unknown, answered or denied, naming those that are open", async () => {
    const group = team(duo([callTool("book"), callTool("book")], "Done."), { inputTimeoutMs: Number.POSITIVE_INFINITY });
    const run = group.orchestrator.run("Task", { tools: [book] });
    const events = record(run);
    const unknown = (id: string) => {
      try {
        run.respond(id, 1);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(unknown("x")).toMatchObject({ code: "unknown_request" });
    await group.runtime.flush();
    const [first, second] = ofType(events, "input-request");
    expect(first).not.toHaveProperty("expiresAt");
    run.respond(second!.requestId, "two");
    expect(unknown(second!.requestId)).toMatchObject({
      code: "unknown_request",
      message: expect.stringContaining(`open: ${first!.requestId}`),
    });
    run.respond(first!.requestId, "one");
    const { result } = await finished(run, events, group.runtime);
    expect(toolResults(group.backends.a?.requests[3]).map(({ output }) => output)).toEqual(["one", "two"]);
    expect(unknown(first!.requestId)).toMatchObject({ message: expect.stringContaining("none is open") });
    expect(result.text).toBe("Done.");
  });

  it("is not waited for once the run is aborted", async () => {
    const group = team(duo([callTool("book"), callTool("book")], "Done."));
    const { error } = await play(group, {
      tools: [book],
      during: (event, run) => {
        if (event.type === "input-request") run.abort("no");
      },
    });
    expect(error.code).toBe("aborted");
    await group.runtime.flush();
    expect(group.runtime.pending).toBe(0);
  });
});

describe("at every single event", () => {
  /** A run through every phase, tool, error, interrupt and attempt. */
  const eventful = (): Team =>
    team(
      {
        a: [
          [say("Hm."), newAnswer("")],
          callTool("look_up"),
          newAnswer("A"),
          [wait(10), newAnswer("A improved", "depth")],
          vote("agent1"),
          [callTool("book"), callTool("book")],
          "First.",
          callTool("restart_orchestration", { reason: "Thin", instructions: "Add" }),
          newAnswer("A again"),
          newAnswer("A again"),
          vote("agent1"),
          "Second.",
        ],
        b: [
          fail("rate_limit"),
          newAnswer("B"),
          [wait(50), vote("agent2")],
          vote("agent1"),
          newAnswer("B again"),
          newAnswer("B again"),
          vote("agent1"),
        ],
        c: [fail("authentication"), newAnswer("C"), vote("agent1")],
      },
      {
        maxRestarts: 1,
        agents: { a: { tools: [tool({ name: "look_up", description: "", input: { type: "object" }, execute: () => "x" })] } },
      },
    );
  const answering = (event: CoordinationEvent, run: Run) => {
    if (event.type !== "input-request") return;
    queueMicrotask(() => {
      try {
        run.respond(event.requestId, "yes");
      } catch {
        // The run has been stopped meanwhile.
      }
    });
  };

  /** Plays the run once for each of its events and acts at that event, in the listener itself. */
  async function actAtEvery(
    act: (run: Run) => void,
    check: (played: Played, asked: { before: number; after: number }) => void,
  ): Promise<void> {
    const asked = ({ backends }: Team) => Object.values(backends).reduce((sum, { requests }) => sum + requests.length, 0);
    const count = (await play(eventful(), { tools: [book], during: answering })).events.length;
    expect(count).toBeGreaterThan(100);
    // The last two come together: the presenter's turn is over, and so is the run.
    for (let at = 0; at < count - 2; at++) {
      const group = eventful();
      let before = 0;
      const played = await play(group, {
        tools: [book],
        during: (event, run) => {
          answering(event, run);
          if (event.seq !== at) return;
          before = asked(group);
          act(run);
        },
      });
      await group.runtime.flush();
      expect(played.events.filter(isTerminal), `at event ${at}`).toHaveLength(1);
      expect(isTerminal(played.events.at(-1)!), `at event ${at}`).toBe(true);
      expect(group.runtime.pending, `timers after event ${at}`).toBe(0);
      for (const backend of Object.values(group.backends)) expect(backend.active, `streams after event ${at}`).toBe(0);
      check(played, { before, after: asked(group) });
    }
  }

  it("abort() ends the run there and then: no model is asked any more, and nothing is left behind", async () => {
    await actAtEvery(
      (run) => run.abort("now"),
      ({ error }, { before, after }) => {
        expect(error.code).toBe("aborted");
        expect(after).toBe(before);
      },
    );
  });

  it("finish() brings the best so far, or says that there is none", async () => {
    await actAtEvery(
      (run) => run.finish(),
      ({ events }) => {
        const last = events.at(-1)!;
        if (last.type === "run-error") expect(last.error.code).toBe("no_answer");
        else if (last.type === "run-finish") expect(presentedText(events.slice(lastRestart(events)))).toBe(last.text);
        else throw new Error(`it ended with ${last.type}`);
      },
    );
  });

  const lastRestart = (events: CoordinationEvent[]) => events.findLastIndex(({ type }) => type === "run-restart") + 1;
});

describe("a turn that failed", () => {
  it("is let go of while the run goes on", async () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    let failed: WeakRef<object> | undefined;
    const failing: ScriptedBackend = {
      ...scriptedBackend([]),
      // biome-ignore lint/correctness/useYield: it fails before it says anything
      async *stream(request) {
        failed ??= new WeakRef(request.messages[0]!);
        throw new BackendError("server_error", "busy", { retryable: false });
      },
    };
    const runtime = virtualRuntime();
    const others = ["b", "c"].map((id) => ({ id, backend: scriptedBackend([newAnswer(id), hang()], { runtime }) }));
    const run = new Orchestrator({ agents: [{ id: "a", backend: failing }, ...others], runtime }).run("Task");
    const events = record(run);
    await runtime.runFor(10_000);
    expect(ofType(events, "turn-error")).toHaveLength(1);
    gc();
    await runtime.flush();
    gc();
    expect(failed?.deref()).toBeUndefined();
    run.abort();
    await run.result.catch(() => {});
  });
});

describe("isolation", () => {
  it("50 runs at once on one orchestrator and the same backends do not mix", async () => {
    const taskIn = (text: string) => /<task>\n(task \d+)\n<\/task>/.exec(text)?.[1];
    const speaker =
      (name: string, target: string): ScriptedRule =>
      (request, { call }) => {
        const task = taskIn(lastText(request));
        const pause = wait((call * 7) % 13);
        if (toolNames(request).length === 0) return [pause, say(`${task}, presented by ${name}`)];
        if (toolNames(request).includes("vote")) return [pause, vote(target, `for ${task}`)];
        return [pause, newAnswer(`${task}, drafted by ${name}`)];
      };
    const { orchestrator, runtime, backends } = team(
      { a: speaker("a", "agent2"), b: speaker("b", "agent2"), c: speaker("c", "agent2") },
      { agents: { a: { backend: { chunkDelayMs: 1 } }, b: { backend: { chunkDelayMs: 2 } } } },
    );
    const runs = Array.from({ length: 50 }, (_, i) => orchestrator.run(`task ${i}`));
    const events = runs.map(record);
    const results = await runtime.runUntil(Promise.all(runs.map(({ result }) => result)));
    expect(new Set(runs.map(({ runId }) => runId)).size).toBe(50);
    expect(backends.a?.requests).toHaveLength(100);
    for (const [i, result] of results.entries()) {
      expect(result).toMatchObject({ runId: runs[i]!.runId, text: `task ${i}, presented by b`, winner: "b" });
      expect(result.answers.map(({ content }) => content)).toEqual(["a", "b", "c"].map((name) => `task ${i}, drafted by ${name}`));
      expect(result.votes.map(({ reason }) => reason)).toEqual(Array(3).fill(`for task ${i}`));
      expect(events[i]!.every(({ runId }) => runId === runs[i]!.runId)).toBe(true);
      expect(events[i]!.map(({ seq }) => seq)).toEqual(events[i]!.map((_, n) => n));
    }
    expect(runtime.pending).toBe(0);
  });

  it("aborting one of them leaves the others alone", async () => {
    const { orchestrator, runtime } = team({ a: () => [wait(100), say("Final.")] });
    const runs = [orchestrator.run("one"), orchestrator.run("two"), orchestrator.run("three")];
    const events = runs.map(record);
    await runtime.runFor(10);
    runs[1]!.abort();
    const outcomes = await runtime.runUntil(Promise.allSettled(runs.map(({ result }) => result)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(events.map((each) => story(each).at(-1))).toEqual(["run-finish", "run-abort", "run-finish"]);
  });
});

describe("what must not pass in silence", () => {
  it("a presentation cut by an output limit says so in the result", async () => {
    const backend = scriptedBackend([[say("It is Par"), finish("length")]]);
    const result = await new Orchestrator({ agents: [{ id: "a", backend }] }).run("capital?").result;
    expect(result).toMatchObject({ text: "It is Par", finishReason: "length" });
  });

  it("a tool of the run must not hide one of an agent", () => {
    const search: Tool = { name: "search", description: "searches", inputSchema: { type: "object" } };
    const orchestrator = new Orchestrator({ agents: [{ id: "a", backend: scriptedBackend([]), tools: [search] }] });
    expect(() => orchestrator.run("x", { tools: [search] })).toThrow(expect.objectContaining({ code: "duplicate_tool" }));
  });
});
