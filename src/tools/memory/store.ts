import { MassGenError } from "../../errors.js";
import { listWorkspaceFiles, readWorkspaceFile, removeWorkspaceFile, writeWorkspaceFile } from "../workspace-files.js";
import { noteName } from "./names.js";
import { type Note, noteText, parseNote, type Tier, tiers } from "./note-file.js";

/** Where one agent's notes are. */
export interface NoteStore {
  list(): Promise<NoteEntry[]>;
  /** `undefined`: there is none. Throws where it cannot be read. */
  read(entry: { name: string; tier: Tier }): Promise<Note | undefined>;
  write(note: Note): Promise<void>;
  remove(entry: { name: string; tier: Tier }): Promise<void>;
}

export interface NoteEntry {
  name: string;
  tier: Tier;
}

/** A note with this name, of whichever tier. */
export async function findNote(store: NoteStore, given: string): Promise<NoteEntry | undefined> {
  const entries = await store.list();
  const exact = entries.find(({ name }) => name === given);
  if (exact !== undefined) return exact;
  const name = noteName(given);
  return entries.find((entry) => entry.name === name);
}

/** Notes of an agent without a workspace. */
export function notesInMemory(): NoteStore {
  const notes = new Map<string, Note>();
  const key = ({ name, tier }: NoteEntry) => `${tier}/${name}`;
  return {
    list: async () => [...notes.values()].map(({ name, tier }) => ({ name, tier })).sort(byName),
    read: async (entry) => notes.get(key(entry)),
    write: async (note) => {
      notes.set(key(note), note);
    },
    remove: async (entry) => {
      notes.delete(key(entry));
    },
  };
}

const ENDING = ".md";

export const noteFile = ({ name, tier }: NoteEntry): string => `memory/${tier}/${name}${ENDING}`;

/** Notes as files of the workspace: what file tools or commands put there counts as well. */
export function notesInWorkspace(workspace: string, maxFileBytes: number): NoteStore {
  return {
    async list() {
      const lists = await Promise.all(
        tiers.map(async (tier) => {
          const files = await listWorkspaceFiles(workspace, `memory/${tier}`);
          return files
            .filter((file) => file.endsWith(ENDING) && file.length > ENDING.length)
            .map((file): NoteEntry => ({ name: file.slice(0, -ENDING.length), tier }));
        }),
      );
      return lists.flat().sort(byName);
    },
    async read({ name, tier }) {
      const text = await readWorkspaceFile(workspace, noteFile({ name, tier }), maxFileBytes);
      return text === undefined ? undefined : parseNote(name, tier, text);
    },
    write: (note) => writeWorkspaceFile(workspace, noteFile(note), noteText(note)),
    async remove(entry) {
      await removeWorkspaceFile(workspace, noteFile(entry));
    },
  };
}

const byName = (a: NoteEntry, b: NoteEntry) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

export function noSuchNote(given: string, entries: readonly NoteEntry[]): MassGenError {
  const there = entries.length === 0 ? "There are none yet." : `There are ${entries.map(({ name }) => name).join(", ")}.`;
  return new MassGenError("unknown_note", `There is no note ${JSON.stringify(given.slice(0, 100))}. ${there}`);
}
