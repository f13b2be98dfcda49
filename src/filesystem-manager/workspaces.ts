import { mkdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { MassGenError } from "../errors.js";
import type { RunToolkit, Toolkit, ToolkitRun, ToolTurn } from "../tools/toolkit.js";
import type { AccessRoot, FileAccess } from "./access.js";
import { type AgentFiles, createAgentFiles } from "./agent-files.js";
import { type AnswerFiles, createAnswerFiles } from "./answer-files.js";
import { checkCall } from "./check-call.js";
import { contextRoots } from "./context-roots.js";
import { type WorkspaceOptions, type WorkspaceSettings, workspaceSettings } from "./options.js";
import {
  createRunDirectory,
  keepResult,
  MARKER,
  openRoot,
  pruneResults,
  type RunDirectories,
  removeMarked,
  sweep,
} from "./run-directories.js";
import type { Snapshot } from "./snapshot.js";
import { instructionsText, noteText } from "./words.js";

const SWEEP_EVERY_MS = 60 * 60 * 1000;

/**
 * Gives every agent of a run a workspace: a fresh directory with file and command tools, of which a snapshot goes with every
 * answer. What is left of a run is what the winner's workspace held, in `root/results`; everything else is deleted when the run
 * ends. What a killed process left is deleted by a later run.
 * @throws ConfigError for options that cannot be right; those that need the file system to tell, when a run is opened
 */
export function createWorkspaces(options: WorkspaceOptions = {}): Toolkit {
  const settings = workspaceSettings(options);
  const background = new Set<Promise<void>>();
  let sweptAt = Number.NEGATIVE_INFINITY;

  const inBackground = (work: Promise<void>, run: ToolkitRun) => {
    const done = work.catch((error: unknown) => {
      run.warn({ code: "cleanup_failed", message: `Directories of earlier runs could not be deleted: ${String(error)}` });
    });
    background.add(done);
    done.finally(() => background.delete(done));
  };

  return {
    name: "workspaces",
    async open(run) {
      const directories = await openRoot(settings.root, settings.keep);
      const contexts = await contextRoots(settings, directories.root);
      const now = run.runtime.now();
      if (now - sweptAt > SWEEP_EVERY_MS) {
        sweptAt = now;
        inBackground(sweep(directories, Date.now()), run);
      }
      return openRun(settings, directories, contexts, run, (work) => inBackground(work, run));
    },
    async close() {
      await Promise.all(background);
    },
  };
}

async function openRun(
  settings: WorkspaceSettings,
  directories: RunDirectories,
  contexts: readonly AccessRoot[],
  run: ToolkitRun,
  inBackground: (work: Promise<void>) => void,
): Promise<RunToolkit> {
  const { runtime, warn } = run;
  const directory = await createRunDirectory(directories);
  const agents = new Map<string, AgentFiles>();
  const close = async () => {
    const ends = await Promise.allSettled([...agents.values()].map((agent) => agent.close()));
    await answers?.settled();
    await removeMarked(directory);
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };
  let answers: AnswerFiles | undefined;
  try {
    await mkdir(join(directory, "answers"));
    const files = createAnswerFiles(join(directory, "answers"));
    answers = files;
    const accessOf = (workspace: string, turn: ToolTurn) => turnAccess(workspace, turn, contexts, files, directories.root);
    for (const { agentId } of run.agents) {
      run.signal.throwIfAborted();
      agents.set(agentId, await createAgentFiles(directory, settings, accessOf, { runtime, warn, agentId }));
    }
    return runToolkit({ settings, directories, directory, contexts, run, agents, answers: files, accessOf, inBackground, close });
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a turn may touch: who drafts sees no answer, who reviews what was presented, and only who presents writes to context paths. */
function turnAccess(
  workspace: string,
  { phase, labels }: ToolTurn,
  contexts: readonly AccessRoot[],
  answers: AnswerFiles,
  root: string,
): FileAccess {
  const shown = phase === "draft" ? [] : labels;
  const roots: AccessRoot[] = [{ path: workspace, permission: "write", kind: "workspace" }];
  for (const name of shown) {
    const path = answers.path(name, phase === "review");
    if (path !== undefined) roots.push({ path, permission: "read", kind: "answer", name });
  }
  for (const context of contexts) roots.push(phase === "present" ? context : { ...context, permission: "read" });
  return { workspace, roots, hiddenPaths: [root] };
}

interface OpenRun {
  settings: WorkspaceSettings;
  directories: RunDirectories;
  directory: string;
  contexts: readonly AccessRoot[];
  run: ToolkitRun;
  agents: ReadonlyMap<string, AgentFiles>;
  answers: AnswerFiles;
  accessOf(workspace: string, turn: ToolTurn): FileAccess;
  inBackground(work: Promise<void>): void;
  close(): Promise<void>;
}

function runToolkit(open: OpenRun): RunToolkit {
  const { settings, directories, directory, contexts, run, agents, answers, accessOf, inBackground, close } = open;
  const instructions = instructionsText(settings, contexts);
  const told = new Map<string, Set<string>>();
  const agentOf = (agentId: string): AgentFiles => {
    const agent = agents.get(agentId);
    if (agent === undefined) throw new MassGenError("unknown_agent", `The agent "${agentId}" has no workspace in this run.`);
    return agent;
  };
  const accessFor = (turn: ToolTurn) => accessOf(agentOf(turn.agentId).workspace, turn);
  const note = (turn: ToolTurn) => noteText(accessFor(turn), (label) => answers.count(label, turn.phase === "review"));

  return {
    tools: (turn) => agentOf(turn.agentId).begin(turn),
    instructions: () => instructions,
    note,
    newsNote: note,
    context(turn) {
      const { workspace, saveFile } = agentOf(turn.agentId);
      return { workspace, saveFile };
    },
    check: ({ tool, input }, turn) => checkCall(tool, input, accessFor(turn)),
    async handIn(turn, signal) {
      const agent = agentOf(turn.agentId);
      await agent.stopJobs();
      const now = new Date();
      await utimes(join(directory, MARKER), now, now); // a sign of life, for other machines
      const { exclude, maxSnapshotFiles: maxFiles, maxSnapshotBytes: maxBytes } = settings;
      const taken = await answers.take(turn.agentId, agent.workspace, { exclude, maxFiles, maxBytes, signal });
      warnOfLeft(taken.snapshot, turn.agentId);
      return (label) => taken.settle(label, turn.phase === "present");
    },
    async result({ label }) {
      const files = await answers.release(label);
      if (files === undefined) return {};
      const workspace = await keepResult(directories, files, Date.now());
      inBackground(pruneResults(directories, Date.now()));
      return { workspace };
    },
    close,
  };

  /** Each once, however many snapshots leave it out. */
  function warnOfLeft({ left }: Snapshot, agentId: string): void {
    const known = told.get(agentId) ?? new Set();
    told.set(agentId, known);
    const fresh = left.filter(({ path, why }) => !known.has(`${path}\0${why}`));
    if (fresh.length === 0) return;
    for (const { path, why } of fresh) known.add(`${path}\0${why}`);
    const listed = fresh.slice(0, 5).map(({ path, why }) => `"${path}" (${why})`);
    const more = fresh.length > 5 ? ` and ${fresh.length - 5} more` : "";
    run.warn({
      code: "snapshot_incomplete",
      message: `The snapshot of the workspace is not complete: ${listed.join(", ")}${more}.`,
      agentId,
    });
  }
}
