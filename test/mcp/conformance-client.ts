// What the conformance suite starts, with the URL of its server as the last argument: calls every tool once, or as the scenario says.
import { ClientCredentialsProvider, PrivateKeyJwtProvider } from "@modelcontextprotocol/client";
import { lastValue } from "../../src/agent/tool-loop/last-value.js";
import { createMcpServers } from "../../src/mcp/index.js";
import { systemRuntime } from "../../src/runtime.js";

const url = process.argv.at(-1)!;
const given = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}") as {
  toolCalls?: { name: string; arguments: unknown }[];
  client_id?: string;
  client_secret?: string;
  private_key_pem?: string;
  signing_algorithm?: string;
};
const {
  toolCalls,
  client_id: clientId = "",
  client_secret: clientSecret,
  private_key_pem: privateKey,
  signing_algorithm: algorithm = "",
} = given;
const authProvider =
  clientSecret !== undefined
    ? new ClientCredentialsProvider({ clientId, clientSecret })
    : privateKey !== undefined
      ? new PrivateKeyJwtProvider({ clientId, privateKey, algorithm })
      : undefined;
const { signal } = new AbortController();
const toolkit = createMcpServers({ test: { url, required: true, authProvider } });
const kit = await toolkit.open({ runId: "run", agents: [], signal, runtime: systemRuntime, warn: console.error, ask: async () => ({}) });
const tools = kit.tools({ agentId: "agent", turnId: "turn", phase: "draft", labels: [] }).filter(({ name }) => name !== "mcp__read_result");
const calls = toolCalls ?? tools.map(({ name }) => ({ name, arguments: name.endsWith("add_numbers") ? { a: 2, b: 3 } : {} }));
for (const { name, arguments: input } of calls) {
  const tool = tools.find((each) => each.name === name || each.name === `mcp__test__${name}`);
  const logger = { debug: console.log, info: console.log, warn: console.log, error: console.log };
  const context = { runId: "run", agentId: "agent", turnId: "turn", toolCallId: "call", signal, context: undefined, logger };
  try {
    console.log(name, await lastValue(tool?.execute?.(input, context) as AsyncIterable<unknown>, signal, console.log));
  } catch (error) {
    console.log(name, error); // some servers answer wrongly on purpose
  }
}
await kit.close();
await toolkit.close();
