import { type BackendConfig, backendTypes, createBackend } from "../backends/create-backend.js";
import { isPresetType, type Preset, presets } from "../backends/presets.js";
import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import type { Path, Problem } from "./problems.js";
import { type BackendEntry, backendSchema } from "./schema.js";
import { knownElsewhere, laterTypes, partOf } from "./vocabulary.js";

/** How massgen's own keys are spelled in options. */
const spelling: Readonly<Record<string, string>> = {
  base_url: "baseUrl",
  api_key: "apiKey",
  inline_thinking: "inlineThinking",
  long_waits: "longWaits",
  rate_limits: "rateLimits",
  requests_per_minute: "requestsPerMinute",
  tokens_per_minute: "tokensPerMinute",
};
const fileSpelling = Object.fromEntries(Object.entries(spelling).map(([file, option]) => [option, file]));

function split(entry: BackendEntry): { own: Record<string, unknown>; params: Record<string, unknown> } {
  const own: Record<string, unknown> = {};
  const params: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entry)) {
    if (value === undefined) continue;
    if (key in backendSchema.shape) own[spelling[key] ?? key] = key === "rate_limits" ? respelled(value as object) : value;
    else params[key] = value;
  }
  return { own, params };
}

const respelled = (given: object) => Object.fromEntries(Object.entries(given).map(([key, value]) => [spelling[key] ?? key, value]));

/** The options of one backend. */
export function backendConfig(entry: BackendEntry): BackendConfig {
  const { own, params } = split(entry);
  return { ...own, ...(Object.keys(params).length > 0 && { params }) } as unknown as BackendConfig;
}

/** What is wrong with one backend beyond its shape. */
export function backendProblems(entry: BackendEntry, path: Path): Problem[] {
  const problems: Problem[] = [];
  const { own, params } = split(entry);
  const typeProblem = checkType(entry.type);
  if (typeProblem !== undefined) {
    return [{ path: [...path, "type"], message: typeProblem }];
  }
  const [ownProblem] = attempt(own);
  if (ownProblem !== undefined) {
    const key = ownProblem.path.split(".")[0] ?? "";
    delete own[key];
    problems.push({ path: [...path, fileSpelling[key] ?? key], message: `cannot be used: ${ownProblem.message}` });
  } else if (needsModel(entry)) {
    problems.push({ path: [...path, "model"], message: "is missing: name the model to ask" });
  }
  for (const [key, value] of Object.entries(params)) {
    const elsewhere = knownElsewhere(partOf(path), key);
    if (elsewhere !== undefined) problems.push({ path: [...path, key], message: elsewhere });
    else {
      // One at a time, so that every parameter that is wrong is named.
      const near = nearest(key, Object.keys(backendSchema.shape));
      for (const { code, message } of attempt({ ...own, params: { [key]: value } })) {
        const meant = code === "unknown_key" && near !== undefined;
        problems.push({
          path: [...path, key],
          message: meant ? `is not a known key. Did you mean "${near}"?` : `cannot be used: ${message}`,
        });
      }
    }
  }
  if (ownProblem === undefined && problems.length === 0) {
    for (const { message } of attempt({ ...own, params })) problems.push({ path, message: `cannot be used: ${message}` });
  }
  return problems;
}

function checkType(type: string): string | undefined {
  if (backendTypes.includes(type)) return undefined;
  if (laterTypes.includes(type)) return `"${type}" is a backend that this version does not support yet. It has ${backendTypes.join(", ")}`;
  const near = nearest(type, [...backendTypes, ...laterTypes]);
  return `"${type}" is not a backend. ${near === undefined ? `Take one of ${backendTypes.join(", ")}` : `Did you mean "${near}"?`}`;
}

/** Whether nothing can tell which model is meant: a server of one's own that has only one lists it. */
function needsModel({ type, model, base_url, provider }: BackendEntry): boolean {
  if (model !== undefined || base_url !== undefined) return false;
  const name = type === "chat_completions" || type === "chatcompletion" ? (provider ?? "chatcompletion") : type;
  if (!isPresetType(name)) return false;
  const preset: Preset = presets[name];
  return !preset.keyless && !(preset.baseUrlEnv && process.env[preset.baseUrlEnv]);
}

function attempt(config: Record<string, unknown>): ConfigError[] {
  try {
    createBackend(config as unknown as BackendConfig);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return [error];
    throw error;
  }
}
