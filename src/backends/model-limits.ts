import { claudeModel, claudeModels } from "../api-params-handler/claude-models.js";
import { geminiRule } from "../api-params-handler/gemini-models.js";
import { modelRule } from "../api-params-handler/openai-models.js";
import type { ModelInfo } from "./backend.js";
import { modelTable } from "./model-table.js";

/** What a model can take at once; absent where not known. */
export interface ModelLimits {
  /** Tokens it can read and write in one step. */
  contextWindow?: number;
  /** Tokens it can write in one step. */
  maxOutputTokens?: number;
}

/** Whose models a backend type has. */
const providers: Readonly<Record<string, string>> = {
  chatcompletion: "openai",
  openai: "openai",
  azure_openai: "openai",
  grok: "x-ai",
  gemini: "google",
  groq: "groq",
  deepseek: "deepseek",
  cerebras: "cerebras",
  fireworks: "fireworks",
  moonshot: "moonshotai",
};

/**
 * Limits of a model: what the rules of its family say (src/api-params-handler/*-models.ts, which name their sources), then what the
 * price data says of its exact id.
 */
export function modelLimits(type: string, model: string): ModelLimits {
  if (type === "claude") {
    if (!Object.hasOwn(claudeModels, model.replace(/-(\d{8}|latest)$/, ""))) return {};
    const { contextWindow, maxOutput } = claudeModel(model);
    return limits(contextWindow, maxOutput);
  }
  const provider = providers[type];
  const listed = provider === undefined ? undefined : (tables().get(provider)?.get(model) ?? tables().get(provider)?.get(undated(model)));
  if (provider === "google") {
    const { contextWindow, maxOutputTokens } = geminiRule(model);
    return limits(contextWindow ?? listed, maxOutputTokens);
  }
  if (provider !== "openai" && provider !== "x-ai") return limits(listed, undefined);
  const { contextWindow, maxOutputTokens } = modelRule(model) ?? {};
  return limits(nearlySame(contextWindow, listed) ? contextWindow : (listed ?? contextWindow), maxOutputTokens);
}

/** The models that massgen knows of without asking, with their limits. */
export function knownModels(type: string): ModelInfo[] {
  // Deployments have names of their owners' own.
  if (type === "azure_openai") return [];
  const ids =
    type === "claude"
      ? Object.keys(claudeModels)
      : [
          ...(tables()
            .get(providers[type] ?? "")
            ?.keys() ?? []),
        ];
  return ids.map((id) => ({ id, ...modelLimits(type, id) }));
}

const undated = (id: string) => id.replace(/-\d{4}-\d{2}-\d{2}$/, "");

/** The table rounds; a rule does not. Where they are further apart the rule is that of a family, and the table knows the model. */
const nearlySame = (a: number | undefined, b: number | undefined) => a !== undefined && b !== undefined && Math.abs(a - b) <= a / 10;

function limits(contextWindow: number | undefined, maxOutputTokens: number | undefined): ModelLimits {
  return { ...(contextWindow !== undefined && { contextWindow }), ...(maxOutputTokens !== undefined && { maxOutputTokens }) };
}

let parsed: Map<string, Map<string, number | undefined>> | undefined;

/** By provider and id; read when first asked for. */
function tables(): Map<string, Map<string, number | undefined>> {
  if (parsed) return parsed;
  parsed = new Map();
  let table = new Map<string, number | undefined>();
  for (const line of modelTable.trim().split("\n")) {
    if (line.startsWith("# ")) {
      table = new Map();
      parsed.set(line.slice(2), table);
    } else {
      const [id = "", window] = line.split(" ");
      table.set(id, window === undefined ? undefined : Number(window));
    }
  }
  return parsed;
}
