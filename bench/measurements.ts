import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILD } from "./build.js";
import { type Client, newerLine, ours, peers, scripted, watched, wires } from "./clients.js";
import { fileUrl, runCase, type Server } from "./processes.js";
import { number, range, table, target } from "./report.js";
import { interleaved, median, medianRatio } from "./stats.js";

export interface Setting {
  quick: boolean;
  server: Server;
  /** Whether the folder of the peers is installed. */
  peers: boolean;
}

interface StreamResult {
  usPerDelta: number;
  piecesPerDelta: number;
}

/** How much one level of concurrency runs: `deltas` per stream, `batches` of streams per process. */
interface Load {
  concurrency: number;
  deltas: number;
  batches: number;
  warmups: number;
  rounds: number;
}

const FULL: Load[] = [
  { concurrency: 1, deltas: 2000, batches: 20, warmups: 15, rounds: 7 },
  { concurrency: 100, deltas: 2000, batches: 1, warmups: 1, rounds: 5 },
  { concurrency: 1000, deltas: 1000, batches: 1, warmups: 1, rounds: 3 },
];
const QUICK: Load[] = [
  { concurrency: 1, deltas: 2000, batches: 5, warmups: 5, rounds: 2 },
  { concurrency: 100, deltas: 200, batches: 1, warmups: 2, rounds: 1 },
  { concurrency: 1000, deltas: 50, batches: 1, warmups: 1, rounds: 1 },
];

/** CPU per delta from the provider's socket to the caller's event. */
export async function streaming({ quick, server, peers: withPeers }: Setting): Promise<string> {
  const rows: string[][] = [];
  const root = ours();
  const newer = withPeers ? newerLine() : undefined;
  for (const load of quick ? QUICK : FULL) {
    const lines = [root.bare, root.massgen, ...(newer ? [newer.bare, newer.massgen] : [])];
    // At 1000 some peers take minutes.
    const clients = load.concurrency < 1000 && newer ? [...lines, ...peers(newer.bare)] : lines;
    const results = await interleaved(clients, load.rounds, ({ args }) =>
      runCase<StreamResult>("stream", { ...args, ...load, baseUrl: server.baseUrl }),
    );
    for (const client of clients) rows.push(streamRow(client, load, results));
  }
  return table(["streams at once", "client", "µs CPU per delta", "× bare SDK", "lowest–highest", "target"], rows);
}

/** The same on the other wires: Responses, Claude, Gemini; one stream and a hundred. */
export async function otherWires({ quick, server, peers: withPeers }: Setting): Promise<string> {
  const clients = wires(withPeers);
  const rows: string[][] = [];
  for (const load of (quick ? QUICK : FULL).filter(({ concurrency }) => concurrency <= 100)) {
    const results = await interleaved(clients, load.rounds, ({ args }) =>
      runCase<StreamResult>("stream", { ...args, ...load, baseUrl: server.baseUrl }),
    );
    for (const client of clients) rows.push(streamRow(client, load, results));
  }
  return table(["streams at once", "client", "µs CPU per delta", "× bare SDK", "lowest–highest", "target"], rows);
}

function streamRow(client: Client, { concurrency }: Load, results: Map<Client, StreamResult[]>): string[] {
  const own = results.get(client)!;
  const us = own.map((result) => result.usPerDelta);
  const base = results.get(client.base)!.map((result) => result.usPerDelta);
  const ratio = medianRatio(us, base);
  const ratios = us.map((value, round) => value / base[round]!);
  const pieces = median(own.map((result) => result.piecesPerDelta));
  const isOurs = client.name.startsWith("massgen");
  const merged = pieces < 0.995 ? ` (${Math.round(100 * pieces)} % of the deltas came singly)` : "";
  const name = `${client.name}${merged}`;
  if (client === client.base) return [String(concurrency), name, number(median(us)), "1", "", ""];
  return [String(concurrency), name, number(median(us)), number(ratio), range(ratios), isOurs ? target(ratio, 1.25, "×") : ""];
}

/** massgen's own share: no socket, no SDK. */
export async function alone({ quick }: Setting): Promise<string> {
  const { bare, massgen } = scripted();
  const load = { concurrency: 1, deltas: 2000, warmups: 20, batches: quick ? 20 : 50 };
  const results = await interleaved([bare, massgen], quick ? 3 : 7, ({ args }) => runCase<StreamResult>("stream", { ...args, ...load }));
  const rows = [bare, massgen].map((client) => {
    const us = results.get(client)!.map((result) => result.usPerDelta);
    return [client.name, number(median(us)), range(us), client === massgen ? target(median(us), 3, " µs") : ""];
  });
  return table(["in one process", "µs CPU per delta", "lowest–highest", "target"], rows);
}

/** What logging and tracing add, with neither socket nor SDK to hide it. */
export async function telemetry({ quick }: Setting): Promise<string> {
  const clients = watched();
  const load = { concurrency: 1, deltas: 2000, warmups: 20, batches: quick ? 20 : 100 };
  const results = await interleaved(clients, quick ? 3 : 9, ({ args }) => runCase<StreamResult>("stream", { ...args, ...load }));
  const rows = clients.map((client) => {
    const us = results.get(client)!.map((result) => result.usPerDelta);
    const over = us.map((value, round) => value - results.get(client.base)![round]!.usPerDelta);
    return [client.name, number(median(us)), range(us), client === client.base ? "" : number(median(over))];
  });
  return table(["logging and tracing, in one process", "µs CPU per delta", "lowest–highest", "over off, µs"], rows);
}

