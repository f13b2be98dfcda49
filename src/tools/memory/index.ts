import { ConfigError } from "../../errors.js";
import type { RunToolkit, Toolkit } from "../toolkit.js";
import { type AgentMemory, type MemoryLimits, openAgentMemory } from "./agent-memory.js";
import { memoryTools } from "./tools.js";

export interface MemoryOptions {
  /** Characters of one note. Default 10,000. */
  maxNoteChars?: number;
  /** Characters of all short-term notes of an agent, which go into every prompt of its. Default 20,000. */
  maxShortTermChars?: number;
  /** Notes of one agent. Default 100. */
  maxNotes?: number;
}

const DEFAULTS: MemoryLimits = { maxNoteChars: 10_000, maxShortTermChars: 20_000, maxNotes: 100 };

/**
 * Lets every agent keep notes of its own in its workspace, as Markdown in `memory/short_term` and `memory/long_term`, or for
 * the time of the run where it has no workspace. Short-term notes are part of its later prompts, long-term ones are listed
 * there and read with a tool.
 * @throws ConfigError `bad_option` for a limit that is not a whole number of at least 1.
 */
export function createMemory(options: MemoryOptions = {}): Toolkit {
  const limits = { ...DEFAULTS };
  for (const key of Object.keys(DEFAULTS) as (keyof MemoryLimits)[]) {
    const value = options[key];
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < 1) {
      throw new ConfigError("bad_option", `${key} must be a whole number of at least 1, not ${String(value)}.`, { path: key });
    }
    limits[key] = value;
  }
  return {
    name: "memory",
    async open(run): Promise<RunToolkit> {
      const memories = new Map<string, AgentMemory>(run.agents.map(({ agentId }) => [agentId, openAgentMemory(limits)]));
      return {
        tools({ agentId }) {
          const memory = memories.get(agentId);
          return memory === undefined ? [] : memoryTools(memory);
        },
        instructions: () => INSTRUCTIONS,
        async note({ agentId }, { workspace }) {
          try {
            return await memories.get(agentId)?.recall(workspace);
          } catch (error) {
            const why = error instanceof Error ? error.message : String(error);
            run.warn({ code: "memory_unreadable", message: `The notes of agent "${agentId}" could not be read: ${why}`, agentId });
            return "Your notes could not be read in this turn.";
          }
        },
        async close() {
          await Promise.all([...memories.values()].map((memory) => memory.settled()));
        },
      };
    },
  };
}

const INSTRUCTIONS = [
  "# Notes",
  "You remember nothing of one turn in the next, but what you save with save_memory. Save what you would have to find out again: as short_term what you need in every turn (it is shown to you each time), as long_term what you may need some time (you see its name and description, and read it with load_memory). Keep notes few and true: save again what has changed, remove_memory what is no longer so.",
  "Where you have a workspace, notes are files in memory/short_term and memory/long_term; whoever reads the files of your answer can read them.",
].join("\n");
