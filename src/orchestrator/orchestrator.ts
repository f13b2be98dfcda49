import type { Agent } from "../agent/agent.js";

import { ConfigError } from "../errors.js";
import type { Message } from "../formatter/messages.js";
import { checkRunOptions, type OrchestratorOptions, type ResolvedOptions, type RunOptions, resolveOptions } from "./options.js";
import { taskOf } from "./prompts/compose.js";
import { Run } from "./run.js";

/** A team of agents. Every `run` is isolated from every other. */
export class Orchestrator implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #running = new Set<Run>();
  readonly #forget = (run: Run): void => {
    this.#running.delete(run);
  };
  #closed = false;

  /** Throws a `ConfigError` that names the option at fault. */
  constructor(options: OrchestratorOptions) {
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
   * Starts a run, on the next microtask. `input` is a text, or a conversation that ends with a user message; with one agent
   * it may also end with the results of its tool calls.
   */
  run(input: string | Message[], options: RunOptions = {}): Run {
    if (this.#closed) throw new ConfigError("closed", "run(): this orchestrator is closed; make a new one");
    checkRunOptions(options, this.agents);
    const { signal, system, tools = [], toolChoice, settings, context, trace } = options;
    const runId = this.#options.runtime.newId("run");
    const run = new Run(
      this.#options,
      { runId, task: taskOf(input, this.agents.length === 1), system, tools, toolChoice, settings, context, trace },
      signal,
      this.#forget,
    );
    this.#running.add(run);
    return run;
  }

  /** Aborts what still runs and closes what was made from configs: backends, workspaces, MCP servers. Toolkits given to it stay open. */
  async close(): Promise<void> {
    this.#closed = true;
    const { ownBackends, toolkits } = this.#options;
    const running = [...this.#running];
    for (const run of running) run.abort("the orchestrator was closed");
    const backends = Promise.all(ownBackends.map((backend) => backend.close?.()));
    if (toolkits !== undefined) {
      await Promise.allSettled(running.map(({ result }) => result));
      await Promise.all([backends, toolkits.close()]);
    }
    await backends;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
