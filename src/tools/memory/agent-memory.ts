import { MassGenError } from "../../errors.js";
import { promptData } from "../prompt-data.js";
import { noteName } from "./names.js";
import { type Note, oneLine, type Tier } from "./note-file.js";
import { findNote, type NoteEntry, type NoteStore, noSuchNote, noteFile, notesInMemory, notesInWorkspace } from "./store.js";

export interface MemoryLimits {
  maxNoteChars: number;
  maxShortTermChars: number;
  maxNotes: number;
}

/** One agent's notes over one run: in its workspace, or in memory where it has none. */
export interface AgentMemory {
  save(workspace: string | undefined, note: SavedNote): Promise<{ name: string; tier: Tier; replaced: boolean; file?: string }>;
  load(workspace: string | undefined, name: string): Promise<Note>;
  remove(workspace: string | undefined, name: string): Promise<NoteEntry>;
  /** The notes as the agent reads them when a turn starts; nothing where there are none. */
  recall(workspace: string | undefined): Promise<string | undefined>;
  /** Resolves when nothing is being written. */
  settled(): Promise<void>;
}

export interface SavedNote {
  name: string;
  content: string;
  tier: Tier;
  description?: string | undefined;
}

export function openAgentMemory(limits: MemoryLimits): AgentMemory {
  const own = notesInMemory();
  let last: Promise<unknown> = Promise.resolve();
  // Four bytes for a character at most, and the front matter.
  const storeOf = (workspace: string | undefined) =>
    workspace === undefined ? own : notesInWorkspace(workspace, limits.maxNoteChars * 4 + 4_096);

  function inTurn<T>(workspace: string | undefined, work: (store: NoteStore) => Promise<T>): Promise<T> {
    const result = last.then(() => work(storeOf(workspace)));
    last = result.catch(() => {}); // told to whoever called
    return result;
  }

  return {
    save: (workspace, { name: given, content, tier, description }) =>
      inTurn(workspace, async (store) => {
        const name = noteName(given);
        const entries = await store.list();
        const before = entries.filter((entry) => entry.name === name);
        await checkRoom(store, { name, tier, content }, entries, limits);
        await store.write({ name, tier, content, description: oneLine(description ?? "") || oneLine(content) });
        // After the new one is there, so that a failure leaves both rather than none.
        for (const old of before) if (old.tier !== tier) await store.remove(old);
        return { name, tier, replaced: before.length > 0, ...(workspace !== undefined && { file: noteFile({ name, tier }) }) };
      }),
    load: (workspace, name) =>
      inTurn(workspace, async (store) => {
        const entry = await findNote(store, name);
        const note = entry && (await store.read(entry));
        if (note === undefined) throw noSuchNote(name, await store.list());
        return note;
      }),
    remove: (workspace, name) =>
      inTurn(workspace, async (store) => {
        const entry = await findNote(store, name);
        if (entry === undefined) throw noSuchNote(name, await store.list());
        await store.remove(entry);
        return entry;
      }),
    recall: (workspace) => inTurn(workspace, (store) => recall(store, limits)),
    async settled() {
      await last;
    },
  };
}

async function checkRoom(
  store: NoteStore,
  { name, tier, content }: Pick<Note, "name" | "tier" | "content">,
  entries: readonly NoteEntry[],
  limits: MemoryLimits,
): Promise<void> {
  if (content.trim() === "") throw new MassGenError("empty_note", "A note needs a content. To take one away, call remove_memory.");
  if (content.length > limits.maxNoteChars) {
    const message = `A note may have ${limits.maxNoteChars} characters, not ${content.length}. Keep what matters, or write a file and note where it is.`;
    throw new MassGenError("note_too_long", message);
  }
  const others = entries.filter((entry) => entry.name !== name);
  if (others.length >= limits.maxNotes) {
    const message = `There are ${others.length} notes, as many as there may be. Remove some with remove_memory, or put several together.`;
    throw new MassGenError("too_many_notes", message);
  }
  if (tier !== "short_term") return;
  let used = 0;
  for (const entry of others) if (entry.tier === tier) used += (await readable(store, entry))?.content.length ?? 0;
  if (used + content.length > limits.maxShortTermChars) {
    const message = `Short-term notes may have ${limits.maxShortTermChars} characters together: the others have ${used}, this one ${content.length}. Shorten it, remove others, or save it as long_term.`;
    throw new MassGenError("short_term_full", message);
  }
}

/** What is there, but cannot be read as a note, must not stand in the way of the others. */
const readable = (store: NoteStore, entry: NoteEntry) => store.read(entry).catch(() => undefined);

async function recall(store: NoteStore, { maxShortTermChars, maxNotes }: MemoryLimits): Promise<string | undefined> {
  const entries = await store.list();
  if (entries.length === 0) return undefined;
  const shown: string[] = [];
  const listed: string[] = [];
  let left = maxShortTermChars;
  for (const entry of entries.slice(0, maxNotes)) {
    const note = await readable(store, entry);
    const name = oneLine(entry.name);
    if (note === undefined) listed.push(`- ${name} (${entry.tier}, cannot be read: too long, or no text file)`);
    else if (note.tier === "long_term") listed.push(`- ${name}: ${note.description}`);
    else if (note.content.length <= left) {
      left -= note.content.length;
      shown.push(`<note name=${JSON.stringify(name)}>\n${promptData(note.content).trimEnd()}\n</note>`);
    } else listed.push(`- ${name} (short_term, ${note.content.length} characters, too long to be shown here): ${note.description}`);
  }
  const more = entries.length - maxNotes;
  if (more > 0) listed.push(`- and ${more} more in memory/`);
  return [
    ...(shown.length > 0 ? ["Your short-term notes:", ...shown] : []),
    ...(listed.length > 0 ? ["Notes to read with load_memory:", ...listed.map(promptData)] : []),
  ].join("\n");
}