/** The nursery of the heap stays at 1 MB: where it may grow, RSS has up to 48 KB per stream more or less of it, as the collector happens to run. */
const MEASURED = ["--expose-gc", "--max-semi-space-size=1"];

/** Memory of streams that are open and silent. */
export async function memory({ quick, server, peers: withPeers }: Setting): Promise<string> {
  const pairs = [ours(), ...(withPeers && !quick ? [newerLine()] : [])];
  const clients = pairs.flatMap(({ bare, massgen }) => [bare, massgen]);
  const results = await interleaved(clients, quick ? 1 : 5, ({ args }) =>
    runCase<{ rssKb: number; heapKb: number }>("idle", { ...args, count: 1000, baseUrl: server.baseUrl }, MEASURED),
  );
  const rows = clients.map((client) => {
    const of = (each: Client, key: "rssKb" | "heapKb") => results.get(each)!.map((result) => result[key]);
    const rss = medianRatio(of(client, "rssKb"), of(client.base, "rssKb"));
    const heap = medianRatio(of(client, "heapKb"), of(client.base, "heapKb"));
    const compared = client === client.base ? ["1", "1", ""] : [number(rss), number(heap), target(rss, 1.3, "× (RSS)")];
    const [rssRatio, heapRatio, verdict] = compared as [string, string, string];
    return [client.name, number(median(of(client, "rssKb"))), rssRatio, number(median(of(client, "heapKb"))), heapRatio, verdict];
  });
  return table(["1000 idle streams", "RSS KB each", "× bare SDK", "heap KB each", "× bare SDK", "target"], rows);
}

/** How fast an accepted answer stops the others. */
export async function aborting({ quick, server }: Setting): Promise<string> {
  const { bare, massgen } = ours();
  const { baseUrl, controlUrl } = server;
  const results = await interleaved([bare, massgen], quick ? 1 : 5, ({ args: { client: _, ...args } }) =>
    runCase<{ toSignal: number[]; toSocket: number[] }>("abort", { ...args, baseUrl, controlUrl, times: quick ? 10 : 40 }),
  );
  const toSignal = median(results.get(massgen)!.flatMap((result) => result.toSignal));
  const rounds = (client: Client) => results.get(client)!.map((result) => median(result.toSocket));
  const ratio = medianRatio(rounds(massgen), rounds(bare));
  return table(
    ["abort", "median ms", "target"],
    [
      ["accepted answer → abort signal of a peer's request", number(toSignal), target(toSignal, 5, " ms")],
      ["abort signal → socket closed, seen by the server", number(median(rounds(massgen))), target(ratio, 1.2, `× (is ${number(ratio)}×)`)],
      ["the same, bare SDK", number(median(rounds(bare))), ""],
    ],
  );
}

/** What `import "massgen"` costs. */
export async function importing({ quick }: Setting): Promise<string> {
  const url = fileUrl(`${BUILD}/index.js`);
  const cases: { url?: string }[] = [{}, { url }];
  const results = await interleaved(cases, quick ? 5 : 21, (args) => runCase<{ cpuMs: number }>("import", args, []));
  const [bare, massgen] = cases.map((each) => results.get(each)!.map((result) => result.cpuMs)) as [number[], number[]];
  const over = median(massgen.map((value, round) => value - bare[round]!));
  const { modules, network } = await runCase<{ modules: string[]; network: string[] }>("loaded", { url }, []);
  const foreign = [...new Set(modules.flatMap((module) => /node_modules\/(?!\.)((?:@[^/]+\/)?[^/]+)/.exec(module)?.[1] ?? []))];
  const own = modules.filter((module) => module.startsWith(fileUrl(BUILD)));
  const unwanted = foreign.filter((name) => name !== "eventemitter3");
  const kb = (files: string[]) => `${number(files.reduce((sum, file) => sum + readFileSync(file).length, 0) / 1024)} KB`;
  return table(
    ['`import "massgen"`', "", "target"],
    [
      ["CPU over bare Node", `${number(over)} ms`, target(over, 60, " ms")],
      [
        "packages loaded",
        foreign.join(", ") || "none",
        `no SDK, no zod: ${unwanted.length === 0 ? "met" : `**missed** (${unwanted.join(", ")})`}`,
      ],
      ["network", network.join(", ") || "none", `none: ${network.length === 0 ? "met" : "**missed**"}`],
      ["printed", "nothing", "nothing: met"], // a case that prints fails
      ["our own code it loads", `${kb(own.map((module) => fileURLToPath(module)))} in ${own.length} files`, ""],
      ["with what loads at first use", kb([...closure(join(BUILD, "index.js"))]), ""],
    ],
  );
}

/** A built file and every file of ours that it imports, now or later. */
function closure(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, path] of readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    closure(join(dirname(file), path!), seen);
  }
  return seen;
}
