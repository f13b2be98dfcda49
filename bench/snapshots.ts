import { BUILD } from "./build.js";
import type { Setting } from "./measurements.js";
import { fileUrl, runCase } from "./processes.js";
import { table } from "./report.js";
import { median } from "./stats.js";

interface HandIn {
  ms: number;
  bytes: number;
  blockedMs: number;
}

interface SnapshotResult {
  openMs: number;
  handedIn: HandIn[];
  resultMs: number;
  closeMs: number;
}

/** Of each file, in bytes. */
const FILE = 2048;

/** Time and bytes of the snapshots that go with answers. */
export async function snapshots({ quick }: Setting): Promise<string> {
  const rows: string[][] = [];
  const filesystem = fileUrl(`${BUILD}/filesystem-manager/index.js`);
  for (const files of [1000, 20_000]) {
    const results: SnapshotResult[] = [];
    const changed = files / 100;
    for (let round = 0; round < (quick ? 1 : 5); round++)
      results.push(await runCase("snapshots", { filesystem, files, bytes: FILE, changed }));
    const names = ["the first", "the next, nothing changed", `the next, ${changed} changed`];
    for (const [index, name] of names.entries()) {
      const of = (value: (handIn: HandIn) => number) => median(results.map(({ handedIn }) => value(handedIn[index]!)));
      const mib = of(({ bytes }) => bytes) / 2 ** 20;
      rows.push([String(files), name, ms(of((each) => each.ms)), `${mib.toFixed(mib < 10 ? 2 : 0)} MiB`, ms(of((each) => each.blockedMs))]);
    }
    rows.push([String(files), "the result", ms(median(results.map((each) => each.resultMs))), "0 MiB", ""]);
    rows.push([String(files), "deleting the rest", ms(median(results.map((each) => each.closeMs))), "", ""]);
  }
  return table(["files", "snapshot", "ms", "new on disk", "longest hold of the event loop, ms"], rows);
}

const ms = (value: number): string => (value < 10 ? value.toFixed(1) : String(Math.round(value)));
