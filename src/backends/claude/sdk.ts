import { loadSdk } from "../load-sdk.js";

export type AnthropicSdk = typeof import("@anthropic-ai/sdk");

/** The `@anthropic-ai/sdk` package, loaded when first needed. Throws `missing_sdk` where it is not installed. */
export function loadAnthropic(load: () => Promise<AnthropicSdk> = () => import("@anthropic-ai/sdk")): Promise<AnthropicSdk> {
  return loadSdk("@anthropic-ai/sdk", load);
}
