import { access, constants, realpath } from "node:fs/promises";
import { join } from "node:path";
import { searchPath } from "./environment.js";

/** Where a program is on the host's `PATH`. */
export async function programPath(name: string, host: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  for (const directory of searchPath(host)) {
    try {
      const path = join(directory, name);
      await access(path, constants.X_OK);
      return await realpath(path);
    } catch {
      // not in this one
    }
  }
  return undefined;
}
