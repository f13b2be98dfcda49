// The provider of the benchmarks, a process of its own: the emulator, its replies chosen by the model's name.
import { createServer } from "node:http";

/** @type {typeof import("massgen/testing")} */
const { startEmulator } = await import(/** @type {string} */ (process.argv[2]));

/** @typedef {import("massgen/testing").Reply} Reply */

const WORD = "word ";
/** @type {Reply} */
const silent = { text: WORD.repeat(2), chunkSize: WORD.length, fault: { type: "stall", afterChunks: 1 }, reuse: true };
/** @type {Reply} */
const endless = { text: WORD.repeat(2_000), chunkSize: WORD.length, delayMs: 5, reuse: true };
/** @type {Reply} */
const vote = { toolCalls: [{ name: "vote", input: { agent_id: "agent1", reason: "It says everything." } }] };
/** Texts by their number of deltas, many deltas per write. @type {Map<number, Reply>} */
const texts = new Map();

/** @param {number} deltas */
function textOf(deltas) {
  const known = texts.get(deltas);
  if (known) return known;
  /** @type {Reply} */
  const reply = { text: WORD.repeat(deltas), chunkSize: WORD.length, framing: { bytesPerWrite: 16_384 }, reuse: true };
  texts.set(deltas, reply);
  return reply;
}

/** When a model's endless stream was seen to close, on the clock that all processes share. @type {Map<string, Promise<bigint>>} */
const closings = new Map();

/**
 * @param {string} model
 * @param {AbortSignal} signal
 */
function watchClosing(model, signal) {
  if (closings.has(model)) return;
  const seen = new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(process.hrtime.bigint()), { once: true });
  });
  closings.set(model, seen);
}

const emulator = await startEmulator({
  /**
   * `text-2000`: that many deltas. `idle`: one delta, then silence. `endless-<id>`: a delta every 5 ms. `improver-<id>` and
   * `peer-<id>` answer at first; asked to evaluate, the one improves on what it reads after 400 ms, the other streams text
   * without end. `team-<n>` drafts, votes for the first, and presents 200 deltas, in few packets; `deltas-<n>` sends a packet per delta, as
   * providers do; `later-<n>` few after 20 ms each time.
   */
  respond({ model, tools }, { signal }) {
    const [kind, detail] = model.split("-");
    if (kind === "text") return textOf(Number(detail));
    if (kind === "idle") return silent;
    if (kind === "team") return inTeam(tools);
    if (kind === "deltas") return { ...inTeam(tools), framing: {} };
    if (kind === "later") return { ...inTeam(tools), firstByteDelayMs: 20 };
    if (kind !== "endless" && !tools.some(({ name }) => name === "vote")) return answer(model);
    if (kind === "improver") return { firstByteDelayMs: 400, ...answer(`${model}, improved`) };
    watchClosing(model, signal);
    return endless;
  },
});

/**
 * @param {readonly { name: string }[]} tools
 * @returns {Reply}
 */
function inTeam(tools) {
  if (tools.some(({ name }) => name === "vote")) return vote;
  return tools.length > 0 ? { ...answer("the question"), framing: { bytesPerWrite: 16_384 } } : textOf(200);
}

/**
 * @param {string} topic
 * @returns {Reply}
 */
function answer(topic) {
  const content = `Everything there is to say about ${topic}, at some length. `.repeat(10);
  return { toolCalls: [{ name: "new_answer", input: { content, lacking: "It leaves out everything that matters here." } }] };
}

// `GET /<model>` waits for that model's closing.
const control = createServer(async (request, response) => {
  response.end(String(await closings.get((request.url ?? "").slice(1))));
});
control.listen(0, "127.0.0.1", () => {
  const address = control.address();
  const port = typeof address === "object" && address ? address.port : 0;
  process.send?.({ baseUrl: emulator.baseUrl, controlUrl: `http://127.0.0.1:${port}` });
});
process.on("disconnect", () => process.exit(0));
