import type { Runtime } from "../runtime.js";
import type { Tool, ToolContext } from "./tool.js";

/**
 * Something that gives agents tools and has to be opened and closed: MCP servers, workspaces, memory. One toolkit may serve
 * several agents and any number of runs at once; what runs share lives in it, what belongs to one run in its `RunToolkit`.
 */
export interface Toolkit {
  /** Names it in errors. */
  readonly name: string;
  /** Called before a run's first turn, once for all agents that have this toolkit. What it throws ends the run. */
  open(run: ToolkitRun): Promise<RunToolkit>;
  /** Closes what its runs shared. Called when the orchestrator is closed, and by whoever made the toolkit. */
  close?(): Promise<void>;
}

/** The run a toolkit is opened for. */
export interface ToolkitRun {
  runId: string;
  /** The agents that have this toolkit. `alias` is the only name a model may read. */
  agents: readonly { agentId: string; alias: string }[];
  /** Aborted when the run is over. */
  signal: AbortSignal;
  runtime: Runtime;
  /** Tells the caller of the run, as a `warning` event. */
  warn(warning: { code: string; message: string; agentId?: string }): void;
  /** Puts a question to the caller of the run and waits for `run.respond`; `undefined`: no answer came in time. */
  ask(question: { agentId?: string; message: string; schema?: unknown }, signal: AbortSignal): Promise<unknown>;
}

/** One turn of an agent, as a toolkit sees it. */
export interface ToolTurn {
  readonly agentId: string;
  readonly turnId: string;
  readonly phase: "draft" | "evaluate" | "present" | "review";
  /** Labels of the answers it may read (`agent2.1`); grows when news are delivered. */
  readonly labels: readonly string[];
}

/** What became of a check: nothing, or other arguments for the call. */
export type CheckedCall = { input: unknown } | undefined;

export interface RunToolkit {
  /** The tools of a turn, asked once when it starts. Names must be unique among all tools of the agent. */
  tools(turn: ToolTurn): readonly Tool[];
  /** Goes at the end of the agent's system message: what it has to know about these tools. The same in every turn. */
  instructions?(agentId: string): string | undefined;
  /**
   * Goes at the end of a turn's user message, e.g. where the files of the answers are. Asked once, when the turn starts.
   * `context` is what all toolkits' `context` gave for the turn.
   */
  note?(turn: ToolTurn, context: Pick<ToolContext, "workspace">): string | undefined | Promise<string | undefined>;
  /** Goes at the end of the message that brings a running turn new answers; `turn.labels` has them already. */
  newsNote?(turn: ToolTurn): string | undefined;
  /** What every tool call of the turn is told besides, whoever provides the tool. */
  context?(turn: ToolTurn): Pick<ToolContext, "workspace" | "saveFile">;
  /**
   * Asked before every call of any tool of the turn, its own included, and again when a call that had to be approved is made.
   * Throws a `MassGenError` that says why the call is refused; may return the arguments it is to be made with instead.
   */
  check?(call: { tool: Tool; input: unknown }, turn: ToolTurn): CheckedCall | Promise<CheckedCall>;
  /**
   * An agent hands in something that may become its answer (or has presented the final one): keep what belongs to it. The
   * returned function is called once: with the label if it became an answer, before the `answer` event; with the label of the
   * voted answer if it is the presentation of that (`turn.phase` is `present`), whose own files stay as they are; else with
   * `undefined`. It must not throw. If `handIn` itself throws a `MassGenError`, the answer is not accepted, and the model reads the
   * message and may try again (a presentation fails); if it throws anything else, the turn fails.
   */
  handIn?(turn: ToolTurn, signal: AbortSignal): Promise<(label: string | undefined) => void>;
  /** What is left of the run for its result, asked when it has finished well. */
  result?(winner: { agentId: string; label: string }): Promise<{ workspace?: string }>;
  /** Ends everything that belongs to the run. Called once, whatever happened. */
  close(): Promise<void>;
}
