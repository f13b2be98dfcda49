// How long an abort takes: in a team, from the accepted answer to the abort signal of the others' requests; in a team and
// in the bare SDK, from that signal to the close of the socket as the server sees it.
const args = JSON.parse(process.argv[2] ?? "{}");
const { baseUrl, controlUrl, massgen, sdk, times } = args;

/** When the fetch of a model's endless stream was told to abort. @type {Map<string, bigint>} */
const fired = new Map();

/**
 * @param {string | URL | Request} input
 * @param {RequestInit} [init]
 */
function watchedFetch(input, init) {
  const { model, tools } = JSON.parse(String(init?.body));
  const isEndless = tools === undefined || tools.some((/** @type {any} */ tool) => tool.function.name === "vote");
  const note = () => fired.has(model) || fired.set(model, process.hrtime.bigint());
  if (isEndless) init?.signal?.addEventListener("abort", note, { once: true });
  return fetch(input, init);
}

/** @param {string} model */
async function toSocketMs(model) {
  const closed = BigInt(await (await fetch(`${controlUrl}/${model}`)).text());
  return Number(closed - /** @type {bigint} */ (fired.get(model))) / 1e6;
}

/** @type {number[]} */
const toSignal = [];
/** @type {number[]} */
const toSocket = [];

/** @param {number} id */
async function team(id) {
  /** @type {typeof import("massgen")} */
  const { Orchestrator } = await import(massgen);
  const models = [`improver-${id}`, `peer-${id}a`, `peer-${id}b`];
  const orchestrator = new Orchestrator({
    agents: models.map((model) => ({
      id: model,
      backend: { type: "chatcompletion", model, baseUrl, apiKey: "sk-bench", fetch: watchedFetch },
    })),
  });
  const run = orchestrator.run("Say something.");
  const streaming = new Set();
  /** @type {Promise<bigint>} */
  const accepted = new Promise((resolve) => {
    run.on("answer", ({ phase }) => {
      if (phase === "evaluate" && streaming.size === 2) resolve(process.hrtime.bigint());
    });
  });
  run.on("text-delta", ({ agentId }) => streaming.add(agentId));
  const at = await Promise.race([accepted, run.result.then(() => Promise.reject(new Error("The run ended before anybody improved.")))]);
  for (const model of models.slice(1)) {
    toSocket.push(await toSocketMs(model));
    toSignal.push(Number(/** @type {bigint} */ (fired.get(model)) - at) / 1e6);
  }
  await orchestrator.close();
}

/** @param {number} id */
async function bare(id) {
  /** @type {{ OpenAI: typeof import("openai").default }} */
  const { OpenAI } = await import(sdk);
  const client = new OpenAI({ baseURL: baseUrl, apiKey: "sk-bench", maxRetries: 0, fetch: watchedFetch });
  const models = [`endless-${id}a`, `endless-${id}b`];
  const controller = new AbortController();
  await Promise.all(
    models.map(async (model) => {
      const body = {
        model,
        messages: [{ role: /** @type {const} */ ("user"), content: "Say something." }],
        stream: /** @type {const} */ (true),
      };
      let pieces = 0;
      // The 20th delta comes after about as long as a team's peers have streamed.
      for await (const _ of await client.chat.completions.create(body, { signal: controller.signal }))
        if (++pieces === 20) controller.abort();
    }),
  );
  for (const model of models) toSocket.push(await toSocketMs(model));
}

const offset = process.pid * 1000; // names no other process uses
const one = massgen === undefined ? bare : team;
for (let i = 0; i < 3; i++) await one(offset + i);
toSignal.length = 0;
toSocket.length = 0;
for (let i = 3; i < times + 3; i++) await one(offset + i);
console.log(JSON.stringify({ toSignal, toSocket }));
process.exit(0);
