import type { Agent } from "../agent/agent.js";
import { bad, given, knownKeys } from "../option-checks.js";
import type { Tool } from "../tools/tool.js";

/**
 * Until the answer is presented, calls of tools whose effects end outside the workspace are only noted: the model hears that
 * nothing was done, and is asked to describe the call in its answer. The presenter can make it.
 */
export interface PlanningModeOptions {
  /** Names of tools to hold back, whatever is known of them; a `*` at the end stands for any ending. */
  block?: string[];
  /** Names of tools that are never held back. */
  allow?: string[];
  /**
   * Asks a model first whether the task may change anything outside for good, and by which tools: if not, nothing but `block` is
   * held back; if so, the tools it names, or all that are not harmless. Without a usable reply, these too. `true` asks
   * the first agent's model. Default false: no model is asked.
   */
  judge?: boolean | { agentId: string };
}

/** Checked, with the defaults filled in. */
export interface PlanningMode {
  block: readonly string[];
  allow: readonly string[];
  /** Index of the agent whose model judges the task. */
  judge: number | undefined;
}

/** What has been found out of a task, by the names of the tools that were `known` then. */
export type Judgement = { known: readonly string[] } & ({ irreversible: false } | { irreversible: true; tools: readonly string[] });

export function resolvePlanningMode(mode: boolean | PlanningModeOptions | undefined, agents: readonly Agent[]): PlanningMode | undefined {
  if (mode === undefined || mode === false) return undefined;
  const options = mode === true ? {} : given("planningMode", mode);
  knownKeys(options, ["block", "allow", "judge"], "planningMode");
  const { block = [], allow = [], judge = false } = options;
  for (const [key, names] of Object.entries({ block, allow })) {
    if (!Array.isArray(names) || names.some((name) => typeof name !== "string" || name === ""))
      throw bad(`planningMode.${key}`, "must be a list of names of tools");
  }
  const both = block.find((name) => allow.includes(name));
  if (both !== undefined) throw bad("planningMode", `"${both}" is in both \`block\` and \`allow\`; keep it in one of them`);
  return { block, allow, judge: judgeOf(judge, agents) };
}

function judgeOf(judge: NonNullable<PlanningModeOptions["judge"]>, agents: readonly Agent[]): number | undefined {
  if (typeof judge === "boolean") return judge ? 0 : undefined;
  knownKeys(given("planningMode.judge", judge), ["agentId"], "planningMode.judge");
  const index = agents.findIndex(({ id }) => id === judge.agentId);
  if (index >= 0) return index;
  throw bad("planningMode.judge.agentId", `no agent has the id "${judge.agentId}"; there are ${agents.map(({ id }) => id).join(", ")}`);
}

/** Whether a tool changes nothing, or nothing outside the agent's workspace. Of a tool that says nothing, nothing is known. */
export function isHarmless({ effects, annotations }: Tool): boolean {
  return effects === undefined ? annotations?.readOnlyHint === true : effects !== "outside";
}

/** Whether calls of the tool are only noted before the answer is presented. */
export function isHeldBack(tool: Tool, { block, allow }: PlanningMode, judgement: Judgement | undefined): boolean {
  if (matches(tool.name, block)) return true;
  if (matches(tool.name, allow)) return false;
  // Of a tool that has come since, nothing was judged.
  if (judgement === undefined || !judgement.known.includes(tool.name)) return !isHarmless(tool);
  if (!judgement.irreversible) return false;
  return judgement.tools.length > 0 ? judgement.tools.includes(tool.name) : !isHarmless(tool);
}

/** Whether a run has to look at its tools before its first turn: to have the task judged, or for names that none of them has. */
export const needsTools = ({ block, allow, judge }: PlanningMode): boolean => judge !== undefined || block.length + allow.length > 0;

export function matches(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
}

/** The tool as a model reads it while calls of it are only noted. */
export function heldBack(tool: Tool): Tool {
  const note =
    "NOT DONE FOR NOW: this acts outside your workspace. While the team is still deciding, a call is only noted, nothing happens and there is no result. " +
    "Describe in your answer which call should be made, with which arguments; whoever presents the final answer can make it.";
  return { ...tool, description: tool.description === "" ? note : `${tool.description}\n\n${note}` };
}
