// The MCP client against the protocol's conformance suite: the client scenarios for what it does: of OAuth the logins
// without a browser, which the SDK's providers make; no skills.
// `node scripts/mcp-conformance.mjs [scenario …]`. Fetches the suite, and a Node 22 for it, from npm once.
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { installLocked } from "./npm.mjs";

const SCENARIOS = [
  "initialize",
  "tools_call",
  "tools_call --spec-version 2026-07-28",
  "elicitation-sep1034-client-defaults",
  "sse-retry",
  "request-metadata",
  "sep-2322-client-request-state",
  "http-standard-headers",
  "http-custom-headers",
  "http-invalid-tool-headers",
  "json-schema-ref-no-deref",
  "auth/client-credentials-basic",
  "auth/client-credentials-jwt",
];

installLocked("tools/mcp-conformance");
let node = process.execPath;
if (Number(process.versions.node.split(".")[0]) < 22) {
  installLocked("tools/nodes"); // linux-x64
  node = resolve("tools/nodes/node_modules/node22/bin/node");
}
const suite = resolve("tools/mcp-conformance/node_modules/@modelcontextprotocol/conformance/dist/index.js");
const command = `${process.execPath} ${resolve("node_modules/tsx/dist/cli.mjs")} ${resolve("test/mcp/conformance-client.ts")}`;

let failed = 0;
for (const scenario of process.argv.length > 2 ? process.argv.slice(2) : SCENARIOS) {
  const [name, ...rest] = scenario.split(" ");
  const args = [suite, "client", "--timeout", "60000", "--command", command, "--scenario", String(name), ...rest];
  const { status, stdout, stderr } = spawnSync(node, args, { encoding: "utf8" });
  const summary = /Passed: [^\n]*/.exec(stdout + stderr)?.[0] ?? "no result";
  console.log(`  ${status === 0 ? "ok" : "FAILED"} ${scenario}: ${summary}`);
  if (status === 0) continue;
  failed++;
  console.log(stdout + stderr);
}
console.log(`MCP conformance: ${failed === 0 ? "all passed" : `${failed} failed`}`);
process.exitCode = failed ? 1 : 0;
