import { describe, expect, it } from "vitest";
import type { MassGenError } from "../../src/errors.js";
import { RunClock } from "../../src/orchestrator/run-clock.js";
import { callTool, newAnswer, virtualRuntime, vote, wait } from "../../src/testing/index.js";
import { type Tool, tool } from "../../src/tools/tool.js";
import { finished, play, record, type Script, type TeamOptions, team, toolResults } from "./helpers.js";
import { fakeToolkit, later } from "./toolkits/fake-toolkit.js";

const input = { type: "object" };

/** A team whose first agent mails once in its draft. */
function mailing(options: TeamOptions = {}, scripts: Record<string, Script> = {}) {
  const sent: unknown[] = [];
  const mail: Tool = tool({ name: "mail", description: "", input, needsApproval: true, execute: (args) => sent.push(args) && "sent" });
  const made = team(
    {
      a: [callTool("mail", { to: "x" }), newAnswer("A"), vote("agent1"), "Final."],
      b: [newAnswer("B"), vote("agent1")],
      ...scripts,
    },
    { ...options, agents: { ...options.agents, a: { tools: [mail] } } },
  );
  return { sent, made };
}

/** Plays it to the first request, which is open then. */
async function untilAsked({ made }: ReturnType<typeof mailing>) {
  const run = made.orchestrator.run("The task");
  const events = record(run);
  await made.runtime.runFor(1_000);
  const asked = events.find((event) => event.type === "input-request");
  return { run, events, asked: asked! };
}

