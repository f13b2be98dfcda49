import type { Backend } from "./backend.js";
import { isPresetType, presetAtHost, presets } from "./presets.js";

const keyEnv: Readonly<Record<string, readonly string[]>> = {
  openai: ["OPENAI_API_KEY"],
  grok: ["XAI_API_KEY"],
  azure_openai: ["AZURE_OPENAI_API_KEY"],
  claude: ["ANTHROPIC_API_KEY"],
  gemini: ["GOOGLE_API_KEY", "GEMINI_API_KEY"],
};

/** Environment variables that may hold the key of a backend type, in order. */
export function keyVariables(type: string): readonly string[] {
  const name = type === "chat_completions" ? "chatcompletion" : type;
  return isPresetType(name) ? presets[name].keyEnv : (keyEnv[name] ?? []);
}

/** Asked at every step. */
const sellers = new WeakMap<object, string>();

/** Whose list prices a backend has: the generic type those of whoever it speaks to. */
export function sellerOf(backend: Pick<Backend, "type">): string {
  let seller = sellers.get(backend);
  if (seller === undefined) {
    seller = findSeller(backend);
    sellers.set(backend, seller);
  }
  return seller;
}

function findSeller(backend: Pick<Backend, "type">): string {
  const { baseUrl } = backend as { baseUrl?: string };
  if (backend.type !== "chatcompletion" || baseUrl === undefined || !URL.canParse(baseUrl)) return backend.type;
  const preset = presetAtHost(new URL(baseUrl).host);
  return preset === "chatcompletion" ? "openai" : (preset ?? backend.type);
}

/** The model whose list price a backend has: that behind a deployment of Azure, where its config says it; else its own. */
export function listedModel(backend: Pick<Backend, "model">): string {
  return (backend as { baseModel?: string }).baseModel ?? backend.model;
}

/** Who is asked, where, and with whose key: what limits and lists of models are tied to. Holds the key; never show it. */
export function accountOf(config: { type: string; apiKey?: string }, backend: Backend): string {
  const { baseUrl = "" } = backend as { baseUrl?: string };
  const key =
    config.apiKey ||
    keyVariables(config.type)
      .map((name) => process.env[name])
      .find(Boolean);
  return JSON.stringify([config.type, baseUrl, key ?? ""]);
}
