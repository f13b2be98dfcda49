import { nearest } from "../../nearest-key.js";
import type { ModelInfo } from "../backend.js";

/** The models of a `GET /models`: OpenAI's list, a bare array, or a list under `models`. */
export function readModels(body: unknown): ModelInfo[] {
  const { data, models } = (Array.isArray(body) ? { data: body } : (body ?? {})) as { data?: unknown; models?: unknown };
  const list = Array.isArray(data) ? data : Array.isArray(models) ? models : [];
  return list.flatMap((entry: Record<string, unknown> | null) => {
    const id = entry?.id ?? entry?.name;
    if (typeof id !== "string" || !id) return [];
    const window = [entry?.max_model_len, entry?.context_window, entry?.context_length, entry?.max_context_length].find(isPositive);
    // OpenRouter tells these two, Groq the first.
    const provider = entry?.top_provider as { max_completion_tokens?: unknown } | null | undefined;
    const most = [entry?.max_completion_tokens, provider?.max_completion_tokens].find(isPositive);
    const takes = entry?.supported_parameters;
    return [
      {
        id,
        ...(window !== undefined && { contextWindow: window }),
        ...(most !== undefined && { maxOutputTokens: most }),
        ...(isPositive(entry?.created) && { created: entry.created }),
        ...(Array.isArray(takes) && { tools: takes.includes("tools") }),
      },
    ];
  });
}

/** What a user who asked for `model` may have wanted, as a sentence. */
export function servedModels(ids: string[], model: string): string {
  if (ids.length === 0) return "";
  if (ids.length <= 10) return `It serves ${ids.map((id) => `"${id}"`).join(", ")}.`;
  const meant = nearest(model, ids);
  return meant ? `Did you mean "${meant}"?` : `It serves ${ids.length} models, such as "${ids[0]}".`;
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && value > 0;
}
