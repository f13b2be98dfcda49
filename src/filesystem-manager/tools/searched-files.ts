import type { FileHandle } from "node:fs/promises";
import { MassGenError } from "../../errors.js";
import type { FileAccess } from "../access.js";
import { type CheckedPath, shownPath } from "../check-path.js";
import { openFileIn, unlessCode } from "../directories.js";
import { type WalkNotes, walk } from "../walk.js";
import { openChecked } from "../write-file.js";
import type { FileToolsContext } from "./context.js";
import { MAX_SEARCHED } from "./search.js";

export interface SearchedFile {
  shown: string;
  /** Not given where the file is larger than what is opened. */
  bytes?: Buffer;
}

export interface FileSearch {
  tools: FileToolsContext;
  access: FileAccess;
  from: CheckedPath;
  /** Relative paths of the only files to look at. Default: all. */
  wanted: ReadonlySet<string> | undefined;
  signal: AbortSignal;
}

/** The files to search, one after the other: a file itself, or those below a directory. Returns `true` if there are too many. */
export async function* searchedFiles(
  { tools, access, from, wanted, signal }: FileSearch,
  notes: WalkNotes,
): AsyncGenerator<SearchedFile, boolean> {
  const single = await openChecked(from).catch((error: unknown) => {
    if (error instanceof MassGenError && error.code === "is_a_directory") return undefined;
    throw error;
  });
  if (single !== undefined) {
    yield { shown: from.shown, ...(await contentOf(single)) };
    return false;
  }
  let searched = 0;
  for await (const { kind, relative, path, directory, name } of walk(access, from, { exclude: tools.exclude, signal }, notes)) {
    if (kind !== "file" || (wanted !== undefined && !wanted.has(relative))) continue;
    if (++searched > MAX_SEARCHED) return true;
    const handle = await openFileIn(directory, name).catch(unlessCode("ENOENT", "ELOOP", "EACCES", "EPERM"));
    if (handle !== undefined) yield { shown: shownPath(access, path), ...(await contentOf(handle)) };
  }
  return false;

  async function contentOf(handle: FileHandle): Promise<{ bytes?: Buffer }> {
    try {
      const { size } = await handle.stat();
      return size > tools.maxFileBytes ? {} : { bytes: await handle.readFile({ signal }) };
    } finally {
      await handle.close();
    }
  }
}
