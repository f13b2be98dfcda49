import type { GoogleGenAI, GoogleGenAIOptions } from "@google/genai";
import { loadSdk } from "../load-sdk.js";

export type GeminiSdk = typeof import("@google/genai");

/** The `@google/genai` package, loaded when first needed. Throws `missing_sdk` where it is not installed. */
export function loadGemini(load: () => Promise<GeminiSdk> = () => import("@google/genai")): Promise<GeminiSdk> {
  return loadSdk("@google/genai", load);
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
