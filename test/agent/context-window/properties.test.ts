import { describe, expect, it } from "vitest";
import { simulateWindow } from "./world.js";

/** More of them: `SEEDS=5000 npx vitest run --project unit test/agent/context-window/properties.test.ts`. */
const SEEDS = Number(process.env.SEEDS ?? 500);

describe("random conversations in random windows", () => {
  it(`keep every rule, whatever fails (${SEEDS} seeds)`, async () => {
    const ends = new Map<string, number>();
    let compactions = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = await simulateWindow(seed);
      compactions += result.compactions;
      const end = String(result.outcome);
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    // The worlds are not all alike, and hardly any ends early.
    expect(compactions).toBeGreaterThan(SEEDS / 2);
    expect(ends.get("ended")).toBeGreaterThan(SEEDS / 2);
  }, 120_000);

  it("come to the same with the same seed", async () => {
    for (let seed = 1; seed <= 40; seed++) expect(await simulateWindow(seed)).toEqual(await simulateWindow(seed));
  });
});
