import { type BackendInfo, backendInfo } from "../backends/capabilities.js";
import { readModels } from "../backends/chat-completions/models.js";
import { normalizeBaseUrl } from "../backends/connection.js";
import type { BackendConfig } from "../backends/create-backend.js";
import { type Preset, type PresetType, presets } from "../backends/presets.js";
import { ConfigError } from "../errors.js";
import type { AgentConfig } from "../orchestrator/options.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** A team and, for the user, where it comes from. */
export interface Team {
  agents: AgentConfig[];
  why: string;
}

const SIZE = 3;

/** Providers with an API of their own, first in the order. */
const native = [
  { type: "openai", modelEnv: "OPENAI_MODEL" },
  { type: "claude", baseUrlEnv: "ANTHROPIC_BASE_URL" },
  { type: "gemini", baseUrlEnv: "GOOGLE_GEMINI_BASE_URL" },
  { type: "grok" },
] as const;

/** The team of `--backend type:model`, given once or more; one alone makes three agents of it. */
export function teamOf(specs: readonly string[]): AgentConfig[] {
  const backends = specs.map((spec) => {
    const colon = spec.indexOf(":");
    const [type, model] = colon === -1 ? [spec, ""] : [spec.slice(0, colon), spec.slice(colon + 1)];
    if (type === "" || colon === spec.length - 1) {
      throw new ConfigError("bad_option", `--backend "${spec}" is not type:model. Write it like groq:openai/gpt-oss-120b, or vllm.`);
    }
    return { type, ...(model !== "" && { model }) } as BackendConfig;
  });
  return named(backends.length === 1 ? Array.from({ length: SIZE }, () => backends[0]!) : backends);
}

function named(backends: readonly BackendConfig[]): AgentConfig[] {
  const types = backends.map(({ type }) => (type === "chatcompletion" ? "openai" : type));
  return backends.map((backend, index) => {
    const type = types[index]!;
    const alone = types.filter((other) => other === type).length === 1;
    return { id: alone ? type : `${type}-${types.slice(0, index + 1).filter((other) => other === type).length}`, backend };
  });
}

/**
 * What the environment offers: providers whose key is set and servers whose address is, those with an API of their own first, then
 * in the order of the presets; else a server that listens on its usual port on this machine.
 */
export async function discoverTeam(env: Environment, signal: AbortSignal): Promise<Team | undefined> {
  const all = Object.entries(presets) as [PresetType, Preset][];
  const named = await Promise.all(
    all.map(([type, preset]) => (preset.keyless ? addressed(type, preset, env, signal) : keyed(type, preset, env))),
  );
  const sources = [...native.flatMap((provider) => ownApi(provider, env) ?? []), ...named.filter((source) => source !== undefined)];
  if (sources.length > 0) return teamFrom(sources);
  const local = await Promise.all(
    all.map(([type, preset]) => (preset.keyless ? listening(type, preset, preset.baseUrl, env, 300, signal) : undefined)),
  );
  return teamFrom(local.filter((source) => source !== undefined));
}

interface Source {
  backend: BackendConfig;
  what: string;
}

function teamFrom(sources: readonly Source[]): Team | undefined {
  if (sources.length === 0) return undefined;
  const used = sources.slice(0, SIZE);
  const backends = Array.from({ length: SIZE }, (_, index) => used[index % used.length]!.backend);
  return { agents: named(backends), why: used.map(({ what }) => what).join("; ") };
}

function ownApi(provider: (typeof native)[number], env: Environment): Source | undefined {
  const { type } = provider;
  const { label, keyEnv, defaultModel } = backendInfo(type) as BackendInfo;
  const key = keyEnv.find((name) => env[name]);
  // Servers that stand in for OpenAI speak chat completions: those are a preset's.
  if (key === undefined || (type === "openai" && env.OPENAI_BASE_URL)) return undefined;
  const model = ("modelEnv" in provider && env[provider.modelEnv]) || defaultModel;
  const where = ("baseUrlEnv" in provider && env[provider.baseUrlEnv]) || label;
  return { backend: { type, model } as BackendConfig, what: `${model} at ${where}, as ${key} is set` };
}

function keyed(type: PresetType, preset: Preset, env: Environment): Source | undefined {
  const key = preset.keyEnv.find((name) => env[name]);
  if (key === undefined) return undefined;
  const elsewhere = preset.baseUrlEnv && env[preset.baseUrlEnv];
  if (type === "chatcompletion" && !elsewhere) return undefined;
  const model = type === "chatcompletion" ? env.OPENAI_MODEL || undefined : backendInfo(type)?.defaultModel;
  const where = elsewhere ? elsewhere : preset.label;
  return {
    backend: { type, ...(model !== undefined && { model }) } as BackendConfig,
    what: `${model ?? "the model it serves"} at ${where}, as ${key} is set`,
  };
}

/** A server whose address is in the environment: it is used, whether it answers in time or not. */
async function addressed(type: PresetType, preset: Preset, env: Environment, signal: AbortSignal): Promise<Source | undefined> {
  const name = preset.baseUrlEnv;
  const given = name && env[name];
  if (!given) return undefined;
  const found = await listening(type, preset, normalizeBaseUrl(given, name), env, 3_000, signal);
  return found
    ? { ...found, what: `${found.what}, as ${name} is set` }
    : { backend: { type } as BackendConfig, what: `${preset.label} at ${given}, as ${name} is set` };
}

async function listening(
  type: PresetType,
  preset: Preset,
  baseUrl: string,
  env: Environment,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Source | undefined> {
  const key = preset.keyEnv.map((name) => env[name]).find(Boolean);
  try {
    const response = await fetch(`${baseUrl}/models`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      ...(key !== undefined && { headers: { authorization: `Bearer ${key}` } }),
    });
    if (!response.ok) {
      await response.body?.cancel();
      return undefined;
    }
    // Servers list what they embed with beside what they talk with.
    const model = readModels(await response.json()).find(({ id }) => !/embed|rerank/i.test(id))?.id;
    return model === undefined
      ? undefined
      : { backend: { type, model, baseUrl } as BackendConfig, what: `${model} on ${preset.label} at ${baseUrl}` };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
