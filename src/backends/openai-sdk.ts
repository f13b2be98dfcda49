import { BackendError } from "../errors.js";

export type OpenAISdk = typeof import("openai");

/** The `openai` package, loaded when first needed. Throws `missing_sdk` where it is not installed. */
export async function loadOpenAI(load: () => Promise<OpenAISdk> = () => import("openai")): Promise<OpenAISdk> {
  try {
    return await load();
  } catch (cause) {
    const code = (cause as { code?: unknown } | null)?.code;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    throw new BackendError("missing_sdk", "This backend needs the `openai` package. Install it: npm i openai", { cause });
  }
}
