import { type BackendConfig, backendTypes, createBackend } from "../backends/create-backend.js";
import { isPresetType, type Preset, presets } from "../backends/presets.js";
import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import type { Path, Problem } from "./problems.js";
import { type BackendEntry, backendSchema } from "./schema.js";
import { agentToolKeys } from "./tools/schema.js";
import { knownElsewhere, laterTypes, partOf } from "./vocabulary.js";

/** How massgen's own keys are spelled in options; those inside `rate_limits` and `upload_files` as well. */
const spelling: Readonly<Record<string, string>> = {
  base_url: "baseUrl",
  azure_endpoint: "baseUrl",
  api_key: "apiKey",
  inline_thinking: "inlineThinking",
  long_waits: "longWaits",
  rate_limits: "rateLimits",
  context_window: "contextWindow",
  requests_per_minute: "requestsPerMinute",
  tokens_per_minute: "tokensPerMinute",
  enable_web_search: "enableWebSearch",
  enable_code_interpreter: "enableCodeInterpreter",
  enable_code_execution: "enableCodeExecution",
  enable_image_generation: "enableImageGeneration",
  enable_url_context: "enableUrlContext",
  builtin_tools: "builtinTools",
  upload_files: "uploadFiles",
  prompt_caching: "promptCaching",
  api_version: "apiVersion",
  base_model: "baseModel",
  image_path: "imagePath",
  audio_path: "audioPath",
  video_path: "videoPath",
  file_path: "filePath",
};
const fileSpelling = new Map(Object.entries(spelling).map(([file, option]) => [option, file]));
fileSpelling.set("baseUrl", "base_url");

/** What a backend says of its options, with the names of the file. */
const inFileSpelling = (message: string): string => message.replace(/\b[a-z]+[A-Z]\w*/g, (name) => fileSpelling.get(name) ?? name);

function split(entry: BackendEntry): { own: Record<string, unknown>; params: Record<string, unknown> } {
  const own: Record<string, unknown> = {};
  const params: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(entry)) {
    if (value === undefined || key in agentToolKeys) continue;
    if (key === "upload_files") own.uploadFiles = entry.upload_files?.map(respelled);
    else if (key === "rate_limits") own.rateLimits = respelled(value as object);
    else if (key in backendSchema.shape) own[spelling[key] ?? key] = value;
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
  const { own, params } = split(entry);
  const typeProblem = checkType(entry.type);
  if (typeProblem !== undefined) {
    return [{ path: [...path, "type"], message: typeProblem }];
  }
  const problems = ownProblems(entry, own, path);
  if (problems.length === 0 && needsModel(entry)) {
    problems.push({ path: [...path, "model"], message: "is missing: name the model to ask" });
  }
  const sound = problems.length === 0;
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
          message: meant ? `is not a known key. Did you mean "${near}"?` : `cannot be used: ${inFileSpelling(message)}`,
        });
      }
    }
  }
  if (sound && problems.length === 0) {
    for (const { message } of attempt({ ...own, params })) problems.push({ path, message: `cannot be used: ${inFileSpelling(message)}` });
  }
  return problems;
}

/** What is wrong with massgen's own keys. They are taken out of `own`, so that the rest can be checked as well. */
function ownProblems(entry: BackendEntry, own: Record<string, unknown>, path: Path): Problem[] {
  const problems: Problem[] = [];
  if (entry.azure_endpoint !== undefined && (entry.base_url !== undefined || entry.type !== "azure_openai")) {
    const message = entry.base_url === undefined ? "is a key of azure_openai alone" : "and base_url are both given. Keep `base_url`";
    problems.push({ path: [...path, "azure_endpoint"], message });
  }
  const seen = new Set<string>();
  for (let [problem] = attempt(own); problem !== undefined; [problem] = attempt(own)) {
    const [key = ""] = /^\w+/.exec(problem.path) ?? [];
    const missing = problem.code === "missing_model" || problem.code === "missing_base_url";
    if (!missing && !(key in own)) {
      problems.push({ path, message: `cannot be used: ${inFileSpelling(problem.message)}` });
      break;
    }
    // What was wrong and has been taken out is not missing.
    if (!seen.has(key)) problems.push(ownProblem(problem, key, entry, path));
    seen.add(key);
    if (missing) own[key] = key === "model" ? "model" : "http://localhost";
    else delete own[key];
  }
  return problems;
}

function ownProblem({ code, message, path: at }: ConfigError, key: string, entry: BackendEntry, path: Path): Problem {
  const name = key === "baseUrl" && entry.azure_endpoint !== undefined ? "azure_endpoint" : (fileSpelling.get(key) ?? key);
  const [, index] = /^\w+\[(\d+)\]/.exec(at) ?? [];
  const place = [...path, name, ...(index === undefined ? [] : [Number(index)])];
  if (code === "missing_model") return { path: place, message: "is missing: name the model to ask" };
  if (code === "missing_base_url") return { path: place, message: `is missing: ${inFileSpelling(message)}` };
  const takers = typesWith[name];
  if (code !== "unknown_key" || takers === undefined) return { path: place, message: `cannot be used: ${inFileSpelling(message)}` };
  if (takers.includes(entry.type)) return { path: place, message: "cannot be used with this `wire` or API version" };
  const other = entry.type === "claude" || entry.type === "gemini" ? "enable_code_execution" : "enable_code_interpreter";
  const instead = /^enable_code_/.test(name) && typesWith[other]?.includes(entry.type) ? ` Write it as \`${other}\`` : "";
  return { path: place, message: `is not a key of ${entry.type}, but of ${takers.join(", ")}.${instead}` };
}

/** The types that have a key which not all have. */
const typesWith: Readonly<Record<string, readonly string[]>> = {
  enable_web_search: ["openai", "claude", "gemini", "grok", "azure_openai"],
  enable_code_interpreter: ["openai", "grok", "azure_openai"],
  enable_code_execution: ["claude", "gemini"],
  enable_image_generation: ["openai", "azure_openai"],
  enable_url_context: ["gemini"],
  builtin_tools: ["openai", "claude", "gemini", "grok", "azure_openai"],
  upload_files: ["openai", "claude", "gemini", "azure_openai", "chat_completions"],
  prompt_caching: ["claude"],
  wire: ["grok", "azure_openai"],
  api_version: ["claude", "azure_openai"],
  base_model: ["azure_openai"],
  inline_thinking: ["chat_completions"],
  provider: ["chat_completions"],
};

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
