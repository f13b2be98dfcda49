import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** A path of a file: relative ones are meant from the file's folder, `~/` from the user's. */
export function pathFrom(folder: string, path: string): string {
  if (path === "~") return homedir();
  return /^~[/\\]/.test(path) ? join(homedir(), path.slice(2)) : resolve(folder, path);
}
