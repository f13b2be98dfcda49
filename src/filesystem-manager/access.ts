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
}

/** What one turn's tools may touch. Whatever lies below no root may not be touched at all. */
export interface FileAccess {
  /** Real path of the agent's own directory; relative paths are meant from here. */
  workspace: string;
  /** The workspace included. The deepest root that contains a path decides. */
  roots: readonly AccessRoot[];
}
