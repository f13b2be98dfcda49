import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { BackendError, type ErrorInfo, errorInfo } from "../errors.js";
import { type Runtime, systemRuntime } from "../runtime.js";
import type { Backend, ModelInfo } from "./backend.js";
import { backendInfo } from "./capabilities.js";
import { type BackendConfig, createBackend } from "./create-backend.js";
import { accountOf } from "./identity.js";
import { knownModels, modelLimits } from "./model-limits.js";
import { modelsAsOf } from "./model-table.js";
import { untilAborted } from "./until-aborted.js";

/** Whose models to list: the config of a backend, of which `model` may be left out. */
export type ListModelsConfig = { type: BackendConfig["type"]; model?: string } & {
  baseUrl?: string;
  apiKey?: string;
  headers?: Record<string, string>;
  /** Azure's and Anthropic's. */
  apiVersion?: string;
  /** Of `chat_completions`. */
  provider?: string;
  fetch?: typeof globalThis.fetch;
};

export interface ListModelsOptions {
  signal?: AbortSignal;
  /** Leaves out models that are known to take no tools; OpenRouter tells. Default false. */
  toolsOnly?: boolean;
  /** How old a list may be before the provider is asked again, in ms. Default 24 h; 0 asks at once. */
  maxAgeMs?: number;
  /** Also keeps lists in this folder, from process to process; `true`: `~/.cache/massgen`. Default: in memory only. */
  cacheDirectory?: string | true;
  runtime?: Runtime;
}

export interface ModelList {
  models: ModelInfo[];
  /**
   * `live`: from the provider just now; `cache`: from an earlier answer; `stale`: the same, too old, since the provider did not
   * answer; `bundled`: what this version of massgen knows of.
   */
  source: "live" | "cache" | "stale" | "bundled";
  /** When the list was made, in epoch ms. */
  asOf: number;
  /** Why the provider's own list is not here: `stale` and `bundled` only. */
  error?: ErrorInfo;
}

const DAY = 86_400_000;

interface Entry {
  at: number;
  models: ModelInfo[];
}

interface Flight {
  result: Promise<Entry>;
  abort: AbortController;
  waiting: number;
}

const kept = new Map<string, Entry>();
const flights = new Map<string, Flight>();

/**
 * The models that a provider, or a server, serves: asked live with the key, kept for a day for each base URL and key. Where that
 * fails, an older list, else the bundled one; `error` says why. Throws the provider's `BackendError` where there is none of these, a
 * `ConfigError` for a config that cannot work, and the signal's `aborted` error.
 */
export async function listModels(config: ListModelsConfig, options: ListModelsOptions = {}): Promise<ModelList> {
  const { signal, maxAgeMs = DAY, cacheDirectory, toolsOnly = false, runtime = systemRuntime } = options;
  const backend = backendOf(config);
  if (signal?.aborted) throw aborted(config.type, signal);
  const account = JSON.stringify([accountOf(config, backend), config.headers ?? {}]);
  const key = createHash("sha256").update(account).digest("hex");
  const folder = cacheDirectory === true ? join(homedir(), ".cache", "massgen") : cacheDirectory;
  const file = folder === undefined ? undefined : join(folder, `models-${key.slice(0, 32)}.json`);
  const list = await find(backend, { key, file, maxAgeMs, signal, runtime });
  const models = list.models.map((model) => ({ ...modelLimits(backend.type, model.id), ...model }));
  return { ...list, models: toolsOnly ? models.filter(({ tools }) => tools !== false) : models };
}

interface Search {
  key: string;
  file: string | undefined;
  maxAgeMs: number;
  signal: AbortSignal | undefined;
  runtime: Runtime;
}

