// @ts-nocheck
// `node raw.mjs <mode>`: servers that misbehave, one line of JSON-RPC at a time.
import { spawn } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const mode = process.argv[2] ?? "good";
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const note = (line) => process.env.LOG && appendFileSync(process.env.LOG, `${line}\n`);
/** By all processes that share the log. */
const calls = () => readFileSync(process.env.LOG, "utf8").match(/^call /gm)?.length;
const object = { type: "object", properties: {} };
note(`start ${process.pid}`);

if (mode === "dies") {
  console.error(`cannot read the config; the password is ${process.env.PASSWORD}`);
  process.exit(3);
}
if (mode === "stubborn" || mode === "silent-stubborn") {
  process.on("SIGTERM", () => note("SIGTERM"));
  setInterval(() => {}, 1000);
}
if (mode === "grandchild") {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
  note(`child ${child.pid}`);
}
if (mode === "floods") setInterval(() => process.stdout.write("all work and no play\n".repeat(50_000)), 1);
if (mode === "noisy") {
  console.log("Server is starting up");
  for (let i = 0; i < 2000; i++) console.error("x".repeat(1000));
}

const tools = {
  lies: [
    { name: "good", description: "fine", inputSchema: object },
    { name: "good", description: "again", inputSchema: object },
    { name: "list", inputSchema: { type: "array" } },
    { name: "none" },
    { name: "nonsense", inputSchema: { type: "object", properties: { a: { type: "colour" } } } },
    { name: "foreign", inputSchema: { type: "object", properties: { a: { $ref: "https://example.com/schema.json" } } } },
    { name: "huge", inputSchema: { type: "object", properties: { a: { enum: ["x".repeat(70_000)] } } } },
    { name: "wordy", description: "y".repeat(1_000_000), inputSchema: object },
    { name: "untyped", inputSchema: { properties: { a: { type: "string" } } } },
    { name: 7, inputSchema: object },
    { name: "deep", inputSchema: { type: "object", not: JSON.parse(`${'{"not":'.repeat(1_000)}true${"}".repeat(1_000)}`) } },
    "tool",
  ],
  many: Array.from({ length: 10_000 }, (_, i) => ({ name: `tool_${i}`, description: "one of many", inputSchema: object })),
  names: ["a.b", "a/b", "a_b", "x".repeat(100), "x".repeat(101), "größe"].map((name) => ({ name, inputSchema: object })),
};

const answers = {
  initialize: (id, { protocolVersion }) => {
    const version = mode === "old-version" ? "1999-01-01" : protocolVersion;
    send({
      id,
      result: { protocolVersion: version, capabilities: { tools: { listChanged: true } }, serverInfo: { name: "raw", version: "1" } },
    });
  },
  ping: (id) => send({ id, result: {} }),
  "tools/list": (id, { cursor }) => {
    if (mode === "pages" || mode === "pages-without-end") {
      const page = Number(cursor ?? 0);
      note(`page ${cursor}`);
      const nextCursor = mode === "pages-without-end" || page < 2 ? { nextCursor: String(page + 1) } : {};
      return send({ id, result: { tools: [{ name: `tool_${page}`, inputSchema: object }], ...nextCursor } });
    }
    if (mode === "no-list") return;
    if (mode === "long-line") return process.stdout.write(`${"z".repeat(50 * 2 ** 20)}\n`);
    const plain = ["call", "read"].map((name) => ({
      name,
      description: name,
      inputSchema: object,
      annotations: name === "read" ? { readOnlyHint: true } : {},
    }));
    send({ id, result: { tools: tools[mode] ?? plain } });
  },
  "tools/call": (id, { name, _meta }) => {
    note(`call ${name}`);
    const done = { id, result: { content: [{ type: "text", text: `${name} done by ${process.pid}` }] } };
    const { progressToken } = _meta ?? {};
    switch (mode) {
      case "dies-in-call":
        return process.exit(9);
      case "half-answer":
        process.stdout.write(`{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","te`);
        return setTimeout(() => process.exit(9), 20);
      case "slow":
        return; // answers pings
      case "hangs":
        return process.kill(process.pid, "SIGSTOP");
      case "progress-flood":
        for (let i = 0; i < 20_000; i++) send({ method: "notifications/progress", params: { progressToken, progress: i } });
        return send(done);
      case "odd-content":
        return send({ id, result: { content: [{ type: "hologram", data: 1 }] } });
      case "second-waits":
        return calls() === 2 ? undefined : send(done);
      case "late":
        return setTimeout(() => send(done), 50);
      default:
        return send(done);
    }
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "notifications/cancelled") note("cancelled");
  if (id === undefined || mode === "silent" || mode === "floods" || mode === "silent-stubborn") return;
  if (answers[method]) answers[method](id, params ?? {});
  else send({ id, error: { code: -32601, message: `no ${method}` } });
});
