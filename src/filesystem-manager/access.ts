/** A directory, or a single file, that tools may touch. */
export interface AccessRoot {
  /** Absolute and real: no symbolic link in it. */
  path: string;
  permission: "read" | "write";
  kind: "workspace" | "answer" | "context";
  /** What the model calls it, e.g. `agent2.1` for the files of that answer. */
  name?: string;
  /** Real paths below `path` that are never written to. */
  protectedPaths?: readonly string[];
  /** The root is this one file. */
  file?: boolean;
  /** Names of files and directories below it (globs of one name, e.g. `.env.*`) that are neither read nor written. */
  hiddenNames?: readonly string[];
  /** Names below it, in the same form, that are read but never written, e.g. `.git`. */
  readOnlyNames?: readonly string[];
}

/** What one turn's tools may touch. Whatever lies below no root may not be touched at all. */
export interface FileAccess {
  /** Real path of the agent's own directory; relative paths are meant from here. */
  workspace: string;
  /** The workspace included. The deepest root that contains a path decides. */
  roots: readonly AccessRoot[];
  /** Real paths that may not be touched although they lie below a root, e.g. the directories of other runs. A root inside one of them still counts. */
  hiddenPaths?: readonly string[];
}
