import { renameSync } from "node:fs";
import { chmod, lstat, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MassGenError } from "../errors.js";
import { eachLimit } from "./each-limit.js";
import { removeTree } from "./remove-tree.js";
import { randomName } from "./run-directories.js";
import { type Snapshot, type SnapshotOptions, takeSnapshot } from "./snapshot.js";

const LABEL = /^[A-Za-z0-9][\w.-]*$/;

/** The files that go with the answers of one run. */
export interface AnswerFiles {
  /** Where the files of an answer are; real. @param presented what was presented of it instead, if anything was */
  path(label: string, presented?: boolean): string | undefined;
  /** How many files there are. */
  count(label: string, presented?: boolean): number;
  /** Takes a snapshot of an agent's workspace. `settle` is called once, with what became of it. */
  take(agentId: string, workspace: string, options: Omit<SnapshotOptions, "previous">): Promise<Taken>;
  /** What the winner presented, else the files of the answer it won with: made writable, and forgotten here. */
  release(label: string): Promise<string | undefined>;
  /** Waits for what is being thrown away. */
  settled(): Promise<void>;
}

export interface Taken {
  snapshot: Snapshot;
  /** `undefined`: it became nothing. @param presents it is what is presented of the answer */
  settle(label: string | undefined, presents: boolean): void;
}

/** @param directory real; where nothing else is */
export function createAnswerFiles(directory: string): AnswerFiles {
  const answers = new Map<string, Snapshot>();
  /** The last of each agent that became something: what has not changed since need not be copied again. */
  const latest = new Map<string, Snapshot>();
  let presented: { label: string; snapshot: Snapshot } | undefined;
  const removals = new Set<Promise<void>>();

  const discard = (path: string) => {
    const removal = removeTree(dirname(path), basename(path)).catch(() => {}); // it goes with the run's directory
    removals.add(removal);
    removal.finally(() => removals.delete(removal));
  };

  function keepAs(label: string, snapshot: Snapshot): void {
    if (!LABEL.test(label)) throw new MassGenError("bad_label", `"${label}" cannot name a directory.`);
    const path = join(directory, label);
    renameSync(snapshot.path, path); // at once: peers may look as soon as the answer is there
    snapshot.path = path;
    answers.set(label, snapshot);
  }

  const filesOf = (label: string, asPresented = false): Snapshot | undefined =>
    asPresented && presented?.label === label ? presented.snapshot : answers.get(label);

  return {
    path: (label, asPresented) => filesOf(label, asPresented)?.path,
    count: (label, asPresented) => filesOf(label, asPresented)?.files ?? 0,
    async take(agentId, workspace, options) {
      const previous = latest.get(agentId);
      const snapshot = await takeSnapshot(workspace, join(directory, randomName()), { ...options, previous });
      return {
        snapshot,
        settle(label, presents) {
          if (label === undefined) return discard(snapshot.path);
          if (!answers.has(label)) keepAs(label, snapshot);
          else if (!presents) return discard(snapshot.path);
          latest.set(agentId, snapshot);
          if (!presents) return;
          if (presented !== undefined && presented.snapshot.path !== answers.get(presented.label)?.path) discard(presented.snapshot.path);
          presented = { label, snapshot };
        },
      };
    },
    async release(label) {
      const snapshot = filesOf(label, true);
      if (snapshot === undefined) return undefined;
      if (answers.get(label) === snapshot) answers.delete(label);
      await makeWritable(snapshot.path);
      return snapshot.path;
    },
    async settled() {
      await Promise.all(removals);
    },
  };
}

/** Gives its owner the right to write to a directory and all below. It is ours alone by now, so names are enough. */
async function makeWritable(path: string): Promise<void> {
  const { mode } = await lstat(path);
  await chmod(path, mode | 0o700);
  const entries = await readdir(path, { withFileTypes: true });
  await eachLimit(entries, 16, async (entry) => {
    const at = join(path, entry.name);
    if (entry.isFile()) await chmod(at, (await lstat(at)).mode | 0o600);
  });
  for (const entry of entries) if (entry.isDirectory()) await makeWritable(join(path, entry.name));
}
