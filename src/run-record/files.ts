import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MassGenError } from "../errors.js";

/** Names of the files in the directory of a run. */
export const FILES = {
  events: "events.jsonl",
  status: "status.json",
  votes: "votes.json",
  usage: "usage.json",
  answers: "answers",
  tableText: "coordination.txt",
  tableMarkdown: "coordination.md",
  report: "report.html",
} as const;

/** In the directory of all records: a symbolic link to the one that began last. */
export const LATEST = "latest";

/** Replaces a file as a whole: whoever reads it finds the old content or the new. */
export async function writeWhole(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}

/** A name that is one on every file system. */
export function safeName(name: string): string {
  const safe = name.replace(/[^\w.-]/g, "_").slice(0, 120);
  return /^\.*$/.test(safe) ? `_${safe}` : safe;
}

/** Makes a directory for a run in `parent`. One that is there already is left alone: the next is `<name>-2`. */
export async function makeRunDirectory(parent: string, runId: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  const name = safeName(runId);
  for (let number = 1; number <= 10_000; number++) {
    const dir = join(parent, number === 1 ? name : `${name}-${number}`);
    try {
      await mkdir(dir);
      await mkdir(join(dir, FILES.answers));
      return dir;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  throw new MassGenError("record_failed", `"${join(parent, name)}" and 9,999 directories after it exist already.`);
}

/** Points `latest` at a run. Not every file system has symbolic links; nothing depends on this one. */
export async function pointLatest(parent: string, name: string): Promise<void> {
  const temporary = join(parent, `.${LATEST}.${process.pid}.${name}`);
  try {
    await symlink(name, temporary, "dir");
    await rename(temporary, join(parent, LATEST));
  } catch {
    await rm(temporary, { force: true }).catch(() => {});
  }
}
