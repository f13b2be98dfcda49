import type { BigIntStats, Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { MassGenError } from "../../errors.js";
import type { FileAccess } from "../access.js";
import { type CheckedPath, denied, judge, shownPath } from "../check-path.js";
import { entryOf, unlessCode } from "../directories.js";
import { nameTest } from "../names.js";
import { unseen } from "../seen-files.js";
import { type WalkNotes, walk } from "../walk.js";
import { type FileToolsContext, some } from "./context.js";

/**
 * Looks through a directory that is to be deleted or moved away: everything in it must be allowed to go, and if `known`,
 * its files must have been read. Directories of excluded names (dependencies, caches) go unread.
 * @returns how many files go
 * @throws MassGenError `path_denied`, `not_read`
 */
export async function requireWhole(
  context: FileToolsContext,
  access: FileAccess,
  from: CheckedPath,
  known: boolean,
  signal: AbortSignal,
): Promise<number> {
  const excluded = nameTest(context.exclude);
  const notes: WalkNotes = { skipped: [], unread: [] };
  const notKnown: string[] = [];
  let files = 0;
  for await (const { kind, path, directory, name } of walk(
    access,
    from,
    { closed: context.exclude, depth: Number.POSITIVE_INFINITY, signal },
    notes,
  )) {
    judge(access, path, shownPath(access, path), "delete");
    if (kind !== "file") continue;
    files++;
    if (!known || excluded(name)) continue;
    const stat: BigIntStats | undefined = await lstat(entryOf(directory, name), { bigint: true }).catch(unlessCode("ENOENT"));
    if (stat !== undefined && unseen(context.seen, path, stat)) notKnown.push(shownPath(access, path));
  }
  if (notes.skipped.length > 0) throw denied(access, from.shown, "delete", "something in it is kept from you");
  if (notKnown.length > 0) {
    throw new MassGenError(
      "not_read",
      `You have not read ${some(notKnown)} as they are now. Nothing was deleted; read them first, or delete what you know.`,
    );
  }
  return files;
}

/** What stands at a path itself, if anything. */
export function entryStat(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(unlessCode("ENOENT", "ENOTDIR"));
}
