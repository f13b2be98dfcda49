import { describe, expect, it } from "vitest";
import type { BackendChunk, BackendRequest } from "../../src/backends/backend.js";
import type { Message } from "../../src/formatter/messages.js";
import type { EventOfType } from "../../src/index.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { virtualRuntime } from "../../src/testing/virtual-runtime.js";
import { dump, dumpCall, sizeOf, textIn, wellFormed, windowed, words } from "../agent/context-window/support.js";

const call = (toolName: string, input: unknown): BackendChunk[] => [
  { type: "tool-call", toolCallId: `${toolName}_1`, toolName, input },
  { type: "finish", reason: "tool-calls" },
];
const offers = (request: BackendRequest, name: string) => request.tools?.some((tool) => tool.name === name) === true;

describe("a run whose agents fill their windows", () => {
  it("goes on with the answers as they are now, and books what condensing cost", async () => {
    const runtime = virtualRuntime();
    let answered = 0;
    const improver = windowed({
      window: 100_000,
      reply: (_, request) => {
        if (!offers(request, "new_answer") && !offers(request, "vote"))
          return [
            { type: "text-delta", delta: "final" },
            { type: "finish", reason: "stop" },
          ];
        if (answered < 2) return call("new_answer", { content: `first agent, version ${++answered}`, lacking: "more" });
        return call("vote", { agent_id: "agent1", reason: "mine" });
      },
    });
    let dumped = 0;
    const digger = windowed({
      window: 6000,
      reply: (_, request) => {
        if (!offers(request, "vote")) return call("new_answer", { content: "second agent, version 1" });
        if (dumped < 60) return dumpCall(dumped++);
        return call("vote", { agent_id: "agent1", reason: "better" });
      },
    });
    const orchestrator = new Orchestrator({
      agents: [
        { id: "improver", backend: improver },
        { id: "digger", backend: digger, tools: [dump(300)] },
      ],
      peerAnswers: "inject",
      maxSteps: 100,
      prices: { windowed: { m: { input: 1, output: 1 } } },
      runtime,
    });
    const run = orchestrator.run("the task");
    const events: CoordinationEvent[] = [];
    run.on("*", (event) => events.push(event));
    const result = await runtime.runUntil(run.result);
    expect(result.winner).toBe("improver");

    const compactions = events.filter((event) => event.type === "compaction");
    expect(compactions.length).toBeGreaterThan(1);
    for (const { agentId, usage, usd } of compactions) {
      expect(agentId).toBe("digger");
      if (usage !== undefined) expect(usd).toBeCloseTo((usage.inputTokens + usage.outputTokens) / 1e6, 12);
    }
    const late = digger.requests.filter((request) => textIn(request).includes("step 50"));
    expect(late.length).toBeGreaterThan(0);
    for (const request of late) {
      const text = textIn(request);
      expect(text).toContain("the task");
      expect(text).toContain("first agent, version 2");
      expect(text).toContain("second agent, version 1");
      expect(text).not.toContain("first agent, version 1");
      expect(wellFormed(request.messages)).toBe(true);
    }
    expect(digger.requests.every((request) => sizeOf(request) <= 6000)).toBe(true);

    // Steps that condense are booked like all others.
    const steps = events.filter((event) => event.type === "step-finish");
    const spent = steps.reduce((sum, { usage }) => sum + usage.inputTokens + usage.outputTokens, 0);
    expect(result.usage.inputTokens + result.usage.outputTokens).toBe(spent);
    const aside = events.filter((event) => event.type === "step-start" && event.purpose === "compaction");
    expect(aside).toHaveLength(digger.summaries.length);
  });

  it("has a long conversation before its task condensed once by each agent, not in every turn", async () => {
    const runtime = virtualRuntime();
    const member = (alias: string) =>
      windowed({
        window: 8000,
        reply: (_, request) => {
          if (offers(request, "vote")) return call("vote", { agent_id: "agent1", reason: "good" });
          if (offers(request, "new_answer")) return call("new_answer", { content: `by ${alias}` });
          return [
            { type: "text-delta", delta: "final" },
            { type: "finish", reason: "stop" },
          ];
        },
      });
    const backends = [member("one"), member("two"), member("three")];
    const history: Message[] = Array.from({ length: 12 }, (_, i): Message[] => [
      { role: "user", content: `question ${i} ${words(200)}` },
      { role: "assistant", content: `answer ${i} ${words(200)}` },
    ]).flat();
    const orchestrator = new Orchestrator({ agents: backends.map((backend, i) => ({ id: `a${i}`, backend })), runtime });
    const run = orchestrator.run([...history, { role: "user", content: "the task" }]);
    const events: EventOfType<"compaction">[] = [];
    run.on("compaction", (event) => events.push(event));
    await runtime.runUntil(run.result);
    expect(events.filter(({ phase }) => phase === "draft")).toHaveLength(3);
    expect(events.filter(({ phase }) => phase !== "draft").length).toBeGreaterThanOrEqual(4);
    for (const { phase, reused, usage } of events)
      expect([reused, usage === undefined]).toEqual(phase === "draft" ? [undefined, false] : [true, true]);
  });

  it("refuses options that make no sense", () => {
    const agents = [{ id: "a", backend: windowed({ window: 1000, reply: () => [] }) }];
    const bad = (compaction: object, path: string) =>
      expect(() => new Orchestrator({ agents, compaction: compaction as never })).toThrow(expect.objectContaining({ path }));
    bad({ highwater: 0.5 }, "compaction.highwater");
    bad({ highWater: 1.5 }, "compaction.highWater");
    bad({ lowWater: 0.9 }, "compaction.lowWater");
    bad({ methods: ["zip"] }, "compaction.methods[0]");
    bad({ methods: "clear" }, "compaction.methods");
    bad({ keepExchanges: 0 }, "compaction.keepExchanges");
    bad({ timeoutMs: -1 }, "compaction.timeoutMs");
    bad({ prompts: { summary: "text" } }, "compaction.prompts.summary");
    bad({ prompts: { sumary: () => "" } }, "compaction.prompts.sumary");
    expect(() => new Orchestrator({ agents, compaction: { timeoutMs: Infinity, methods: [] } })).not.toThrow();
    expect(words(3)).toBe("abc abc abc ");
  });
});
