import { describe, expect, it } from "vitest";
import type { OrchestratorOptions } from "../../src/orchestrator/options.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import type { Run } from "../../src/orchestrator/run.js";
import type { EmulatedPrompt, Emulator, Reply, ReplyRule, VirtualRuntime } from "../../src/testing/index.js";
import { simulatedTeam, startEmulator, virtualRuntime } from "../../src/testing/index.js";
import { record, story } from "./helpers.js";

type TeamOptions = Partial<OrchestratorOptions>;

/** Three agents over real HTTP to the emulator. */
const teamAt = (emulator: Emulator, options: TeamOptions = {}) =>
  new Orchestrator({
    agents: ["a", "b", "c"].map((id) => ({ id, backend: { type: "vllm" as const, model: `model-${id}`, baseUrl: emulator.baseUrl } })),
    ...options,
  });

const never = new Promise<never>(() => {});

/** The first reply of every model comes whole; what matches stops in the middle for ever. */
const stallsWhere =
  (matches: (prompt: EmulatedPrompt) => boolean): ReplyRule =>
  async (prompt, info) => {
    const reply = (await simulatedTeam({ improves: () => false })(prompt, info)) as Reply;
    return matches(prompt) ? { ...reply, hold: { afterChunks: 3, until: never } } : reply;
  };

const evaluates = (prompt: EmulatedPrompt) => prompt.tools.some(({ name }) => name === "vote");

/** What keeps the process alive, counted by kind. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    // Vitest's own channel comes and goes; `Immediate` is how we wait.
    if (kind !== "Immediate" && kind !== "PipeWrap" && kind !== "MessagePort") counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Lets the event loop turn until nothing more than at the start is alive, or it has turned often enough. */
async function settledResources(before: Record<string, number>): Promise<Record<string, number>> {
  for (let turn = 0; turn < 5_000; turn++) {
    const now = resources();
    if (Object.entries(now).every(([kind, count]) => count <= (before[kind] ?? 0))) return before;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return resources();
}

/** Resolves when every agent named has begun to stream its evaluation. */
function evaluating(run: Run, ...ids: string[]): Promise<void> {
  const missing = new Set(ids);
  return new Promise((resolve) => {
    run.on("reasoning-delta", ({ agentId, phase }) => {
      if (phase === "evaluate" && missing.delete(agentId) && missing.size === 0) resolve();
    });
  });
}

interface Scene {
  run: Run;
  emulator: Emulator;
  /** The clock of the run: time passes when we say so, the wire is real. */
  runtime: VirtualRuntime;
}

describe("a run over real HTTP leaves nothing open", () => {
  const scenes: { name: string; respond: ReplyRule; options?: TeamOptions; play(scene: Scene): Promise<void> }[] = [
    {
      name: "when it has finished",
      respond: simulatedTeam(),
      async play({ run }) {
        await expect(run.result).resolves.toMatchObject({ reason: "consensus", text: expect.stringContaining("Simulated final answer") });
      },
    },
    {
      name: "when it was aborted in the middle of streams",
      respond: stallsWhere(evaluates),
      async play({ run, emulator }) {
        await evaluating(run, "a", "b", "c");
        run.abort("enough");
        await expect(run.result).rejects.toMatchObject({ code: "aborted" });
        const held = emulator.requests.slice(-3);
        expect(await Promise.all(held.map(({ closed }) => closed))).toEqual(["client-left", "client-left", "client-left"]);
      },
    },
    {
      name: "when its time was over",
      respond: stallsWhere(evaluates),
      options: { timeout: { run: 1_000 } },
      async play({ run, runtime }) {
        const events = record(run);
        await evaluating(run, "a", "b", "c");
        runtime.advance(1_000);
        await expect(run.result).resolves.toMatchObject({ reason: "deadline", text: expect.stringContaining("Simulated answer") });
        expect(story(events).filter((line) => line.includes("interrupted deadline"))).toHaveLength(3);
      },
    },
    {
      name: "when a model fell silent and its turn timed out",
      respond: stallsWhere((prompt) => evaluates(prompt) && prompt.model === "model-c"),
      options: { timeout: { chunk: 200 }, maxStepRetries: 0, maxAgentFailures: 1 },
      async play({ run, runtime }) {
        const events = record(run);
        const begun = evaluating(run, "c");
        let votes = 0;
        run.on("vote", () => {
          if (++votes === 2) void begun.then(() => runtime.advance(200));
        });
        await expect(run.result).resolves.toMatchObject({ reason: "consensus" });
        expect(story(events)).toContain("c failed timeout");
        expect(story(events)).toContain("c out failed");
      },
    },
  ];

  for (const { name, respond, options, play } of scenes) {
    it(name, async () => {
      const before = resources();
      {
        const runtime = virtualRuntime();
        await using emulator = await startEmulator({ respond });
        await using orchestrator = teamAt(emulator, { ...options, runtime });
        await play({ run: orchestrator.run("Which index fits this query?"), emulator, runtime });
        expect(runtime.pending).toBe(0);
      }
      expect(await settledResources(before)).toEqual(before);
    });
  }

  it("takes usage from the wire, and marks as estimated only what was cut short", async () => {
    const usage = { inputTokens: 1_000, outputTokens: 50, cachedInputTokens: 800 };
    const respond: ReplyRule = async (prompt, info) => ({
      ...((await stallsWhere((p) => evaluates(p) && p.model === "model-c")(prompt, info)) as Reply),
      usage,
    });
    await using emulator = await startEmulator({ respond });
    await using orchestrator = teamAt(emulator, { voteGraceMs: 0 });
    const { usage: spent } = await orchestrator.run("Which index fits this query?").result;
    const estimated = Object.entries(spent.byAgent).filter(([, { estimated }]) => estimated);
    expect(estimated.map(([id]) => id)).toEqual(["c"]);
    expect(spent.byAgent.a!.inputTokens % 1_000).toBe(0);
    expect(spent.byAgent.a!.cachedInputTokens! % 800).toBe(0);
    expect(spent.estimated).toBe(true);
  });
});
