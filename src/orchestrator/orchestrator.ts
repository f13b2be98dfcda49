import type { Agent } from "../agent/agent.js";
import type { ModelSettings } from "../backends/backend.js";
import { ConfigError } from "../errors.js";
import type { Message, ToolChoice } from "../formatter/messages.js";
import { RESERVED_TOOL_NAMES, type Tool } from "../tools/tool.js";
import { type OrchestratorOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { taskOf } from "./prompts/compose.js";
import { Run } from "./run.js";

export interface RunOptions {
  /** Aborts the run, down to every socket. */
  signal?: AbortSignal;
  /** Tools for this run. Those without `execute` belong to you: only the presenter calls them, and you answer its `input-request`. */
  tools?: Tool[];
  /** For the presentation. */
  toolChoice?: ToolChoice;
  /** Override the agents' own. `maxOutputTokens`, `stop` and `responseFormat` apply to the presentation alone. */
  settings?: ModelSettings;
  /** Handed to every tool as it is. */
  context?: unknown;
}

/** A team of agents. Every `run` is isolated from every other. */
export class Orchestrator implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #running = new Set<Run>();
  #closed = false;

  /** Throws a `ConfigError` that names the option at fault. */
  constructor(options: OrchestratorOptions) {
    this.#options = resolveOptions(options);
  }

  get agents(): readonly Agent[] {
    return this.#options.agents;
  }

  /** Starts a run, on the next microtask. `input` is a text, or a conversation that ends with a user message. */
  run(input: string | Message[], options: RunOptions = {}): Run {
    if (this.#closed) throw new ConfigError("closed", "run(): this orchestrator is closed; make a new one");
    const { signal, tools = [], toolChoice, settings, context } = options;
    for (const { name } of tools) {
      if (RESERVED_TOOL_NAMES.includes(name)) {
        throw new ConfigError("reserved_tool", `run(): "${name}" is one of massgen's own tools; give yours another name`, {
          path: "tools",
        });
      }
    }
    for (const agent of this.#options.agents) {
      const taken = tools.find(({ name }) => agent.tools.some((own) => own.name === name));
      if (taken === undefined) continue;
      const problem = `run(): agent "${agent.id}" has a tool named "${taken.name}" of its own; rename one of them`;
      throw new ConfigError("duplicate_tool", problem, { path: "tools" });
    }
    const runId = this.#options.runtime.newId("run");
    const run = new Run(this.#options, { runId, task: taskOf(input), tools, toolChoice, settings, context }, signal);
    this.#running.add(run);
    const forget = () => this.#running.delete(run);
    run.result.then(forget, forget);
    return run;
  }

  /** Aborts what still runs and closes the backends that were made from configs. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const run of this.#running) run.abort("the orchestrator was closed");
    await Promise.all(this.#options.ownBackends.map((backend) => backend.close?.()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