describe("an approval", () => {
  it("is asked of the caller with all there is to decide by, and the call waits for it", async () => {
    const mail = mailing();
    const { run, events, asked } = await untilAsked(mail);
    expect(asked).toMatchObject({
      type: "input-request",
      kind: "approval",
      agentId: "a",
      phase: "draft",
      attempt: 1,
      epoch: 0,
      toolName: "mail",
      input: { to: "x" },
      message: 'a asks to call "mail"',
      expiresAt: asked.time + 600_000,
    });
    expect(events.find((event) => event.type === "tool-call")).toMatchObject({ toolCallId: (asked as { toolCallId?: string }).toolCallId });
    expect(mail.sent).toEqual([]);
    run.respond(asked.requestId, true);
    const { result, of } = await finished(run, events, mail.made.runtime);
    expect(mail.sent).toEqual([{ to: "x" }]);
    expect(result.text).toBe("Final.");
    expect(of("tool-result")).toMatchObject([{ output: "sent", isError: false }]);
  });

  it.each([
    ["false", false, /did not allow this call of "mail"\. Do not/],
    ["a reason", { approved: false, reason: "too late" }, /did not allow this call of "mail": too late\. Do not/],
  ])("can be denied with %s, which the model reads", async (_, answer, told) => {
    const mail = mailing();
    const { run, events, asked } = await untilAsked(mail);
    run.respond(asked.requestId, answer);
    const { of } = await finished(run, events, mail.made.runtime);
    expect(mail.sent).toEqual([]);
    expect(of("tool-result")).toMatchObject([{ isError: true, error: { code: "not_approved" } }]);
    expect(toolResults(mail.made.backends.a!.requests[1])).toMatchObject([{ output: expect.stringMatching(told), isError: true }]);
  });

  it("can change the arguments", async () => {
    const mail = mailing();
    const { run, events, asked } = await untilAsked(mail);
    run.respond(asked.requestId, { approved: true, input: { to: "y" } });
    const { of } = await finished(run, events, mail.made.runtime);
    expect(mail.sent).toEqual([{ to: "y" }]);
    expect(of("tool-result")).toMatchObject([{ input: { to: "y" } }]);
  });

  it("is of what the arguments were then, whatever becomes of the caller's object", async () => {
    const mail = mailing();
    const { run, events, asked } = await untilAsked(mail);
    const changed = { to: "y" };
    run.respond(asked.requestId, { approved: true, input: changed });
    changed.to = "z";
    await finished(run, events, mail.made.runtime);
    expect(mail.sent).toEqual([{ to: "y" }]);
  });

  it.each([
    ["yes", /takes true, false, or \{ approved: boolean, .*\}, not "yes"\. The request is still open\./],
    [undefined, /not undefined/],
    [null, /not null/],
    [{ aproved: true }, /"aproved" is none of its keys: did you mean "approved"\?/],
    [{ approved: "yes" }, /`approved` is "yes"/],
    [{}, /`approved` is undefined/],
    [{ approved: false, reason: 1 }, /`reason` is 1/],
    [{ approved: true, input: { n: 1n } }, /`input` has no JSON form/],
    [{ approved: true, input: () => {} }, /`input` has no JSON form/],
  ])("does not take %o, and stays open", async (answer, message) => {
    const mail = mailing();
    const { run, events, asked } = await untilAsked(mail);
    const respond = () => run.respond(asked.requestId, answer);
    expect(respond).toThrow(message);
    expect(respond).toThrow(expect.objectContaining({ code: "bad_response" }) as MassGenError);
    run.respond(asked.requestId, true);
    await finished(run, events, mail.made.runtime);
    expect(mail.sent).toHaveLength(1);
    expect(() => run.respond(asked.requestId, true)).toThrow(expect.objectContaining({ code: "unknown_request" }) as MassGenError);
  });

  it("that nobody gives is denied at its timeout, and the run goes on", async () => {
    const mail = mailing({ inputTimeoutMs: 5_000 });
    const { result } = await play(mail.made);
    expect(mail.sent).toEqual([]);
    expect(result.text).toBe("Final.");
    const [told] = toolResults(mail.made.backends.a!.requests[1]);
    expect(told?.output).toMatch(/nobody answered within 5000 ms/);
    expect(mail.made.runtime.pending).toBe(0);
  });

  it("can be answered within the event itself", async () => {
    const mail = mailing();
    const { result } = await play(mail.made, {
      during: (event, run) => {
        if (event.type === "input-request") run.respond(event.requestId, true);
      },
    });
    expect([result.text, mail.sent.length]).toEqual(["Final.", 1]);
  });

  it("ends with the run: an abort leaves nothing open", async () => {
    const mail = mailing();
    const { run, events, asked } = await untilAsked(mail);
    run.abort("enough");
    const { error } = await finished(run, events, mail.made.runtime);
    expect(error.code).toBe("aborted");
    expect(mail.sent).toEqual([]);
    expect(mail.made.runtime.pending).toBe(0);
    expect(() => run.respond(asked.requestId, true)).toThrow(/none is open/);
  });

  it("makes the clocks of the run and the turn stand still, while others work on", async () => {
    const mail = mailing({ timeout: { run: 10_000, turn: 8_000 }, draftGraceMs: 5_000 });
    const { run, events, asked } = await untilAsked(mail);
    await mail.made.runtime.runFor(300_000);
    expect(events.filter(({ type }) => type === "answer")).toHaveLength(1);
    run.respond(asked.requestId, true);
    const { result, of } = await finished(run, events, mail.made.runtime);
    expect(result.reason).toBe("consensus");
    expect([...of("agent-out"), ...of("turn-error"), ...of("turn-interrupt")]).toEqual([]);
  });

  it("costs a run its deadline only once it is answered", async () => {
    const mail = mailing({ timeout: { run: 10_000 } }, { b: [newAnswer("B"), [wait(100_000), vote("agent1")]] });
    const { run, events, asked } = await untilAsked(mail);
    await mail.made.runtime.runFor(99_000);
    run.respond(asked.requestId, true);
    const { result } = await finished(run, events, mail.made.runtime);
    expect(result.reason).toBe("deadline");
    expect(events.at(-1)!.time - events[0]!.time).toBe(100_000 + 10_000);
  });
});

