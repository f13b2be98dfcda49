// A team of three on one question, by the command-line program. `npm run demo -- "your question"`
// With OPENAI_API_KEY set it asks OpenAI; without it, a simulated team answers on a local emulator, and says so.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt } from "./build.mjs";

ensureBuilt();
const question = process.argv.slice(2).join(" ") || "Should a small team start with one service or with several? Give the deciding reason.";
const key = process.env.OPENAI_API_KEY;
const model = process.env.OPENAI_MODEL ?? "gpt-5-mini";
const emulator = key ? undefined : await simulation();
const folder = mkdtempSync(join(tmpdir(), "massgen-demo-"));
try {
  const agents = ["ada", "ben", "cleo"].map((id) => ({
    id,
    backend: emulator
      ? { type: "chatcompletion", model: `simulated-${id}`, base_url: emulator.baseUrl, api_key: "simulated" }
      : { type: "chatcompletion", model, base_url: "https://api.openai.com/v1" },
  }));
  const config = join(folder, "team.yaml");
  writeFileSync(config, JSON.stringify({ agents }, null, 2)); // JSON is YAML
  console.error(emulator ? "No OPENAI_API_KEY: the answers below are simulated.\n" : `Asking three times ${model}.\n`);
  process.exitCode = await finished(spawn(process.execPath, ["dist/cli/main.js", "--config", config, question], { stdio: "inherit" }));
} finally {
  rmSync(folder, { recursive: true, force: true });
  await emulator?.close();
}

async function simulation() {
  /** @type {typeof import("massgen/testing")} */
  const { simulatedTeam, startEmulator } = await import(new URL("../dist/testing/index.js", import.meta.url).href);
  return startEmulator({ respond: simulatedTeam({ delayMs: 15 }) });
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<number>}
 */
function finished(child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