async function find(backend: Backend, { key, file, maxAgeMs, signal, runtime }: Search): Promise<ModelList> {
  let entry = kept.get(key);
  if (entry === undefined && file !== undefined) {
    entry = await readEntry(file);
    if (entry) kept.set(key, entry);
  }
  if (entry && runtime.now() - entry.at < maxAgeMs) return { models: entry.models, source: "cache", asOf: entry.at };
  try {
    const fresh = await shared(backend, key, runtime, signal);
    // A server that lists nothing may be starting, or answer something else.
    if (fresh.models.length > 0) {
      kept.set(key, fresh);
      if (file !== undefined) await writeEntry(file, fresh);
    }
    return { models: fresh.models, source: "live", asOf: fresh.at };
  } catch (error) {
    if (signal?.aborted) throw aborted(backend.type, signal);
    if (!(error instanceof BackendError)) throw error;
    if (entry) return { models: entry.models, source: "stale", asOf: entry.at, error: errorInfo(error) };
    const models = knownModels(backend.type);
    // A server of one's own serves what it serves.
    if (models.length === 0 || isElsewhere(backend)) throw error;
    return { models, source: "bundled", asOf: Date.parse(modelsAsOf), error: errorInfo(error) };
  }
}

/** One request, however many ask at once; it is given up when all of them have. */
async function shared(backend: Backend, key: string, runtime: Runtime, signal: AbortSignal | undefined): Promise<Entry> {
  let flight = flights.get(key);
  if (!flight) {
    const abort = new AbortController();
    const result = ask(backend, abort.signal, runtime).finally(() => {
      if (flights.get(key)?.abort === abort) flights.delete(key);
    });
    result.catch(() => {});
    flight = { result, abort, waiting: 0 };
    flights.set(key, flight);
  }
  flight.waiting++;
  try {
    return await (signal ? untilAborted(flight.result, signal, () => aborted(backend.type, signal)) : flight.result);
  } finally {
    if (--flight.waiting === 0) {
      flight.abort.abort();
      if (flights.get(key) === flight) flights.delete(key);
    }
  }
}

async function ask(backend: Backend, signal: AbortSignal, runtime: Runtime): Promise<Entry> {
  try {
    const models = await backend.listModels?.({ signal });
    if (!models) throw new BackendError("unsupported", `${backend.type} lists no models.`, { provider: backend.type });
    return { at: runtime.now(), models };
  } finally {
    // Only the backend that asks has opened anything.
    await backend.close?.();
  }
}

function backendOf(config: ListModelsConfig): Backend {
  const info = backendInfo(config.type);
  const model = config.model ?? info?.defaultModel ?? (info?.local ? undefined : "-");
  // No step waits for a list, nor a list for a step.
  const { rateLimits: _, ...own } = config as BackendConfig;
  return createBackend({ ...own, ...(model !== undefined && { model }) } as BackendConfig);
}

/** Whether the backend speaks to another host than its provider's, whoever named it. */
function isElsewhere(backend: Backend): boolean {
  const { baseUrl } = backend as { baseUrl?: string };
  const usual = backendInfo(backend.type)?.baseUrl;
  return baseUrl === undefined || usual === undefined || new URL(baseUrl).host !== new URL(usual).host;
}

function aborted(provider: string, signal: AbortSignal): BackendError {
  return new BackendError("aborted", "Listing the models was aborted.", { provider, cause: signal.reason });
}

/** What the file holds, if it is a list that we wrote. */
async function readEntry(file: string): Promise<Entry | undefined> {
  try {
    const { at, models } = JSON.parse(await readFile(file, "utf8")) as Partial<Entry>;
    const sound = typeof at === "number" && Array.isArray(models) && models.every((model) => typeof model?.id === "string");
    return sound ? { at, models: models as ModelInfo[] } : undefined;
  } catch {
    return undefined; // there is none yet, or it is broken: the provider is asked
  }
}

async function writeEntry(file: string, entry: Entry): Promise<void> {
  const draft = `${file}.${process.pid}`;
  try {
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(draft, JSON.stringify(entry));
    await rename(draft, file);
  } catch {
    // a list that cannot be kept costs a request another time, no more
  }
}