describe("a question of a toolkit", () => {
  const asking = (signal?: AbortSignal) => {
    const answers: unknown[] = [];
    const fake = fakeToolkit({
      tools: () => [
        tool({
          name: "elicit",
          description: "",
          input,
          timeoutMs: 1_000,
          async execute(_, { agentId, signal: own }) {
            const [run] = fake.runs;
            answers.push(await run!.ask({ agentId, message: "Which city?", schema: { type: "string" } }, signal ?? own));
            return "asked";
          },
        }),
      ],
    });
    const made = team(
      { a: [callTool("elicit"), newAnswer("A"), vote("agent1"), "Final."], b: [callTool("elicit"), newAnswer("B"), vote("agent1")] },
      { toolkits: [fake], inputTimeoutMs: 50_000, timeout: { turn: 2_000 } },
    );
    return { answers, made };
  };

  it("is put to the caller and waits as long as it may, whatever the tool's and the turn's limits", async () => {
    const { answers, made } = asking();
    const run = made.orchestrator.run("The task");
    const events = record(run);
    await made.runtime.runFor(40_000);
    const requests = events.filter((event) => event.type === "input-request");
    expect(requests).toMatchObject([
      { kind: "question", agentId: "a", message: "Which city?", schema: { type: "string" } },
      { kind: "question", agentId: "b" },
    ]);
    for (const { requestId, agentId } of requests) run.respond(requestId, `city of ${agentId}`);
    const { result } = await finished(run, events, made.runtime);
    expect(answers).toEqual(["city of a", "city of b"]);
    expect(result.text).toBe("Final.");
  });

  it("gets undefined when nobody answers in time, when its signal aborts and when the run is over", async () => {
    const late = asking();
    expect((await play(late.made)).result.text).toBe("Final.");
    expect(late.answers).toEqual([undefined, undefined]);

    const controller = new AbortController();
    controller.abort();
    const given = asking(controller.signal);
    expect((await play(given.made)).of("input-request")).toEqual([]);
    expect(given.answers).toEqual([undefined, undefined]);

    const ended = asking();
    const run = ended.made.orchestrator.run("The task");
    await ended.made.runtime.runFor(10);
    run.abort();
    await ended.made.runtime.runUntil(Promise.allSettled([run.result]));
    await ended.made.runtime.runFor(0);
    expect(ended.answers).toEqual([undefined, undefined]);
    expect(ended.made.runtime.pending).toBe(0);
  });

  it("may be of no agent, and be asked while the toolkit is being opened", async () => {
    let city: unknown;
    const fake = fakeToolkit({
      open: async (run) => {
        city = await run.ask({ message: "Which city?" }, run.signal);
        await later(run.runtime, 10);
      },
    });
    const made = team({ a: ["Alone."] }, { toolkits: [fake], timeout: { run: 1_000 } });
    const run = made.orchestrator.run("The task");
    const events = record(run);
    await made.runtime.runFor(5_000);
    const asked = events.find((event) => event.type === "input-request");
    expect(asked).not.toHaveProperty("agentId");
    run.respond(asked!.requestId, "Rome");
    expect((await finished(run, events, made.runtime)).result.text).toBe("Alone.");
    expect(city).toBe("Rome");
  });
});

describe("the clock of a run", () => {
  it("stands still while anybody holds it, and its timers with it", async () => {
    const runtime = virtualRuntime();
    const clock = new RunClock(runtime);
    const start = clock.now();
    const fired: string[] = [];
    clock.setTimer(100, () => fired.push("first"));
    const cancel = clock.setTimer(150, () => fired.push("never"));
    clock.setTimer(10, () => fired.push("never either"), "named");
    clock.clearTimer("named");
    await runtime.runFor(60);
    const [one, two] = [clock.hold(), clock.hold()];
    clock.setTimer(50, () => fired.push("second"));
    await runtime.runFor(1_000);
    expect([clock.now() - start, fired]).toEqual([60, []]);
    one();
    one(); // a release counts once
    await runtime.runFor(1_000);
    expect([clock.now() - start, fired]).toEqual([60, []]);
    cancel();
    two();
    await runtime.runFor(39);
    expect(fired).toEqual([]);
    await runtime.runFor(1);
    expect([clock.now() - start, fired]).toEqual([100, ["first"]]);
    await runtime.runFor(10);
    expect([clock.now() - start, fired]).toEqual([110, ["first", "second"]]);
    expect(runtime.pending).toBe(0);
    clock.setTimer(10, () => fired.push("after all"));
    clock.stop();
    expect(runtime.pending).toBe(0);
  });
});
