import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installLocked } from "../../scripts/npm.mjs";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Installs the newest provider SDKs from the lockfile here, unless they are there already. */
export default function setup(): void {
  installLocked(folder);
  const { version } = JSON.parse(readFileSync(`${folder}/node_modules/openai/package.json`, "utf8"));
  console.log(`newest-sdks: tests run with openai ${version}`);
}
