import { expect, test } from "vitest";
import { simulateCore } from "./core.js";
import { simulateDriver } from "./driver.js";

// A failing seed names itself; `npm run simulate -- core --from SEED --seeds 1` replays it.
const CORE_SEEDS = 10_000;
const DRIVER_SEEDS = 3_000;

test(`the core holds for ${CORE_SEEDS} random worlds`, { timeout: 120_000 }, () => {
  const outcomes = new Map<string, number>();
  for (let seed = 1; seed <= CORE_SEEDS; seed++) {
    const { outcome } = simulateCore(seed);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  // The worlds are of all kinds, or the test says little.
  expect(outcomes.get("finished")).toBeGreaterThan(CORE_SEEDS / 3);
  expect(outcomes.get("failed")).toBeGreaterThan(10);
  expect(outcomes.get("aborted")).toBeGreaterThan(10);
});

test(`the driver holds for ${DRIVER_SEEDS} random worlds`, { timeout: 120_000 }, async () => {
  for (let seed = 1; seed <= DRIVER_SEEDS; seed++) await simulateDriver(seed);
});

test("the same seed gives the same events", async () => {
  for (let seed = 50; seed < 90; seed++) {
    expect((await simulateDriver(seed)).events).toEqual((await simulateDriver(seed)).events);
    expect(simulateCore(seed).events).toEqual(simulateCore(seed).events);
  }
});
