/** The middle value; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The value that `percent` of them do not exceed (nearest rank). */
export function percentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!;
}

/** The median of what each round's value is to the same round's base: what slows the machine down slows both. */
export function medianRatio(values: number[], base: number[]): number {
  return median(values.map((value, round) => value / base[round]!));
}

/**
 * Runs every case once per round, each round beginning with another one, so that neither the machine's load nor the
 * order favours any. Results by case, in the order of the rounds.
 */
export async function interleaved<C, R>(cases: readonly C[], rounds: number, run: (each: C) => Promise<R>): Promise<Map<C, R[]>> {
  const results = new Map<C, R[]>(cases.map((each) => [each, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const each = cases[(round + i) % cases.length]!;
      results.get(each)!.push(await run(each));
    }
  }
  return results;
}
