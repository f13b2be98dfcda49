import { BUILD } from "./build.js";
import type { Setting } from "./measurements.js";
import { fileUrl, runCase, type ServerUnderTest, startProxy } from "./processes.js";
import { number, table, target } from "./report.js";
import { interleaved, median, medianRatio, percentile } from "./stats.js";

interface Latencies {
  first: number[];
  total: number[];
  cpuUs: number;
  wallMs: number;
}

const DELTAS = 200;
const MODEL = `text-${DELTAS}`;

/** The nursery of the heap held small: how far V8 has let it grow is not what a stream takes. */
const FIXED_NURSERY = ["--max-semi-space-size=1"];

/** The OpenAI-compatible server, beside a proxy of hono and the SDK alone, and the provider asked directly. */
export async function server(setting: Setting): Promise<string> {
  const { quick, server: upstream } = setting;
  const { baseUrl } = upstream;
  const ids = Array.from({ length: quick ? 10 : 40 }, (_, i) => `endless-server${i}`);
  const bareIds = ids.map((id) => `${id}bare`);
  const massgen = { massgen: fileUrl(`${BUILD}/index.js`), server: fileUrl(`${BUILD}/server/index.js`) };
  const bare = await startProxy("bare", { baseUrl });
  const ours = await startProxy("massgen", { baseUrl, ...massgen, models: [MODEL, ...ids] });
  const direct = { url: baseUrl.replace(/\/v1$/, "") };
  try {
    const tables = [
      await latency([direct, bare, ours], 1, quick),
      await latency([direct, bare, ours], 16, quick),
      await aborts({ bare, ours, setting, ids, bareIds }),
      await teams(setting, massgen),
      await idleStreams(setting, massgen),
    ];
    return tables.join("\n\n");
  } finally {
    bare.stop();
    ours.stop();
  }
}

/** What each server adds to the provider's own time. */
async function latency(targets: { url: string; controlUrl?: string }[], concurrency: number, quick: boolean): Promise<string> {
  const rounds = quick ? 3 : 10;
  const perRound = concurrency === 1 ? (quick ? 30 : 100) : quick ? 96 : 320;
  const args = { targets, model: MODEL, concurrency, rounds, perRound, warmups: 200 };
  const { results } = await runCase<{ results: Latencies[] }>("server-latency", args, []);
  const [direct, bare, ours] = results.map(summary) as [Summary, Summary, Summary];
  const row = (name: string, value: (each: Summary) => number, unit: string) => {
    const added = (each: Summary) => value(each) - value(direct);
    const ratio = added(ours) / added(bare);
    return [
      name,
      `${number(value(direct))} ${unit}`,
      ...[bare, ours].map((each) => `${number(added(each))} ${unit}`),
      `${number(ratio)}`,
      target(ratio, 1.3, "×"),
    ];
  };
  const absolute = (name: string, value: (each: Summary) => number, unit: string) => [
    name,
    "",
    ...[bare, ours].map((each) => `${number(value(each))} ${unit}`),
    number(value(ours) / value(bare)),
    "",
  ];
  return table(
    [
      concurrency === 1 ? "one after the other" : `${concurrency} at once`,
      "the provider",
      "bare proxy adds",
      "massgen adds",
      "ratio",
      "target",
    ],
    [
      row("to the first content, median", ({ first }) => first.median, "ms"),
      row("to the first content, p99", ({ first }) => first.p99, "ms"),
      row("per token, median", ({ token }) => token.median, "µs"),
      row("per token, p99", ({ token }) => token.p99, "µs"),
      absolute("CPU of the server per token", ({ cpu }) => cpu, "µs"),
      absolute("requests per second", ({ perSecond }) => perSecond, ""),
    ],
  );
}

interface Summary {
  first: { median: number; p99: number };
  token: { median: number; p99: number };
  cpu: number;
  perSecond: number;
}

function summary({ first, total, cpuUs, wallMs }: Latencies): Summary {
  const tokens = total.map((ms, i) => ((ms - first[i]!) * 1_000) / DELTAS);
  return {
    first: { median: median(first), p99: percentile(first, 99) },
    token: { median: median(tokens), p99: percentile(tokens, 99) },
    cpu: cpuUs / total.length / DELTAS,
    perSecond: (total.length * 1_000) / wallMs,
  };
}

interface Aborts {
  bare: ServerUnderTest;
  ours: ServerUnderTest;
  setting: Setting;
  ids: string[];
  bareIds: string[];
}

