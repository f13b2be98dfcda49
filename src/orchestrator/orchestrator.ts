import type { Agent } from "../agent/agent.js";
import { ConfigError } from "../errors.js";
import type { Message } from "../formatter/messages.js";
import type { RecordOptions } from "../run-record/options.js";
import type { Telemetry } from "../telemetry/telemetry.js";
import { checkRunOptions, type OrchestratorOptions, type ResolvedOptions, type RunOptions, resolveOptions } from "./options.js";
import { taskOf } from "./prompts/compose.js";
import { Run } from "./run.js";

/** A team of agents. Every `run` is isolated from every other. */
export class Orchestrator implements AsyncDisposable {
  readonly #given: OrchestratorOptions;
  #options: ResolvedOptions;
  /** Its agents by themselves. */
  readonly #alone = new Map<string, Orchestrator>();
  readonly #running = new Set<Run>();
  readonly #forget = (run: Run): void => {
    this.#running.delete(run);
  };
  /** Runs that are being written down. */
  readonly #recording = new Set<Promise<void>>();
  /** Loaded with the first run, where it is on. */
  #telemetry: Promise<Telemetry> | undefined;
  #closed = false;

  /** Throws a `ConfigError` that names the option at fault. */
  constructor(options: OrchestratorOptions) {
    this.#given = options;
    this.#options = resolveOptions(options);
  }

  get agents(): readonly Agent[] {
    return this.#options.agents;
  }

  /** Whether a result may be sent back: its text counts only once it is accepted. */
  get reviews(): boolean {
    return this.#options.core.maxRestarts > 0;
  }

  /**
   * Whether an agent has a tool of this name, or a toolkit may give it one. Of toolkits that are not massgen's own nothing is known
   * before they are opened: they may give any.
   */
  mayHaveTool(name: string): boolean {
    const { agents, toolkits } = this.#options;
    return agents.some(({ tools }) => tools.some((tool) => tool.name === name)) || toolkits?.mayOffer(name) === true;
  }

  /**
   * One of its agents by itself, which answers without coordination: with its backend, the tools it has in this team, and this
   * team's limits, budget and prices. The same object for the same agent; it is closed with this one.
   * @throws ConfigError for an agent that does not exist.
   */
  alone(agentId: string): Orchestrator {
    const before = this.#alone.get(agentId);
    if (before !== undefined) return before;
    const index = this.agents.findIndex(({ id }) => id === agentId);
    const agent = this.agents[index];
    if (agent === undefined) throw new ConfigError("unknown_agent", `alone(): no agent has the id "${agentId}"`);
    const options: OrchestratorOptions = { ...this.#given, agents: [agent], draftQuorum: 1, reviewer: agentId, maxRestarts: 0 };
    const alone = new Orchestrator({ ...options, planningMode: false, logging: false, tracing: false });
    // A filter of the log may name any agent of the team, and every key of the team is kept out of it.
    const { telemetry } = this.#options;
    alone.#options = { ...alone.#options, telemetry, toolkits: this.#options.toolkits?.alone(index) };
    this.#alone.set(agentId, alone);
    return alone;
  }

  /**
   * Starts a run, on the next microtask. `input` is a text, or a conversation that ends with a user message; with one agent
   * it may also end with the results of its tool calls.
   */
  run(input: string | Message[], options: RunOptions = {}): Run {
    if (this.#closed) throw new ConfigError("closed", "run(): this orchestrator is closed; make a new one");
    checkRunOptions(options, this.agents);
    const { signal, system, tools = [], toolChoice, settings, context, trace } = options;
    const runId = this.#options.runtime.newId("run");
    const { telemetry: plan } = this.#options;
    if (plan !== undefined) this.#telemetry ??= import("../telemetry/telemetry.js").then(({ startTelemetry }) => startTelemetry(plan));
    const task = taskOf(input, this.agents.length === 1);
    const spec = { runId, task, system, tools, toolChoice, settings, context, trace, telemetry: this.#telemetry };
    const run = new Run(this.#options, spec, signal, this.#forget);
    this.#running.add(run);
    if (this.#options.record !== undefined) this.#record(run, this.#options.record);
    return run;
  }

  #record(run: Run, options: RecordOptions): void {
    const written = import("../run-record/record-run.js")
      .then(({ recordRun }) => recordRun(run, options).done)
      .catch((error: unknown) => process.emitWarning(`Run ${run.runId} is not recorded: ${String(error)}`, { code: "MASSGEN_RECORD" }))
      .finally(() => this.#recording.delete(written));
    this.#recording.add(written);
  }

  /**
   * Aborts what still runs, closes what was made from configs (backends, workspaces, MCP servers; toolkits given to it stay open), and
   * waits until records and logs are written.
   */
  async close(): Promise<void> {
    this.#closed = true;
    const { ownBackends, toolkits } = this.#options;
    const alone = Promise.all([...this.#alone.values()].map((each) => each.close()));
    const running = [...this.#running];
    for (const run of running) run.abort("the orchestrator was closed");
    const backends = Promise.all(ownBackends.map((backend) => backend.close?.()));
    if (toolkits !== undefined || this.#telemetry !== undefined) await Promise.allSettled(running.map(({ result }) => result));
    await alone; // its runs use the same toolkits
    await Promise.all([backends, toolkits?.close(), ...this.#recording]);
    // What could not be loaded has failed every run already.
    const telemetry = await this.#telemetry?.catch(() => undefined);
    await telemetry?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
