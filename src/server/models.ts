import { ConfigError } from "../errors.js";
import type { Orchestrator } from "../orchestrator/orchestrator.js";
import { HttpError } from "./http-error.js";

/** A name that clients may ask for. */
export interface ServedModel {
  id: string;
  /** The team; of one agent, where the model is a single agent. */
  orchestrator: Orchestrator;
  /** Each agent of the team by itself, in registration order. */
  singles: readonly Orchestrator[];
}

/** The names clients may ask for, fixed when the server starts: a client can never name a file. */
export class ModelTable {
  readonly #models = new Map<string, ServedModel>();
  readonly #aliases = new Map<string, ServedModel>();
  readonly #listed: string[] = [];

  constructor(teams: Readonly<Record<string, Orchestrator>>) {
    const names = Object.keys(teams);
    if (names.length === 0) throw new ConfigError("no_models", "models: give at least one, { name: orchestrator }.", { path: "models" });
    for (const name of names) {
      const id = slug(name);
      const orchestrator = teams[name]!;
      const singles = orchestrator.agents.map(({ id: agentId }) => orchestrator.alone(agentId));
      this.#add(id, { id, orchestrator, singles }, [name, `massgen/${name}`]);
    }
    const [first] = this.#models.values();
    if (!this.#models.has("massgen")) this.#aliases.set("massgen", first!);
    for (const team of [...this.#models.values()]) {
      for (const [i, agent] of team.orchestrator.agents.entries()) {
        const orchestrator = team.singles[i]!;
        const id = `${team === first ? "massgen" : team.id}-agent-${slug(agent.id)}`;
        this.#add(id, { id, orchestrator, singles: [orchestrator] }, []);
      }
    }
  }

  #add(id: string, model: ServedModel, aliases: string[]): void {
    if (this.#models.has(id)) {
      throw new ConfigError("duplicate_model", `models: two of them would be called "${id}". Rename one.`, { path: "models" });
    }
    this.#models.set(id, model);
    this.#listed.push(id);
    for (const alias of aliases) if (!this.#models.has(alias)) this.#aliases.set(alias, model);
  }

  /** @throws HttpError 404 that lists the names there are. */
  find(name: string): ServedModel {
    const model = this.#models.get(name) ?? this.#aliases.get(name);
    if (model !== undefined) return model;
    const message = `There is no model ${JSON.stringify(name.slice(0, 100))}. There are: ${this.#listed.join(", ")}.`;
    throw new HttpError(404, message, { param: "model", code: "model_not_found" });
  }

  get ids(): readonly string[] {
    return this.#listed;
  }
}

/** Some clients take what stands before a `/` for a provider. */
function slug(name: string): string {
  return name.trim().replace(/[^\w.-]+/g, "-");
}
