import { existsSync } from "node:fs";
import { build, type Options } from "tsup";
import config from "../tsup.config.js";

/** Where the build under test lies: out of the way of `dist/`, which other commands may rebuild meanwhile. */
export const BUILD = "node_modules/.cache/massgen-bench";

/** Builds the package as `npm run build` does, with its options. */
export async function buildPackage(): Promise<void> {
  const options = config as Options;
  const entry = Object.fromEntries(Object.entries(options.entry as Record<string, string>).filter(([, file]) => existsSync(file)));
  await build({ ...options, entry, outDir: BUILD, config: false });
}
