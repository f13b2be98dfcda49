/** A stream the program writes to: `process.stdout`, or a test's own. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly destroyed?: boolean;
}

/** Everything the program takes from the outside. */
export interface Io {
  stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  stdout: Output;
  stderr: Output;
  env: Readonly<Record<string, string | undefined>>;
  version: string;
  /** Calls the listener at every Ctrl-C, or request to end; the returned function stops that. */
  onInterrupt(listener: (signal: "SIGINT" | "SIGTERM") => void): () => void;
}

export const EXIT = { ok: 0, config: 1, execution: 2, timeout: 3, interrupted: 4 } as const;
