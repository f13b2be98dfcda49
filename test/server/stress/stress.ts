import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { Orchestrator } from "../../../src/index.js";
import { serve } from "../../../src/server/index.js";
import { type EmulatedPrompt, type Reply, seededRandom, startEmulator } from "../../../src/testing/index.js";
import { phaseOf } from "../helpers.js";

export interface StressResult {
  clients: Record<Behaviour, number>;
  /** Requests that agents made. */
  upstream: number;
  ms: number;
  /** What was still there after all clients had gone, and after the server had stopped. */
  left: { running: number; queued: number; parked: number; openUpstream: number; resources: string[] };
  heapMb: { before: number; after: number };
}

const BEHAVIOURS = ["reads", "vanishes", "stalls", "reconnects", "parks"] as const;
type Behaviour = (typeof BEHAVIOURS)[number];

const TEXT = "The final words, which are somewhat longer than the others. ".repeat(20);

/** Runs that many streams of three agents at once, whose clients read, vanish, stall, reconnect, or leave their tools undone. */
export async function stress({ count, seed }: { count: number; seed: number }): Promise<StressResult> {
  const random = seededRandom(seed);
  const resourcesBefore = resources();
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const emulator = await startEmulator({ respond });
  const agents = [1, 2, 3].map((n) => ({
    id: `a${n}`,
    backend: { type: "vllm" as const, model: `m${n}`, baseUrl: emulator.baseUrl },
  }));
  const orchestrator = new Orchestrator({ agents });
  const server = await serve({ models: { team: orchestrator }, port: 0, maxRuns: count, heartbeatMs: 100, idempotencyTtlMs: 60_000 });
  const started = performance.now();
  const clients = Object.fromEntries(BEHAVIOURS.map((each) => [each, 0])) as Record<Behaviour, number>;
  const done: Promise<void>[] = [];
  const stalling: Promise<void>[] = [];
  const stalled: (() => void)[] = [];
  for (let i = 0; i < count; i++) {
    const behaviour = BEHAVIOURS[Math.floor(random() * BEHAVIOURS.length)]!;
    clients[behaviour]++;
    const onStall = (resume: () => void) => stalled.push(resume);
    const each = client(`${server.url}/v1/chat/completions`, behaviour, i, random, onStall);
    (behaviour === "stalls" ? stalling : done).push(each);
  }
  await Promise.all(done);
  // Those that stall read on when all others have gone.
  for (const resume of stalled) resume();
  await Promise.all(stalling);
  const metrics = async () => (await read(await send(`${server.url}/metrics`, "GET"))).text;
  const figure = (text: string, name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? Number.NaN);
  // Runs whose clients reconnected go on to their ends.
  while (figure(await metrics(), "massgen_runs_running") > 0);
  const text = await metrics();
  const openUpstream = () => emulator.requests.filter(({ end }) => end === undefined).length;
  const left = {
    running: figure(text, "massgen_runs_running"),
    queued: figure(text, "massgen_requests_queued"),
    parked: figure(text, "massgen_runs_parked"),
    openUpstream: openUpstream(),
  };
  const ms = performance.now() - started;
  await server.stop();
  await orchestrator.close();
  const upstream = emulator.requests.length;
  await emulator.close();
  for (let i = 0; i < 50 && resources().length > resourcesBefore.length; i++) await turn();
  globalThis.gc?.();
  const mb = (bytes: number) => Math.round(bytes / 1e5) / 10;
  return {
    clients,
    upstream,
    ms: Math.round(ms),
    left: { ...left, resources: surplus(resources(), resourcesBefore) },
    heapMb: { before: mb(heapBefore), after: mb(process.memoryUsage().heapUsed) },
  };
}

function respond(prompt: EmulatedPrompt): Reply {
  const phase = phaseOf(prompt.tools);
  if (phase === "draft") return { toolCalls: [{ name: "new_answer", input: { content: `A draft of ${prompt.model}. `.repeat(10) } }] };
  if (phase === "evaluate") return { toolCalls: [{ name: "vote", input: { agent_id: "agent2", reason: "It is the best." } }] };
  if (prompt.tools.some(({ name }) => name === "look")) return { toolCalls: [{ name: "look", input: {} }] };
  return { text: TEXT };
}

async function client(url: string, behaviour: Behaviour, i: number, random: () => number, onStall: (resume: () => void) => void) {
  const tools = behaviour === "parks" ? { tools: [{ type: "function", function: { name: "look" } }] } : {};
  const body = { model: "team", stream: true, messages: [{ role: "user", content: `Question ${i}?` }], ...tools };
  const headers = behaviour === "reconnects" ? { "idempotency-key": `key-${i}` } : {};
  const response = await send(url, "POST", body, headers);
  const bytes = Math.floor(random() * 6_000);
  if (behaviour === "vanishes") return leave(response, bytes);
  if (behaviour === "stalls") await new Promise<void>((resolve) => onStall(resolve));
  if (behaviour === "reconnects") {
    await leave(response, bytes);
    return complete(await send(url, "POST", body, headers), TEXT.trimEnd());
  }
  return complete(response, behaviour === "parks" ? "" : TEXT.trimEnd());
}

async function complete(response: IncomingMessage, wanted: string): Promise<void> {
  const { text } = await read(response);
  if (!text.endsWith("data: [DONE]\n\n")) throw new Error(`A stream ended without [DONE]: ${text.slice(-500)}`);
  const content = [...text.matchAll(/"delta":\{"content":("(?:[^"\\]|\\.)*")/g)].map(([, piece]) => JSON.parse(piece!) as string).join("");
  if (content.trimEnd() !== wanted) throw new Error(`A stream carried other text: ${content.slice(0, 200)}`);
}

function send(url: string, method: string, body?: object, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request(url, { method, agent: false, headers: { "content-type": "application/json", ...headers } });
    sent.on("response", resolve).on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function read(response: IncomingMessage): Promise<{ text: string }> {
  return new Promise((resolve, reject) => {
    let text = "";
    response
      .setEncoding("utf8")
      .on("data", (data) => {
        text += data;
      })
      .on("end", () => resolve({ text }))
      .on("error", reject);
  });
}

/** Goes away when it has read that much, or all. */
function leave(response: IncomingMessage, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    let had = 0;
    response.on("data", (data: Buffer) => {
      had += data.length;
      if (had >= bytes) response.destroy();
    });
    response.on("error", () => {}).on("close", () => resolve());
  });
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const resources = () => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|HTTP/i.test(name));

function surplus(now: string[], before: string[]): string[] {
  const rest = [...before];
  return now.filter((name) => {
    const at = rest.indexOf(name);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
