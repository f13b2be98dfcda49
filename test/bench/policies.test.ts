import { describe, expect, it } from "vitest";
import { simulateAncestor } from "../../bench/policies/ancestor.js";
import { type Behaviour, type StepPlan, USUAL } from "../../bench/policies/behaviour.js";
import { DEFAULTS, simulateMassgen } from "../../bench/policies/massgen.js";
import { Meter } from "../../bench/policies/meter.js";
import { ANCESTORS, POLICIES, summarize } from "../../bench/policies/sweep.js";
import { resolveOptions } from "../../src/orchestrator/options.js";
import { scriptedBackend } from "../../src/testing/index.js";

const content: Behaviour = { ...USUAL, improve: 0, stall: 0, tools: 0 };
const seeds = Array.from({ length: 40 }, (_, i) => i + 1);

describe("the policy sweep", () => {
  it("starts from the library's own defaults", () => {
    const { core } = resolveOptions({ agents: [{ id: "a", backend: scriptedBackend([]) }] });
    expect(core).toMatchObject(DEFAULTS);
  });

  it("gives the same outcome for the same seed, and another for another", () => {
    for (const peerAnswers of POLICIES) {
      const run = (seed: number) => simulateMassgen(5, { ...DEFAULTS, peerAnswers }, USUAL, seed);
      expect(run(7)).toEqual(run(7));
      expect(run(7).tokens).not.toBe(run(8).tokens);
    }
    for (const mode of ANCESTORS) expect(simulateAncestor(5, mode, USUAL, 7)).toEqual(simulateAncestor(5, mode, USUAL, 7));
  });

  it("costs a draft and a vote per agent where nobody improves anything", () => {
    for (const seed of seeds) {
      // No grace: an agent that takes long is waited for.
      const patient = { ...DEFAULTS, draftGraceMs: Number.POSITIVE_INFINITY, voteGraceMs: Number.POSITIVE_INFINITY };
      const { calls, answers, wasted, drafts } = simulateMassgen(5, patient, content, seed);
      expect({ calls, answers, wasted, drafts }).toEqual({ calls: 10, answers: 5, wasted: 0, drafts: 5 });
    }
  });

  it("lets one draft restart everybody by the ancestor's rules", () => {
    for (const seed of seeds) {
      // Stopped at once, the four others never draft: five calls, one answer, five votes.
      const stopping = simulateAncestor(5, "stop", content, seed);
      expect(stopping).toMatchObject({ calls: 10, answers: 1, drafts: 1 });
      const finishing = simulateAncestor(5, "finish", content, seed);
      expect(finishing).toMatchObject({ answers: 5, drafts: 5 });
      expect(finishing.calls).toBeGreaterThan(10);
    }
  });

  it("ends in time with a voter that always hangs, thanks to the vote grace alone", () => {
    const hanging = { ...content, hangingVoter: true };
    for (const seed of seeds) {
      expect(simulateMassgen(3, DEFAULTS, hanging, seed).deadline).toBe(false);
      const patient = simulateMassgen(3, { ...DEFAULTS, draftGraceMs: 1e9, voteGraceMs: 1e9 }, hanging, seed);
      expect(patient).toMatchObject({ deadline: true, ms: 1_800_000 });
    }
  });

  it("charges a stopped call its input and the part of its output it had written", () => {
    const plan: StepPlan = { firstTokenMs: 1_000, replyMs: 5_000, ms: 9_000, inputTokens: 500, outputTokens: 100, stalls: false };
    const spent = (elapsed: number) => new Meter().end(plan, elapsed);
    expect([0, 1_000, 2_000, 5_000, 8_000].map(spent)).toEqual([500, 500, 525, 600, 600]);
  });

  it("averages over the runs", () => {
    const run = simulateMassgen(3, DEFAULTS, USUAL, 1);
    const summary = summarize([
      { ...run, calls: 10, tokens: 300, wasted: 60, ms: 1_000, deadline: true },
      { ...run, calls: 20, tokens: 100, wasted: 20, ms: 3_000, deadline: false },
    ]);
    expect(summary).toMatchObject({ calls: 15, tokens: 200, wasted: 0.2, medianMs: 3_000, p95Ms: 3_000, deadline: 0.5 });
    expect(summary.callsError).toBeCloseTo(5 / Math.sqrt(2) / 15);
  });
});
