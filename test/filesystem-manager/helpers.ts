import { mkdir, mkdtemp, readFile, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { AccessRoot, FileAccess } from "../../src/filesystem-manager/access.js";
import { DEFAULT_EXCLUDE, DEFAULT_HIDDEN } from "../../src/filesystem-manager/names.js";
import { removeTree } from "../../src/filesystem-manager/remove-tree.js";
import { createSeenFiles } from "../../src/filesystem-manager/seen-files.js";
import type { FileToolsContext } from "../../src/filesystem-manager/tools/context.js";
import { fileTools } from "../../src/filesystem-manager/tools/index.js";
import type { UserPart } from "../../src/formatter/messages.js";
import type { ToolContext } from "../../src/tools/tool.js";

/** A directory of its own, gone after the test. Its real path. */
export async function temporaryDirectory(): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "massgen-files-")));
  onTestFinished(() => removeTree(dirname(path), basename(path))); // snapshots are read-only
  return path;
}

/** Writes files, with the directories they need. */
export async function writeTree(root: string, files: Record<string, string | Uint8Array>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

/** A workspace, the files of answer `agent2.1`, a context directory and something outside of all of them. */
export async function world(permission: "read" | "write" = "read") {
  const base = await temporaryDirectory();
  const at = {
    base,
    workspace: join(base, "home", "workspace"),
    answer: join(base, "answers", "agent2.1"),
    context: join(base, "project"),
    outside: join(base, "outside"),
  };
  for (const path of [at.workspace, at.answer, at.context, at.outside]) await mkdir(path, { recursive: true });
  await writeTree(base, {
    "outside/secret.txt": "SECRET\n",
    "answers/agent2.1/answer.txt": "theirs\n",
    "project/main.ts": "context\n",
    "home/workspace/own.txt": "own\n",
  });
  const context: AccessRoot = {
    path: at.context,
    permission,
    kind: "context",
    hiddenNames: DEFAULT_HIDDEN,
    readOnlyNames: DEFAULT_EXCLUDE,
  };
  const access: FileAccess = {
    workspace: at.workspace,
    roots: [
      { path: at.workspace, permission: "write", kind: "workspace" },
      { path: at.answer, permission: "read", kind: "answer", name: "agent2.1" },
      context,
    ],
  };
  return { ...at, access, root: context };
}

export function toolContext(signal = new AbortController().signal): ToolContext {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  return { runId: "run", agentId: "a", turnId: "turn", toolCallId: "call", signal, context: undefined, logger };
}

/** The file tools, as calls by name. */
export function callsOf(access: FileAccess, options: Partial<FileToolsContext> = {}) {
  const context: FileToolsContext = {
    access: () => access,
    seen: createSeenFiles(),
    maxFileBytes: 1_000_000,
    exclude: DEFAULT_EXCLUDE,
    ...options,
  };
  const tools = fileTools(context);
  const call = async (name: string, input: unknown, signal?: AbortSignal): Promise<string | UserPart[]> => {
    const tool = tools.find((each) => each.name === name);
    return (await tool!.execute!(input, toolContext(signal))) as string | UserPart[];
  };
  return { context, tools, call };
}

/** The code of what is thrown. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `no error: ${JSON.stringify(value)}`,
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
}

export const text = (path: string): Promise<string> => readFile(path, "utf8");
