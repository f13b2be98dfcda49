import type { CommandOptions } from "./commands/options.js";
import type { WorkspaceOptions } from "./options.js";

/** Apart from the options themselves: whoever only checks names loads nothing else. */
export const WORKSPACE_KEYS: Record<keyof WorkspaceOptions, true> = {
  root: true,
  contextPaths: true,
  exclude: true,
  hidden: true,
  readBeforeWrite: true,
  maxFileBytes: true,
  maxSnapshotFiles: true,
  maxSnapshotBytes: true,
  commands: true,
  keep: true,
};

export const COMMAND_KEYS: Record<keyof CommandOptions, true> = {
  executor: true,
  sandbox: true,
  network: true,
  env: true,
  systemPaths: true,
  allow: true,
  deny: true,
  timeoutMs: true,
  maxTimeoutMs: true,
  maxOutputBytes: true,
  maxBackgroundJobs: true,
  maxProcesses: true,
};
