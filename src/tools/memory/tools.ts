import { z } from "zod";
import { type Tool, tool } from "../tool.js";
import type { AgentMemory } from "./agent-memory.js";
import { tiers } from "./note-file.js";

const name = z.string().describe('Letters, digits, "-" and "_".');

/** The three tools of one agent's notes. */
export function memoryTools(memory: AgentMemory): Tool[] {
  return [
    tool({
      name: "save_memory",
      description:
        "Saves a note, in place of one of the same name. short_term: shown to you in every later turn. long_term: only its name and description are.",
      input: z.object({
        name,
        content: z.string().describe("Markdown."),
        tier: z.enum(tiers).optional().describe("Default short_term."),
        description: z.string().optional().describe("What it is about, in a line. Default: its beginning."),
      }),
      effects: "workspace",
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
      execute: ({ name, content, tier = "short_term", description }, { workspace }) =>
        memory.save(workspace, { name, content, tier, description }),
    }),
    tool({
      name: "load_memory",
      description: "Reads one of your notes.",
      input: z.object({ name }),
      effects: "none",
      annotations: { readOnlyHint: true, openWorldHint: false },
      execute: ({ name }, { workspace }) => memory.load(workspace, name),
    }),
    tool({
      name: "remove_memory",
      description: "Removes one of your notes.",
      input: z.object({ name }),
      effects: "workspace",
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
      execute: async ({ name }, { workspace }) => ({ removed: await memory.remove(workspace, name) }),
    }),
  ];
}
