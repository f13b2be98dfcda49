// A user's CommonJS module: every entry through `require`, and a run to its result. Prints one line of JSON.
const { Agent, Orchestrator, createBackend, tool } = require("massgen");
const { loadConfig } = require("massgen/config");
const { scriptedBackend, simulatedTeam, startEmulator } = require("massgen/testing");
const { version } = require("massgen/package.json");

async function main() {
  for (const offered of [Agent, Orchestrator, createBackend, tool, loadConfig, scriptedBackend]) {
    if (typeof offered !== "function") throw new Error("an export is missing");
  }
  const emulator = await startEmulator({ respond: simulatedTeam() });
  try {
    const backend = { type: "vllm", model: "model-one", baseUrl: emulator.baseUrl };
    const { text, reason } = await new Orchestrator({ agents: [{ id: "one", backend }] }).run("Which sea has the saltiest water?").result;
    if (!text || reason !== "single") throw new Error(`no result: ${JSON.stringify({ text, reason })}`);
    console.log(JSON.stringify({ version, text }));
  } finally {
    await emulator.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
