import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MassGenError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { Tool } from "../tools/tool.js";
import type { ToolkitRun, ToolTurn } from "../tools/toolkit.js";
import type { FileAccess } from "./access.js";
import { type CommandTools, commandTools } from "./commands/command-tools.js";
import { closeDirectory, openBelow } from "./directories.js";
import type { WorkspaceSettings } from "./options.js";
import { randomName } from "./run-directories.js";
import { createSeenFiles, markSeen } from "./seen-files.js";
import { fileTools } from "./tools/index.js";
import { readable, replaceIn } from "./write-file.js";

/** One agent of a run, with its workspace. */
export interface AgentFiles {
  /** Real. */
  workspace: string;
  /** Its tools from now on work for this turn; those of the turn before are refused. */
  begin(turn: ToolTurn): readonly Tool[];
  /** Keeps something in the workspace, where no snapshot takes it along. Returns its path for the model. */
  saveFile(name: string, data: string | Uint8Array): Promise<string>;
  /** Ends what commands left running. */
  stopJobs(): Promise<void>;
  close(): Promise<void>;
}

const SAVED = [".massgen", "outputs"];

/** @param directory the run's; the workspace gets a name in it that tells nothing */
export async function createAgentFiles(
  directory: string,
  settings: WorkspaceSettings,
  accessOf: (workspace: string, turn: ToolTurn) => FileAccess,
  environment: { runtime: Runtime; warn: ToolkitRun["warn"]; agentId: string },
): Promise<AgentFiles> {
  const { runtime, warn, agentId } = environment;
  const workspace = join(directory, randomName(), "workspace");
  await mkdir(workspace, { recursive: true });
  const seen = createSeenFiles(settings.readBeforeWrite);
  let turn: ToolTurn | undefined;
  let saved = 0;
  /** The end of the jobs of the turn before. */
  let quiet: Promise<void> = Promise.resolve();

  const access = () => {
    if (turn === undefined) throw new Error("No turn has begun.");
    return accessOf(workspace, turn);
  };
  const commands: CommandTools | undefined =
    settings.commands && (await commandTools(access, settings.commands, { runtime, warn: (warning) => warn({ ...warning, agentId }) }));
  const ofFiles = fileTools({ access, seen, maxFileBytes: settings.maxFileBytes, exclude: settings.exclude });
  const tools = [...ofFiles, ...(commands?.tools ?? [])].map((tool): Tool => {
    const { execute } = tool;
    if (execute === undefined) return tool;
    return {
      ...tool,
      async execute(input, context) {
        await quiet;
        // What this turn may touch need not be what that one might.
        if (context.turnId !== turn?.turnId) throw new MassGenError("turn_over", `The turn in which "${tool.name}" was called is over.`);
        return execute(input, context);
      },
    };
  });

  return {
    workspace,
    begin(next) {
      if (turn !== undefined && commands !== undefined) {
        quiet = commands.stopJobs().catch((error: unknown) => {
          warn({ code: "jobs_not_stopped", message: `Background jobs could not be stopped: ${String(error)}`, agentId });
        });
      }
      turn = next;
      return tools;
    },
    async saveFile(name, data) {
      const plain = name
        .replace(/[^A-Za-z0-9._-]+/g, "_")
        .replace(/^\.+/, "")
        .slice(-80);
      const file = `${++saved}-${plain === "" ? "output" : plain}`;
      const path = [...SAVED, file].join("/");
      try {
        const folder = await openBelow(workspace, SAVED, true);
        try {
          const stat = await replaceIn(
            folder,
            file,
            (handle) => handle.writeFile(data),
            () => {},
          );
          markSeen(seen, join(workspace, ...SAVED, file), stat);
        } finally {
          await closeDirectory(folder);
        }
      } catch (error) {
        throw readable(error, path);
      }
      return path;
    },
    stopJobs: async () => commands?.stopJobs(),
    close: async () => commands?.close(),
  };
}
