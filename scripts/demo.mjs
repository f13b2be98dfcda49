// `npm run demo -- "your question"`: builds if need be, then the program on a question. It finds keys and local servers by
// itself; without any, a simulated team answers over real HTTP, and the program says so.
import { spawnSync } from "node:child_process";
import { ensureBuilt } from "./build.mjs";

ensureBuilt();
const question = process.argv.slice(2).join(" ") || "Should a small team start with one service or with several? Give the deciding reason.";
const { status } = spawnSync(process.execPath, ["dist/cli/main.js", question], { stdio: "inherit" });
process.exitCode = status ?? 1;
