// CPU of this process per call of a tool over MCP, and the time one takes: by the SDK's client, or as massgen calls it.
const args = JSON.parse(process.argv[2] ?? "{}");
const { client, url, command, calls, warmups, concurrency, mcp } = args;
const call = await (client === "sdk" ? bySdk() : byMassgen());

/** The SDK's own client and transport, with progress asked for as massgen does. */
async function bySdk() {
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const versionNegotiation = { mode: /** @type {"auto" | "legacy"} */ (url ? "auto" : "legacy") };
  const sdk = new Client({ name: "bench", version: "1" }, { versionNegotiation });
  await sdk.connect(
    url
      ? new StreamableHTTPClientTransport(new URL(url))
      : new StdioClientTransport({ command: command[0], args: command.slice(1), stderr: "ignore" }),
  );
  await sdk.listTools();
  return async (/** @type {string} */ text) => {
    const result = await sdk.callTool(
      { name: "echo", arguments: { text } },
      { onprogress: () => {}, signal: new AbortController().signal },
    );
    const [first] = result.content;
    return first?.type === "text" ? first.text : "";
  };
}

async function byMassgen() {
  const { createMcpServers } = await import(mcp);
  const toolkit = createMcpServers({ test: url ? { url } : { command } });
  const { signal } = new AbortController();
  /** @type {import("../../src/runtime.js").Runtime} */
  const runtime = {
    now: Date.now,
    random: Math.random,
    newId: String,
    setTimer(ms, fn) {
      const timer = setTimeout(fn, ms);
      return () => clearTimeout(timer);
    },
  };
  const kit = await toolkit.open({ runId: "r", agents: [], signal, runtime, warn: console.error, ask: async () => undefined });
  const tools = kit.tools({ agentId: "a", turnId: "t", phase: "draft", labels: [] });
  const echo = tools.find((/** @type {{ name: string }} */ { name }) => name === "mcp__test__echo");
  const log = () => {};
  const logger = { debug: log, info: log, warn: log, error: log };
  return async (/** @type {string} */ text) => {
    const context = {
      runId: "r",
      agentId: "a",
      turnId: "t",
      toolCallId: "c",
      signal: new AbortController().signal,
      context: undefined,
      logger,
    };
    const { value } = await echo.execute({ text }, context).next();
    return value;
  };
}

/** @param {number} count */
async function run(count) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const text = `call ${next++}`;
      if ((await call(text)) !== text) throw new Error("It said something else.");
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

await run(warmups);
const before = process.cpuUsage();
const start = performance.now();
await run(calls);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ usPerCall: (user + system) / calls, msPerCall: (performance.now() - start) / calls }));
process.exit(0);
