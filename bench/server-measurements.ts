import { BUILD } from "./build.js";
import type { Setting } from "./measurements.js";
import { fileUrl, runCase, type ServerUnderTest, startProxy } from "./processes.js";
import { number, table, target } from "./report.js";
import { median, medianRatio, percentile } from "./stats.js";

interface Latencies {
  first: number[];
  total: number[];
  cpuUs: number;
  wallMs: number;
}

const DELTAS = 200;
const MODEL = `text-${DELTAS}`;

/** The OpenAI-compatible server, beside a proxy of hono and the SDK alone, and the provider asked directly. */
export async function server(setting: Setting): Promise<string> {
  const { quick, server: upstream } = setting;
  const { baseUrl } = upstream;
  const ids = Array.from({ length: quick ? 10 : 40 }, (_, i) => `endless-server${i}`);
  const bareIds = ids.map((id) => `${id}bare`);
  const massgen = { massgen: fileUrl(`${BUILD}/index.js`), server: fileUrl(`${BUILD}/server/index.js`) };
  const bare = await startProxy("bare", { baseUrl });
  const ours = await startProxy("massgen", { baseUrl, ...massgen, models: [MODEL, "text-20", "idle", ...ids] });
  const direct = { url: baseUrl.replace(/\/v1$/, "") };
  try {
    const tables = [
      await latency([direct, bare, ours], 1, quick),
      await latency([direct, bare, ours], 16, quick),
      await others({ bare, ours, setting, ids, bareIds, massgenUrl: massgen.massgen }),
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

interface Others {
  bare: ServerUnderTest;
  ours: ServerUnderTest;
  setting: Setting;
  ids: string[];
  bareIds: string[];
  massgenUrl: string;
}

async function others({ bare, ours, setting, ids, bareIds, massgenUrl }: Others): Promise<string> {
  const { quick, server: upstream } = setting;
  const idle = ({ url, controlUrl }: ServerUnderTest) =>
    runCase<{ rssKb: number; heapKb: number }>("server-idle", { url, controlUrl, count: quick ? 200 : 1_000 }, []);
  const abort = ({ url }: ServerUnderTest, models: string[]) =>
    runCase<{ ms: number[] }>("server-abort", { url, upstreamControlUrl: upstream.controlUrl, models }, []);
  const bareIdle = await idle(bare);
  const ourIdle = await idle(ours);
  const bareAbort = (await abort(bare, bareIds)).ms;
  const ourAbort = (await abort(ours, ids)).ms;
  const teamRow = async (name: string, kind: "team" | "later") => {
    const args = { url: ours.url, baseUrl: upstream.baseUrl, massgen: massgenUrl, times: quick ? 20 : 100, kind };
    const { library, server } = await runCase<{ library: number[]; server: number[] }>("server-team", args, []);
    const ratio = medianRatio(server, library);
    return [name, `${number(median(library))} ms`, `${number(median(server))} ms`, `${target(ratio, 1.1, "×")} (is ${number(ratio)}×)`];
  };
  const abortRow = (ms: number[]) => `${number(median(ms))} ms (${number(percentile(ms, 95))} ms)`;
  const rows = table(
    ["", "bare proxy", "massgen", "target"],
    [
      [`heap of one of ${quick ? 200 : 1_000} idle streams`, `${number(bareIdle.heapKb)} KB`, `${number(ourIdle.heapKb)} KB`, ""],
      ["RSS of one of them", `${number(bareIdle.rssKb)} KB`, `${number(ourIdle.rssKb)} KB`, ""],
      [
        "client gone → provider's connection closed, median (95th percentile)",
        abortRow(bareAbort),
        abortRow(ourAbort),
        target(percentile(ourAbort, 95), 50, " ms (95th percentile)"),
      ],
    ],
  );
  const teams = table(
    ["a run of three agents", "in the library", "through the server", "target"],
    [await teamRow("the provider answers at once", "team"), await teamRow("the provider answers after 20 ms", "later")],
  );
  return `${rows}\n\n${teams}`;
}
