import { BackendError } from "../../errors.js";

export type AnthropicSdk = typeof import("@anthropic-ai/sdk");

/** The `@anthropic-ai/sdk` package, loaded when first needed. Throws `missing_sdk` where it is not installed. */
export async function loadAnthropic(load: () => Promise<AnthropicSdk> = () => import("@anthropic-ai/sdk")): Promise<AnthropicSdk> {
  try {
    return await load();
  } catch (cause) {
    const code = (cause as { code?: unknown } | null)?.code;
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw cause;
    const message = "This backend needs the `@anthropic-ai/sdk` package. Install it: npm i @anthropic-ai/sdk";
    throw new BackendError("missing_sdk", message, { cause });
  }
}
