import { MassGenError } from "../../errors.js";
import { readWorkspaceFile, writeWorkspaceFile } from "../workspace-files.js";
import { emptyPlan, type TaskPlan } from "./plan.js";
import { parsePlan, planText } from "./plan-file.js";

const PLAN_FILE = "tasks/plan.json";
const MAX_FILE_BYTES = 1_000_000;

/** One agent's plan over one run, in memory and, where there is a workspace, in a file there. */
export interface AgentPlan {
  read(workspace: string | undefined): Promise<TaskPlan>;
  /** Calls made at the same time are carried out one after the other. What `step` throws changes nothing. */
  change<T extends object>(
    workspace: string | undefined,
    step: (plan: TaskPlan) => { next: TaskPlan; result: T },
  ): Promise<T & { file?: string; warning?: string }>;
  /** Resolves when nothing is being written. */
  settled(): Promise<void>;
}

export function openAgentPlan(maxTasks: number, file: boolean): AgentPlan {
  let plan = emptyPlan;
  let looked = false;
  /** Why the file is left alone. */
  let foreign: string | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => {}); // told to whoever called
    return result;
  }

  /** Takes over a plan that was in the workspace before the run. */
  async function look(workspace: string): Promise<void> {
    if (looked) return;
    looked = true;
    try {
      const text = await readWorkspaceFile(workspace, PLAN_FILE, MAX_FILE_BYTES);
      if (text !== undefined) plan = parsePlan(text, maxTasks);
    } catch (error) {
      foreign = `${PLAN_FILE} was there before and is left as it is, for it is no plan to go on with: ${messageOf(error)} The plan is kept without a file.`;
    }
  }

  async function write(workspace: string): Promise<{ file?: string; warning?: string }> {
    if (foreign !== undefined) return { warning: foreign };
    try {
      await writeWorkspaceFile(workspace, PLAN_FILE, planText(plan));
      return { file: PLAN_FILE };
    } catch (error) {
      return { warning: `The plan is kept, but ${PLAN_FILE} could not be written: ${messageOf(error)}` };
    }
  }

  return {
    read: (workspace) =>
      inTurn(async () => {
        if (file && workspace !== undefined) await look(workspace);
        return plan;
      }),
    change: (workspace, step) =>
      inTurn(async () => {
        if (file && workspace !== undefined) await look(workspace);
        const { next, result } = step(plan);
        plan = next;
        return { ...result, ...(file && workspace !== undefined && (await write(workspace))) };
      }),
    async settled() {
      await last;
    },
  };
}

const messageOf = (error: unknown) => (error instanceof MassGenError || error instanceof Error ? error.message : String(error));