async function aborts({ bare, ours, setting, ids, bareIds }: Aborts): Promise<string> {
  const abort = ({ url }: ServerUnderTest, models: string[]) =>
    runCase<{ ms: number[] }>("server-abort", { url, upstreamControlUrl: setting.server.controlUrl, models }, []);
  const row = (name: string, ms: number[], aim: string) => [name, `${number(median(ms))} ms`, `${number(percentile(ms, 95))} ms`, aim];
  const bareMs = (await abort(bare, bareIds)).ms;
  const ourMs = (await abort(ours, ids)).ms;
  return table(
    ["client gone → provider's connection closed", "median", "95th percentile", "target"],
    [row("bare proxy", bareMs, ""), row("massgen", ourMs, target(percentile(ourMs, 95), 50, " ms (95th percentile)"))],
  );
}

/** Runs of a team through the server, through the least that could be in its place, and without a second hop. */
async function teams(setting: Setting, massgen: { massgen: string; server: string }): Promise<string> {
  const rows: string[][] = [];
  for (const load of TEAM_LOADS) {
    const [library, hop, least, ours] = (await teamRounds(setting, massgen, load)) as [number[], number[], number[], number[]];
    const row = (way: string, ms: number[], aim = "") => {
      const ratio = medianRatio(ms, library);
      rows.push([load.name, way, `${number(median(ms))} ms`, number(ratio), number(medianRatio(ms, hop)), aim && target(ratio, 1.1, "×")]);
    };
    row("the library", library);
    row("`node:http` alone, all text at the end", hop);
    row("the least streaming handler, on hono", least);
    row("massgen/server", ours, "1.1");
  }
  return table(
    ["runs of three agents; the provider answers", "through", "per run", "× the library", "× `node:http` alone", "target"],
    rows,
  );
}

interface TeamLoad {
  name: string;
  kind: "team" | "deltas" | "later";
  concurrency: number;
  rounds: number;
  perRound: number;
  warmups: number;
}

const TEAM_LOADS: TeamLoad[] = [
  { name: "at once", kind: "team", concurrency: 1, rounds: 12, perRound: 20, warmups: 500 },
  { name: "at once, a packet per delta", kind: "deltas", concurrency: 1, rounds: 12, perRound: 10, warmups: 300 },
  { name: "at once, 16 runs at a time", kind: "team", concurrency: 16, rounds: 6, perRound: 128, warmups: 500 },
  { name: "after 20 ms", kind: "later", concurrency: 1, rounds: 6, perRound: 5, warmups: 50 },
];

/** The times of the rounds, by way. How fast a process comes out differs from one to the next, so there are several of each. */
async function teamRounds(
  { quick, server: { baseUrl } }: Setting,
  massgen: { massgen: string; server: string },
  { kind, concurrency, ...load }: TeamLoad,
): Promise<number[][]> {
  const amount = quick ? { rounds: 3, perRound: 5 * concurrency, warmups: 20 } : load;
  const all: number[][] = [];
  for (let set = 0; set < (quick ? 1 : 4); set++) {
    const servers = await Promise.all([
      startProxy("hop", { baseUrl, ...massgen }),
      startProxy("floor", { baseUrl, ...massgen }),
      startProxy("massgen", { baseUrl, ...massgen, models: [] }),
    ]);
    try {
      const args = { urls: servers.map(({ url }) => url), baseUrl, massgen: massgen.massgen, kind, concurrency, ...amount };
      const { results } = await runCase<{ results: number[][] }>("server-team", args, []);
      for (const [way, times] of results.entries()) all[way] = [...(all[way] ?? []), ...times];
    } finally {
      for (const server of servers) server.stop();
    }
  }
  return all;
}

async function idleStreams({ quick, server: upstream }: Setting, massgen: { massgen: string; server: string }): Promise<string> {
  const count = quick ? 200 : 1_000;
  const { baseUrl } = upstream;
  const measure = async (file: string, args: object) => {
    const proxy = await startProxy(file, { baseUrl, ...args }, FIXED_NURSERY);
    try {
      const { url, controlUrl } = proxy;
      return await runCase<{ rssKb: number; heapKb: number }>("server-idle", { url, controlUrl, count }, []);
    } finally {
      proxy.stop();
    }
  };
  const measured = await interleaved(["bare", "massgen"], quick ? 1 : 3, (file) =>
    measure(file, file === "bare" ? {} : { ...massgen, models: ["text-20", "idle"] }),
  );
  const of = (file: string, key: "rssKb" | "heapKb") => measured.get(file)!.map((each) => each[key]);
  const row = (name: string, file: string) => [
    name,
    ...(["rssKb", "heapKb"] as const).flatMap((key) => [
      number(median(of(file, key))),
      number(medianRatio(of(file, key), of("bare", key))),
    ]),
  ];
  return table(
    [`${count} idle streams`, "RSS KB each", "× bare proxy", "heap KB each", "× bare proxy"],
    [row("bare proxy", "bare"), row("massgen", "massgen")],
  );
}
