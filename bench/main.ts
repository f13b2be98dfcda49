import { buildPackage } from "./build.js";
import { compaction } from "./compaction.js";
import { aborting, alone, importing, memory, otherWires, type Setting, streaming, telemetry } from "./measurements.js";
import { preparePeers } from "./peers.js";
import { startServer } from "./processes.js";
import { machine } from "./report.js";
import { server } from "./server-measurements.js";
import { snapshots } from "./snapshots.js";
import { toolCalls } from "./tool-calls.js";

const all = [importing, alone, aborting, memory, streaming, otherWires, snapshots, toolCalls, server, telemetry, compaction];

/** Prints the tables as Markdown on stdout. Fails only when something breaks, never for a figure. */
async function main(args: string[]): Promise<void> {
  const quick = args.includes("--quick");
  const only = args
    .find((arg) => arg.startsWith("--only="))
    ?.slice("--only=".length)
    .split(",");
  const unknown = args.find((arg) => arg !== "--quick" && !arg.startsWith("--only="));
  if (unknown !== undefined)
    throw new Error(`Unknown option "${unknown}". There are --quick and --only=${all.map(({ name }) => name).join(",")}.`);
  await buildPackage();
  const peers = preparePeers();
  const upstream = await startServer();
  const setting: Setting = { quick, server: upstream, peers };
  try {
    console.log(`${machine()}${quick ? ", `--quick`: too few rounds to rely on" : ""}`);
    for (const measure of all) {
      if (only !== undefined && !only.includes(measure.name)) continue;
      console.error(`${measure.name} …`);
      console.log(`\n${await measure(setting)}`);
    }
  } finally {
    upstream.stop();
  }
}

await main(process.argv.slice(2));
