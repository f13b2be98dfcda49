import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, expectTypeOf, it } from "vitest";
import { EventLog } from "../../src/orchestrator/event-log/event-log.js";
import {
  type CoordinationEvent,
  type CoordinationEventBody,
  type DeltaEvent,
  isDelta,
  isTerminal,
  type TextDeltaEvent,
  type VoteEvent,
} from "../../src/orchestrator/events.js";
import type { Runtime } from "../../src/runtime.js";
import { noUsage } from "../../src/token-manager/usage.js";

/** A clock that moves by one at every look. */
function countingRuntime(): Runtime {
  let now = 1000;
  return { now: () => now++, setTimer: () => () => {}, random: () => 0, newId: (prefix) => `${prefix}_1` };
}

function newLog(options: { reviewed?: boolean } = {}): EventLog {
  return new EventLog("run_1", countingRuntime(), options);
}

const scope = (step: string) => ({
  agentId: `agent-${step}`,
  turnId: `turn-${step}`,
  phase: "draft" as const,
  attempt: 1,
  epoch: 0,
  stepId: step,
});
const text = (step: string, delta: string): TextDeltaEvent => ({ type: "text-delta", ...scope(step), delta });
const stepFinish = (step: string): CoordinationEventBody => ({ type: "step-finish", ...scope(step), status: "ok", usage: noUsage });
const vote = (reason = "good"): VoteEvent => ({
  type: "vote",
  agentId: "a",
  turnId: "t",
  phase: "evaluate",
  attempt: 1,
  epoch: 1,
  targetAgentId: "b",
  label: "agent2.1",
  reason,
});
const finish = (finalText = ""): CoordinationEventBody => ({
  type: "run-finish",
  reason: "consensus",
  winner: "a",
  label: "agent1.1",
  text: finalText,
  usage: noUsage,
});

