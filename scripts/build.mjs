import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { npm } from "./npm.mjs";

/** Builds `dist/`, unless it is newer than everything it is made of. */
export function ensureBuilt() {
  const made = "dist/cli/main.js";
  if (existsSync(made) && existsSync("dist/index.d.ts") && statSync("dist/index.d.ts").mtimeMs > newest()) return;
  console.error("building …");
  npm(["run", "build"]);
}

function newest() {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).map((file) => join("src", file));
  const times = [...files, "package.json", "tsup.config.ts", "tsconfig.build.json"].map((file) => statSync(file).mtimeMs);
  return Math.max(...times);
}
