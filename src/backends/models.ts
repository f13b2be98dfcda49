import type { ListModelsConfig, ListModelsOptions, ModelList } from "./list-models.js";

export type { ListModelsConfig, ListModelsOptions, ModelList };

/**
 * The models that a provider, or a server, serves: asked live with the key, kept for a day for each base URL and key. Where that
 * fails, an older list, else the bundled one; `error` says why. Throws the provider's `BackendError` where there is none of these, a
 * `ConfigError` for a config that cannot work, and the signal's `aborted` error.
 */
export async function listModels(config: ListModelsConfig, options: ListModelsOptions = {}): Promise<ModelList> {
  // Loaded when first asked for: a run needs nothing of it.
  const lists = await import("./list-models.js");
  return lists.listModels(config, options);
}