async function drain(events: AsyncIterable<CoordinationEvent>): Promise<CoordinationEvent[]> {
  const all: CoordinationEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** `2` or `0-2 abc` for deltas: what a test is about, in a few letters. */
function brief(event: CoordinationEvent): string {
  if (!isDelta(event)) return `${event.seq} ${event.type}`;
  return `${event.fromSeq === undefined ? "" : `${event.fromSeq}-`}${event.seq} ${event.delta}`;
}

describe("EventLog.append", () => {
  it("stamps the given object itself with runId, seq and time", () => {
    const log = newLog();
    const body = text("s1", "a");
    const event = log.append(body);
    expect(event).toBe(body);
    expect(event).toEqual({ ...text("s1", "a"), runId: "run_1", seq: 0, time: 1000 });
    expect(log.append(vote())).toMatchObject({ seq: 1, time: 1001 });
    expect(log.nextSeq).toBe(2);
  });

  it.each<CoordinationEventBody>([
    finish("x"),
    { type: "run-error", error: { name: "E", code: "c", message: "m" }, usage: noUsage },
    { type: "run-abort", reason: "enough", usage: noUsage },
  ])("closes at $type and takes nothing after it", (terminal) => {
    const log = newLog();
    expect(log.closed).toBe(false);
    log.append(terminal);
    expect(log.closed).toBe(true);
    expect(() => log.append(vote())).toThrow(expect.objectContaining({ code: "log_closed", message: expect.stringContaining('"vote"') }));
    expect(log.nextSeq).toBe(1);
  });
});

describe("EventLog iterators", () => {
  it("gives the very same event to every reader that waits, at once", async () => {
    const log = newLog();
    const readers = [log[Symbol.asyncIterator](), log[Symbol.asyncIterator]()];
    const nexts = readers.map((reader) => reader.next());
    const event = log.append(text("s1", "a"));
    for (const next of nexts) expect((await next).value).toBe(event);
  });

  it("gives every delta apart to a reader that keeps up", async () => {
    const log = newLog();
    const reader = log[Symbol.asyncIterator]();
    for (let i = 0; i < 5; i++) {
      const next = reader.next();
      log.append(text("s1", String(i)));
      expect(brief((await next).value as CoordinationEvent)).toBe(`${i} ${i}`);
    }
  });

  it("merges what a slow reader has not read, across other steps' deltas, and sorts by seq", async () => {
    const log = newLog();
    const reader = log[Symbol.asyncIterator]();
    log.append(text("s1", "a"));
    log.append(text("s2", "x"));
    log.append(text("s1", "b"));
    log.append(text("s3", "!"));
    log.append(text("s2", "y"));
    log.append(text("s1", "c"));
    log.append(finish());
    const events = await drain(reader);
    expect(events.map(brief)).toEqual(["3 !", "1-4 xy", "0-5 abc", "6 run-finish"]);
    expect(events[2]).toMatchObject({ time: 1005, stepId: "s1", runId: "run_1", type: "text-delta" });
  });

  it("keeps types, reasoning kinds, tool calls, turns and steps apart", async () => {
    const log = newLog();
    const reader = log[Symbol.asyncIterator]();
    const bodies: CoordinationEventBody[] = [
      text("s1", "a"),
      { ...text("s1", "b"), turnId: "other" },
      { type: "reasoning-delta", ...scope("s1"), delta: "c" },
      { type: "reasoning-delta", ...scope("s1"), delta: "d", kind: "raw" },
      { type: "reasoning-delta", ...scope("s1"), delta: "e", kind: "summary" },
      { type: "answer-delta", ...scope("s1"), delta: "f", toolCallId: "c1" },
      { type: "answer-delta", ...scope("s1"), delta: "g", toolCallId: "c2" },
    ];
    for (let round = 0; round < 2; round++) for (const body of bodies) log.append({ ...body });
    log.append(finish());
    const expected = ["0-7 aa", "1-8 bb", "2-9 cc", "3-10 dd", "4-11 ee", "5-12 ff", "6-13 gg", "14 run-finish"];
    expect((await drain(reader)).map(brief)).toEqual(expected);
    expect((await drain(log)).map(brief)).toEqual(expected);
  });

  it("does not merge across an event that is no delta", async () => {
    const log = newLog();
    const reader = log[Symbol.asyncIterator]();
    log.append(text("s1", "a"));
    log.append(text("s1", "b"));
    log.append(vote());
    log.append(text("s1", "c"));
    log.append(text("s1", "d"));
    log.append(finish());
    expect((await drain(reader)).map(brief)).toEqual(["0-1 ab", "2 vote", "3-4 cd", "5 run-finish"]);
  });

  it("leaves the shared events as they were when it merges", async () => {
    const log = newLog();
    const slow = log[Symbol.asyncIterator]();
    const first = log.append(text("s1", "a"));
    log.append(text("s1", "b"));
    await slow.next();
    expect(first).toEqual({ ...text("s1", "a"), runId: "run_1", seq: 0, time: 1000 });
  });

  it("replays to an iterator made later and goes on without gap or repeat", async () => {
    const log = newLog();
    for (const c of "abc") log.append(text("s1", c));
    log.append(vote());
    log.append(text("s2", "x"));
    log.append(text("s1", "d"));
    const late = log[Symbol.asyncIterator]();
    log.append(text("s1", "e"));
    log.append(text("s1", "f"));
    log.append(stepFinish("s1"));
    log.append(finish());
    expect((await drain(late)).map(brief)).toEqual(["3 vote", "4 x", "0-5 abcd", "6-7 ef", "8 step-finish", "9 run-finish"]);
  });

  it("keeps a finished step as one merged delta, in the place of its last piece", async () => {
    const log = newLog();
    log.append(text("s1", "a"));
    log.append(text("s2", "x"));
    log.append(text("s1", "b"));
    log.append(vote());
    log.append(text("s2", "y"));
    log.append(stepFinish("s1"));
    log.append(stepFinish("s2"));
    log.append(finish());
    const expected = ["0-2 ab", "3 vote", "1-4 xy", "5 step-finish", "6 step-finish", "7 run-finish"];
    expect((await drain(log)).map(brief)).toEqual(expected);
    expect(log.snapshot().map(brief)).toEqual(expected);
  });

  it("does not merge what follows a step's finish into the finished step", async () => {
    const log = newLog();
    log.append(text("s1", "a"));
    log.append(stepFinish("s1"));
    log.append(text("s1", "b"));
    expect(log.snapshot().map(brief)).toEqual(["0 a", "1 step-finish", "2 b"]);
  });

  it("settles only the steps of the turn that finished one, where step ids repeat", async () => {
    const log = newLog();
    log.append(text("s1", "a"));
    log.append({ ...text("s1", "b"), turnId: "other" });
    log.append(stepFinish("s1"));
    log.append({ ...text("s1", "c"), turnId: "other" });
    log.append(finish());
    expect((await drain(log)).map(brief)).toEqual(["0 a", "2 step-finish", "1-3 bc", "4 run-finish"]);
  });

  it("shows the whole run to any number of iterators, during and after it", async () => {
    const log = newLog();
    const early = drain(log);
    log.append(text("s1", "a"));
    await Promise.resolve();
    log.append(finish());
    expect((await early).map(brief)).toEqual(["0 a", "1 run-finish"]);
    expect(await drain(log)).toEqual(await early);
    expect(await drain(log)).toEqual(await early);
  });

  it("answers overlapping calls of next() in order, and those beyond the end with done", async () => {
    const log = newLog();
    const reader = log[Symbol.asyncIterator]();
    const nexts = [reader.next(), reader.next(), reader.next(), reader.next()];
    log.append(vote("1"));
    log.append(vote("2"));
    log.append(finish());
    const results = await Promise.all(nexts);
    expect(results.map((r) => (r.done ? "done" : brief(r.value)))).toEqual(["0 vote", "1 vote", "2 run-finish", "done"]);
    expect(await reader.next()).toEqual({ value: undefined, done: true });
  });

  it("return() ends the iterator, waiting calls included, and lets go of what is unread", async () => {
    const log = newLog();
    const reader = log[Symbol.asyncIterator]();
    const waiting = reader.next();
    expect(await reader.return?.()).toEqual({ value: undefined, done: true });
    expect(await waiting).toEqual({ value: undefined, done: true });
    log.append(vote());
    expect(await reader.next()).toEqual({ value: undefined, done: true });

    const unread = log[Symbol.asyncIterator]();
    log.append(vote());
    await unread.return?.();
    expect(await unread.next()).toEqual({ value: undefined, done: true });
  });

  it("a reader takes thousands of unread events in order, also while more arrive", async () => {
    const log = newLog();
    const reader = log[Symbol.asyncIterator]();
    const seen: number[] = [];
    for (let i = 0; i < 6000; i++) {
      log.append(vote());
      if (i % 3 === 0) seen.push((await reader.next()).value?.seq ?? -1);
    }
    log.append(finish());
    for (const event of await drain(reader)) seen.push(event.seq);
    expect(seen).toEqual(Array.from({ length: 6001 }, (_, i) => i));
  });
});

describe("EventLog under random interleavings", () => {
  /** mulberry32 */
  function seeded(seed: number): () => number {
    let a = seed;
    return () => {
      a = (a + 0x6d2b79f5) | 0;
      let t = Math.imul(a ^ (a >>> 15), 1 | a);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  function keyOf(event: DeltaEvent): string {
    const detail = event.type === "answer-delta" ? event.toolCallId : event.type === "reasoning-delta" ? event.kind : "";
    return `${event.stepId}/${event.type}/${detail}`;
  }

  /** What is wrong with what a reader read; `joined` is the number of events there were when it was made. */
  function problems(appended: CoordinationEvent[], read: CoordinationEvent[], joined: number): string[] {
    const found: string[] = [];
    const must = (holds: boolean, problem: string) => void (holds || found.push(problem));
    const covered = new Set<number>();
    let last = -1;
    for (const event of read) {
      must(event.seq > last, `${event.seq} after ${last}`);
      last = event.seq;
      const from = (isDelta(event) ? event.fromSeq : undefined) ?? event.seq;
      const range = appended.slice(from, event.seq + 1);
      const parts = isDelta(event) ? range.filter((e): e is DeltaEvent => isDelta(e) && keyOf(e) === keyOf(event)) : range;
      for (const part of parts) {
        must(!covered.has(part.seq), `${part.seq} twice`);
        covered.add(part.seq);
      }
      if (!isDelta(event) || event.fromSeq === undefined) {
        must(JSON.stringify(event) === JSON.stringify(appended[event.seq]), `${event.seq} is not what was appended`);
        continue;
      }
      must(parts.length > 1 && parts[0]?.seq === from && parts.at(-1)?.seq === event.seq, `wrong range ${from}-${event.seq}`);
      must(event.delta === parts.map((e) => isDelta(e) && e.delta).join(""), `wrong text in ${from}-${event.seq}`);
      must(event.time === appended[event.seq]?.time, `wrong time of ${event.seq}`);
      if (event.seq >= joined) must(from >= joined && range.every(isDelta), `merged across a barrier: ${from}-${event.seq}`);
    }
    must(covered.size === appended.length, `covers ${covered.size} of ${appended.length}`);
    return found;
  }

  it("every reader sees each delta in exactly one range and each other event once, in order (300 seeds)", async () => {
    let merged = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = seeded(seed);
      const pick = (n: number) => Math.floor(random() * n);
      const log = newLog();
      const appended: CoordinationEvent[] = [];
      const append = (body: CoordinationEventBody) => appended.push({ ...log.append(body) });
      const readers: {
        joined: number;
        speed: number;
        iterator: AsyncIterator<CoordinationEvent>;
        read: CoordinationEvent[];
        pending: Promise<void>[];
      }[] = [];
      const ask = (reader: (typeof readers)[number]) => {
        reader.pending.push(
          reader.iterator.next().then((result) => {
            if (!result.done) reader.read.push(result.value);
          }),
        );
      };
      const steps = 1 + pick(4);
      const generation = Array.from({ length: steps }, () => 0);
      for (let i = 0; i < 150; i++) {
        const n = pick(steps);
        const step = `s${n}.${generation[n]}`;
        const dice = random();
        const delta = String.fromCharCode(97 + pick(26));
        if (dice < 0.45) append(text(step, delta));
        else if (dice < 0.6) {
          append({ type: "reasoning-delta", ...scope(step), delta, ...(pick(2) === 0 && { kind: pick(2) === 0 ? "raw" : "summary" }) });
        } else if (dice < 0.7) append({ type: "answer-delta", ...scope(step), delta, toolCallId: `c${pick(2)}` });
        else if (dice < 0.75) append(vote(delta));
        else if (dice < 0.8) {
          append(stepFinish(step));
          generation[n]! += 1;
        } else if (dice < 0.84 && readers.length < 6) {
          readers.push({
            joined: appended.length,
            speed: random(),
            iterator: log[Symbol.asyncIterator](),
            read: [],
            pending: [],
          });
        } else await Promise.resolve();
        for (const reader of readers) if (random() < reader.speed) ask(reader);
      }
      append(finish());
      for (const reader of readers) {
        for (let i = 0; i < 160; i++) ask(reader);
        await Promise.all(reader.pending);
        expect(problems(appended, reader.read, reader.joined), `seed ${seed}`).toEqual([]);
        merged += reader.read.filter((e) => isDelta(e) && e.fromSeq !== undefined).length;
      }
      expect(problems(appended, await drain(log), appended.length), `seed ${seed}`).toEqual([]);
    }
    expect(merged).toBeGreaterThan(1000); // or the test would show nothing
  });
});

describe("EventLog memory", () => {
  function heapUsed(): number {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    gc();
    gc();
    return process.memoryUsage().heapUsed;
  }

  it.each(["no", "a left", "an idle"] as const)("is that of the text, not of the deltas, with %s reader", async (kind) => {
    const log = newLog();
    const reader = kind === "no" ? undefined : log[Symbol.asyncIterator]();
    if (kind === "a left") await reader?.return?.();
    const before = heapUsed();
    let chars = 0;
    for (let i = 0; i < 200_000; i++) {
      const delta = `w${i} `;
      chars += delta.length;
      log.append(text(i % 2 === 0 ? "s1" : "s2", delta));
    }
    const growth = heapUsed() - before;
    expect(growth).toBeLessThan(chars * (kind === "an idle" ? 2 : 1) * 1.2 + 300_000);
    expect(log.snapshot()).toHaveLength(2);
    log.append(finish());
    const unread = reader === undefined ? [] : await drain({ [Symbol.asyncIterator]: () => reader });
    expect(unread).toHaveLength(kind === "an idle" ? 3 : 0);
  });
});

describe("EventLog listeners", () => {
  it("calls typed listeners and '*' ones, until taken back", () => {
    const log = newLog();
    const heard: string[] = [];
    const onVote = (event: CoordinationEvent) => heard.push(`vote ${event.seq}`);
    const onAny = (event: CoordinationEvent) => heard.push(`* ${event.seq}`);
    log.on("*", onAny).on("vote", onVote);
    log.append(vote());
    log.append(text("s1", "a"));
    log.off("vote", onVote).off("*", onAny);
    log.append(vote());
    expect(heard).toEqual(["vote 0", "* 0", "* 1"]);
  });

  it("once hears one event, and can be taken back before it", () => {
    const log = newLog();
    const heard: number[] = [];
    const never = () => heard.push(-1);
    log.once("vote", (event) => heard.push(event.seq));
    log.once("vote", never).off("vote", never);
    log.append(text("s1", "a"));
    log.append(vote());
    log.append(vote());
    expect(heard).toEqual([1]);
  });

  it("narrows the event by its type", () => {
    const log = newLog();
    log.on("vote", (event) => expectTypeOf(event.label).toEqualTypeOf<string>());
    log.once("run-finish", (event) => expectTypeOf(event.text).toEqualTypeOf<string>());
    log.on("*", (event) => expectTypeOf(event).toEqualTypeOf<CoordinationEvent>());
    // @ts-expect-error no such event
    log.on("votes", () => {});
    expect(log.nextSeq).toBe(0);
  });

  it("a listener that throws surfaces as uncaught and disturbs nobody", async () => {
    const log = newLog();
    const heard: number[] = [];
    const next = log[Symbol.asyncIterator]().next();
    log.on("vote", () => {
      throw new Error("listener's own");
    });
    log.on("vote", (event) => heard.push(event.seq));
    // Vitest has its own handlers, which would fail the test.
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    try {
      const uncaught = new Promise<unknown>((resolve) => process.once("uncaughtException", resolve));
      log.append(vote());
      expect(heard).toEqual([0]);
      expect((await next).value).toMatchObject({ type: "vote" });
      expect(await uncaught).toMatchObject({ message: "listener's own" });
    } finally {
      for (const other of others) process.on("uncaughtException", other);
    }
  });

  it("every listener and reader hears in order what a listener appends", async () => {
    const log = newLog();
    const heard: string[] = [];
    log.on("vote", (event) => {
      heard.push(`A${event.seq}`);
      if (event.seq === 0) {
        log.append(vote());
        log.append(finish());
      }
    });
    log.on("*", (event) => heard.push(`B${event.seq}`));
    log.append(vote());
    expect(heard).toEqual(["A0", "B0", "A1", "B1", "B2"]);
    expect((await drain(log)).map((e) => e.seq)).toEqual([0, 1, 2]);
    expect(log.closed).toBe(true);
  });
});

describe("EventLog.textStream", () => {
  const present = (step: string, delta: string, turn = "p1"): TextDeltaEvent => ({
    ...text(step, delta),
    phase: "present",
    turnId: turn,
  });
  const presentEnd = (step: string, status: "ok" | "retry" | "interrupted" | "error", turn = "p1"): CoordinationEventBody => ({
    type: "step-finish",
    ...scope(step),
    phase: "present",
    turnId: turn,
    status,
    usage: noUsage,
  });
  const { stepId: _, ...turnScope } = { ...scope("x"), phase: "present" as const, turnId: "p1" };
  const turnError: CoordinationEventBody = {
    type: "turn-error",
    ...turnScope,
    error: { name: "E", code: "server_error", message: "m" },
    willRetry: false,
    usage: noUsage,
  };
  const turnInterrupt: CoordinationEventBody = {
    type: "turn-interrupt",
    ...turnScope,
    reason: "deadline",
    partialText: "",
    usage: noUsage,
  };
  const restart: CoordinationEventBody = { type: "run-restart", attempt: 2, reviewer: "a", feedback: "no" };
  const runError: CoordinationEventBody = {
    type: "run-error",
    error: { name: "BackendError", code: "overloaded", message: "try later" },
    usage: noUsage,
  };

  async function pieces(stream: AsyncIterable<string>): Promise<string[]> {
    const all: string[] = [];
    for await (const piece of stream) all.push(piece);
    return all;
  }
  const voided = expect.objectContaining({ code: "text_voided", message: expect.stringContaining("await run.result") });

  it("gives the presenting text alone, piece by piece to a consumer that keeps up", async () => {
    const log = newLog();
    const stream = log.textStream()[Symbol.asyncIterator]();
    log.append(text("d1", "draft"));
    for (const delta of ["Hel", "lo"]) {
      const next = stream.next();
      log.append({ type: "reasoning-delta", ...scope("p"), phase: "present", delta: "hm" });
      log.append(present("p", ""));
      log.append({ ...text("r1", "fine"), phase: "review" });
      log.append(present("p", delta));
      expect(await next).toEqual({ value: delta, done: false });
    }
    const last = stream.next();
    log.append(presentEnd("p", "ok"));
    log.append(finish("Hello"));
    expect(await last).toEqual({ value: undefined, done: true });
  });

  it("merges for a slow consumer, and serves any number of them at any time", async () => {
    const log = newLog();
    const stream = log.textStream();
    const early = stream[Symbol.asyncIterator]();
    log.append(present("p", "a"));
    log.append(present("p", "b"));
    expect(await early.next()).toEqual({ value: "ab", done: false });
    const mid = log.textStream()[Symbol.asyncIterator]();
    log.append(presentEnd("p", "ok"));
    log.append(present("q", "c"));
    expect(await mid.next()).toEqual({ value: "abc", done: false });
    log.append(present("q", "d"));
    log.append(finish("abcd"));
    expect(await early.next()).toEqual({ value: "cd", done: false });
    expect(await early.next()).toEqual({ value: undefined, done: true });
    expect(await mid.next()).toEqual({ value: "d", done: false });
    expect(await pieces(stream)).toEqual(["abcd"]);
    expect(await pieces(stream)).toEqual(["abcd"]);
  });

  it.each(["retry", "interrupted", "error"] as const)(
    "leaves out what a step that ended %s wrote, if it was not given out",
    async (status) => {
      const log = newLog();
      const slow = log.textStream()[Symbol.asyncIterator]();
      log.append(present("p", "wro"));
      const late = log.textStream()[Symbol.asyncIterator]();
      log.append(present("p", "ng"));
      log.append(presentEnd("p", status));
      log.append(present("q", "right"));
      const streams = [slow, late, log.textStream()[Symbol.asyncIterator]()];
      for (const stream of streams) expect(await stream.next()).toEqual({ value: "right", done: false });
      log.append(presentEnd("q", "ok"));
      log.append(finish("right"));
      for (const stream of streams) expect(await stream.next()).toEqual({ value: undefined, done: true });
    },
  );

  it("throws text_voided as soon as other text takes the place of text it gave out", async () => {
    const log = newLog();
    const stream = log.textStream()[Symbol.asyncIterator]();
    const unread = log.textStream();
    log.append(present("p", "wrong"));
    await stream.next();
    const next = stream.next();
    const beyond = stream.next();
    log.append(presentEnd("p", "retry"));
    log.append(present("q", "right"));
    await expect(next).rejects.toEqual(voided);
    expect(await beyond).toEqual({ value: undefined, done: true });
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    log.append(finish("right"));
    expect(await pieces(unread)).toEqual(["right"]);
  });

  it("throws text_voided when the run finishes with another text, also where no event had voided it", async () => {
    for (const status of ["interrupted", "ok"] as const) {
      const log = newLog();
      const stream = log.textStream()[Symbol.asyncIterator]();
      log.append(present("p", "wrong"));
      await stream.next();
      log.append(presentEnd("p", status));
      log.append(finish("right"));
      await expect(stream.next()).rejects.toEqual(voided);
      expect(await stream.next()).toEqual({ value: undefined, done: true });
    }
  });

  it.each([turnError, turnInterrupt])("a $type voids the turn's steps that had ended well", async (event) => {
    const log = newLog();
    const fast = log.textStream()[Symbol.asyncIterator]();
    const slow = log.textStream()[Symbol.asyncIterator]();
    log.append(present("p", "let me look"));
    await fast.next();
    log.append(presentEnd("p", "ok"));
    log.append(event);
    log.append(present("reuse", "answer", "p2"));
    expect(await slow.next()).toEqual({ value: "answer", done: false });
    await expect(fast.next()).rejects.toEqual(voided);
  });

  it("voids a step of its own turn alone, where step ids repeat", async () => {
    const log = newLog();
    const stream = log.textStream()[Symbol.asyncIterator]();
    log.append(present("p", "a", "p1"));
    log.append(presentEnd("p", "ok", "p1"));
    log.append(present("p", "b", "p2"));
    log.append(presentEnd("p", "error", "p2"));
    expect(await stream.next()).toEqual({ value: "a", done: false });
  });

  it("throws text_voided at a restart nobody announced", async () => {
    const log = newLog();
    const fast = log.textStream()[Symbol.asyncIterator]();
    const slow = log.textStream()[Symbol.asyncIterator]();
    log.append(present("p", "first"));
    await fast.next();
    log.append(presentEnd("p", "ok"));
    log.append(restart);
    await expect(fast.next()).rejects.toEqual(voided);
    log.append(present("q", "second", "p2"));
    expect(await slow.next()).toEqual({ value: "second", done: false });
  });

  it("holds everything back until run-finish where a review is to come", async () => {
    const log = newLog({ reviewed: true });
    const stream = log.textStream()[Symbol.asyncIterator]();
    const next = stream.next();
    let settled = false;
    void next.then(() => {
      settled = true;
    });
    log.append(present("p", "first"));
    log.append(presentEnd("p", "ok"));
    log.append(restart);
    log.append(present("q", "second", "p2"));
    log.append(presentEnd("q", "ok", "p2"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    log.append(finish("second"));
    expect(await next).toEqual({ value: "second", done: false });
    expect(await stream.next()).toEqual({ value: undefined, done: true });
    expect(await pieces(log.textStream())).toEqual(["second"]);
  });

  it("throws the run's error, even after text it gave out was voided", async () => {
    const log = newLog();
    const waiting = log.textStream()[Symbol.asyncIterator]();
    const slow = log.textStream()[Symbol.asyncIterator]();
    log.append(present("p", "a"));
    await waiting.next();
    const next = waiting.next();
    log.append(presentEnd("p", "error"));
    log.append(turnError);
    log.append(runError);
    const error = expect.objectContaining({ name: "MassGenError", code: "overloaded", message: "try later" });
    await expect(next).rejects.toEqual(error);
    await expect(slow.next()).rejects.toEqual(error);
    await expect(pieces(log.textStream())).rejects.toEqual(error);
  });

  it("throws `aborted` when the run was aborted", async () => {
    const log = newLog();
    const stream = log.textStream()[Symbol.asyncIterator]();
    log.append(present("p", "a"));
    await stream.next();
    log.append(presentEnd("p", "interrupted"));
    log.append({ type: "run-abort", reason: "enough", usage: noUsage });
    await expect(stream.next()).rejects.toMatchObject({ code: "aborted", message: "The run was aborted: enough" });
  });

  it("ends when it is left, and nothing rejects unseen", async () => {
    const log = newLog();
    const left = log.textStream()[Symbol.asyncIterator]();
    const never = log.textStream()[Symbol.asyncIterator]();
    log.append(present("p", "a"));
    await left.return?.();
    log.append(runError);
    expect(await left.next()).toEqual({ value: undefined, done: true });
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the run of the tests
    await never.return?.();
    expect(await never.next()).toEqual({ value: undefined, done: true });
  });

  it("a terminal event is the last event of every iterator", async () => {
    const log = newLog();
    const reader = drain(log);
    log.append(runError);
    expect((await reader).map(isTerminal)).toEqual([true]);
  });
});
