import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import type { BackendConfig } from "../backends/create-backend.js";
import { ConfigError } from "../errors.js";
import type { AgentConfig, OrchestratorOptions } from "../orchestrator/options.js";

/** What a config file describes, ready for `new Orchestrator(…)`. */
export interface LoadedConfig extends OrchestratorOptions {
  agents: AgentConfig[];
}

export interface ParseOptions {
  /** Names the file in messages. */
  path?: string;
  /** Where `${NAME}` is looked up. Default `process.env`. */
  env?: Readonly<Record<string, string | undefined>>;
}

interface AgentEntry {
  id: string;
  system_message?: string;
  backend: Record<string, unknown>;
}

/** Reads a YAML or JSON file. */
export async function loadConfig(path: string): Promise<LoadedConfig> {
  return parseConfig(await readFile(path, "utf8"), { path });
}

/** Reads YAML or JSON. */
export function parseConfig(text: string, options: ParseOptions = {}): LoadedConfig {
  const data = parse(text) as { agents?: AgentEntry[]; agent?: AgentEntry } | null;
  const agents = data?.agents ?? (data?.agent && [data.agent]);
  if (!agents) throw new ConfigError("invalid_config", `${options.path ?? "The config"}: \`agents\` is missing.`, { path: "agents" });
  return {
    agents: agents.map(({ id, system_message, backend }) => ({
      id,
      ...(system_message && { systemMessage: system_message }),
      backend: backendOf(backend),
    })),
  };
}

function backendOf({ type, model, base_url, api_key, provider, ...params }: Record<string, unknown>): BackendConfig {
  const given = { type, model, baseUrl: base_url, apiKey: api_key, provider, params };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as BackendConfig;
}
