import type { Toolkit } from "../../tools/toolkit.js";

/** A toolkit and the agents that have it, by index. */
export interface Kit {
  toolkit: Toolkit;
  agents: number[];
}

/** A toolkit to be made when a run first needs it. */
export interface KitOrder {
  agents: number[];
  make(): Toolkit | Promise<Toolkit>;
  /** Whether the orchestrator made it, and so closes it. */
  own: boolean;
}

/** The tools of massgen's own toolkits, known without loading them. */
const OURS =
  /^(mcp__.*|(read|write|edit|copy|move|delete|compare)_files?|list_directory|glob|grep|execute_command|(start|stop)_job|job_output|list_jobs|(add|edit|delete)_task|(create|get)_task_plan|update_task_status|get_(ready|blocked)_tasks|(save|load|remove)_memory)$/;

/** What a run is told of the toolkits it may use. */
export type RunnableToolkits = Pick<TeamToolkits, "has" | "mayOffer" | "kits" | "close" | "alone">;

/** The toolkits of a team, shared by its runs. */
export class TeamToolkits {
  readonly #orders: readonly KitOrder[];
  #made: Promise<Kit[]> | undefined;

  constructor(orders: readonly KitOrder[]) {
    this.#orders = orders;
  }

  has(agent: number): boolean {
    return this.#orders.some(({ agents }) => agents.includes(agent));
  }

  /** Whether a toolkit may have a tool of this name. Of those given by the user nothing is known before they are opened. */
  mayOffer(name: string): boolean {
    return OURS.test(name) || this.#orders.some(({ own }) => !own);
  }

  /** Those of one agent, for runs of its own. They stay the team's: closing them does nothing. */
  alone(agent: number): RunnableToolkits | undefined {
    if (!this.has(agent)) return undefined;
    const alone: RunnableToolkits = {
      has: () => true,
      mayOffer: (name) => this.mayOffer(name),
      kits: async () => (await this.kits()).filter(({ agents }) => agents.includes(agent)).map(({ toolkit }) => ({ toolkit, agents: [0] })),
      close: async () => {},
      alone: () => alone,
    };
    return alone;
  }

  /** Makes what has not been made. What cannot be made is tried again by the next run. */
  kits(): Promise<Kit[]> {
    this.#made ??= this.#make().catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    return this.#made;
  }

  async #make(): Promise<Kit[]> {
    const kits = new Map<Toolkit, number[]>();
    const made = await Promise.allSettled(this.#orders.map(({ make }) => Promise.resolve().then(make)));
    const failed = made.find((each) => each.status === "rejected");
    for (const [index, each] of made.entries()) {
      const { agents, own } = this.#orders[index]!;
      if (each.status === "rejected") continue;
      if (failed !== undefined) {
        if (own) await each.value.close?.();
        continue;
      }
      // One toolkit given in several places is opened once, for all who have it.
      const before = kits.get(each.value) ?? [];
      kits.set(
        each.value,
        [...new Set([...before, ...agents])].sort((a, b) => a - b),
      );
    }
    if (failed !== undefined) throw failed.reason;
    return [...kits].map(([toolkit, agents]) => ({ toolkit, agents }));
  }

  /** Closes the toolkits that were made here. Throws what closing them threw. */
  async close(): Promise<void> {
    const kits = await this.#made?.catch(() => undefined);
    this.#made = undefined;
    if (kits === undefined) return;
    const toolkits = kits.map(({ toolkit }) => toolkit);
    const given = new Set(await Promise.all(this.#orders.filter(({ own }) => !own).map(({ make }) => make())));
    await Promise.all(toolkits.filter((toolkit) => !given.has(toolkit)).map((toolkit) => toolkit.close?.()));
  }
}
