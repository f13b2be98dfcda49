import type { GoogleGenAI, GoogleGenAIOptions } from "@google/genai";
import { BackendError } from "../../errors.js";

export type GeminiSdk = typeof import("@google/genai");

/** The `@google/genai` package, loaded when first needed. Throws `missing_sdk` where it is not installed. */
export async function loadGemini(load: () => Promise<GeminiSdk> = () => import("@google/genai")): Promise<GeminiSdk> {
  try {
    return await load();
  } catch (cause) {
    const code = (cause as { code?: unknown } | null)?.code;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    throw new BackendError("missing_sdk", "This backend needs the `@google/genai` package. Install it: npm i @google/genai", { cause });
  }
}

/** Makes a client. Its constructor warns on the console about keys in the environment, which are none of its business here. */
export function newClient(sdk: GeminiSdk, options: GoogleGenAIOptions): GoogleGenAI {
  const { warn } = console;
  console.warn = () => {};
  try {
    return new sdk.GoogleGenAI(options);
  } finally {
    console.warn = warn;
  }
}
