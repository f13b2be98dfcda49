import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { BUILD } from "./build.js";
import type { Setting } from "./measurements.js";
import { fileUrl, runCase } from "./processes.js";
import { number, range, table } from "./report.js";
import { interleaved, median, medianRatio } from "./stats.js";

interface Result {
  usPerCall: number;
  msPerCall: number;
}

/** What a call of an MCP tool costs on top of the official client's `callTool`, over standard streams and over HTTP. */
export async function toolCalls({ quick }: Setting): Promise<string> {
  const servers = resolve("test/mcp/servers");
  const http = spawn(process.execPath, [`${servers}/http.mjs`], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [first] = (await once(http.stdout, "data")) as [Buffer];
    const targets = [
      { name: "standard streams", where: { command: [process.execPath, `${servers}/stdio.mjs`] } },
      { name: "HTTP", where: { url: first.toString().trim() } },
    ];
    const load = quick ? { calls: 300, warmups: 200, concurrency: 1 } : { calls: 2000, warmups: 1000, concurrency: 1 };
    const rows: string[][] = [];
    for (const { name, where } of targets) {
      const cases = ["sdk", "massgen"];
      const results = await interleaved(cases, quick ? 2 : 7, (client) =>
        runCase<Result>("tools", { client, ...where, ...load, mcp: fileUrl(`${BUILD}/mcp/index.js`) }, []),
      );
      const [sdk, massgen] = cases.map((each) => results.get(each)!.map(({ usPerCall }) => usPerCall)) as [number[], number[]];
      const ms = (client: string) => number(median(results.get(client)!.map(({ msPerCall }) => msPerCall)));
      const ratio = medianRatio(massgen, sdk);
      const ratios = massgen.map((value, round) => value / sdk[round]!);
      rows.push([name, "the SDK's client", number(median(sdk)), ms("sdk"), "1", ""]);
      rows.push([name, "massgen", number(median(massgen)), ms("massgen"), number(ratio), range(ratios)]);
    }
    return table(["an MCP tool over", "called by", "µs CPU per call", "ms per call", "× CPU", "lowest–highest"], rows);
  } finally {
    http.kill();
  }
}
