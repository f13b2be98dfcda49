import { loadSdk } from "./load-sdk.js";

export type OpenAISdk = typeof import("openai");

/** The `openai` package, loaded when first needed. Throws `missing_sdk` where it is not installed. */
export function loadOpenAI(load: () => Promise<OpenAISdk> = () => import("openai")): Promise<OpenAISdk> {
  return loadSdk("openai", load);
}
