import picomatch from "picomatch";
import { MassGenError } from "../../errors.js";
import type { FileAccess } from "../access.js";
import { type CheckedPath, resolvePath } from "../check-path.js";
import { type WalkNotes, walk } from "../walk.js";
import { type Pattern, type RegexWorker, startRegexWorker } from "./regex-worker.js";

/** Everything a search does, in milliseconds. */
export const SEARCH_MS = 10_000;
/** The most files a search looks at. */
export const MAX_SEARCHED = 100_000;
const BATCH = 2000;
const MAX_PATTERN = 1000;

/** @throws MassGenError `bad_pattern` */
export function globPattern(glob: string): Pattern {
  requireShort(glob);
  const regex = picomatch.makeRe(glob, { dot: true, nonegate: true }) as RegExp | false;
  if (regex === false) throw new MassGenError("bad_pattern", `"${glob}" is no glob.`);
  return { source: regex.source, flags: regex.flags };
}

/** @throws MassGenError `bad_pattern` */
export function regexPattern(source: string, ignoreCase: boolean): Pattern {
  requireShort(source);
  const flags = ignoreCase ? "i" : "";
  try {
    new RegExp(source, flags);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MassGenError(
      "bad_pattern",
      `${why}. It is read as a JavaScript regular expression; put "\\" before characters to be found as they are.`,
    );
  }
  return { source, flags };
}

function requireShort(pattern: string): void {
  if (pattern.length > MAX_PATTERN) throw new MassGenError("bad_pattern", `The pattern has more than ${MAX_PATTERN} characters.`);
}

/** The directory a search begins in. */
export async function searchRoot(access: FileAccess, path: string): Promise<CheckedPath> {
  const checked = await resolvePath(access, path, "read");
  if (!checked.exists) throw new MassGenError("not_found", `There is no "${checked.shown}".`);
  return checked;
}

export interface FoundPath {
  relative: string;
  path: string;
}

/** Files (and symbolic links) below a directory whose relative path matches; what the time allowed for, if it was too short. */
export async function findPaths(
  access: FileAccess,
  from: CheckedPath,
  pattern: Pattern,
  exclude: readonly string[],
  most: number,
  notes: WalkNotes,
  signal: AbortSignal,
): Promise<{ found: FoundPath[]; stopped?: string }> {
  const worker = startRegexWorker(pattern, SEARCH_MS, signal);
  const found: FoundPath[] = [];
  let batch: FoundPath[] = [];
  let searched = 0;
  try {
    for await (const { kind, relative, path } of walk(access, from, { exclude, signal }, notes)) {
      if (kind === "directory" || kind === "other") continue;
      if (++searched > MAX_SEARCHED) return { found, stopped: `after ${MAX_SEARCHED} files` };
      batch.push({ relative, path });
      if (batch.length < BATCH) continue;
      await keepMatches(worker, batch, found);
      batch = [];
      if (found.length > most) return { found };
    }
    await keepMatches(worker, batch, found);
    return { found };
  } catch (error) {
    if (!(error instanceof MassGenError) || error.code !== "search_timeout") throw error;
    return { found, stopped: `after ${SEARCH_MS / 1000} s` };
  } finally {
    await worker.close();
  }
}

async function keepMatches(worker: RegexWorker, batch: FoundPath[], found: FoundPath[]): Promise<void> {
  if (batch.length === 0) return;
  const matches = await worker.matchLines(
    batch.map(({ relative }) => relative),
    1,
  );
  for (const [index, lines] of matches.entries()) if (lines.length > 0) found.push(batch[index]!);
}
