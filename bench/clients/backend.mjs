/**
 * A backend by itself, without a run around it.
 * @param {{ baseUrl: string, model: string, massgen: string, type: string }} options
 */
export default async function backendAlone({ baseUrl, model, massgen, type }) {
  /** @type {typeof import("massgen")} */
  const { createBackend } = await import(massgen);
  // The clients of Anthropic and Gemini append their version themselves.
  const url = type === "claude" || type === "gemini" ? baseUrl.replace(/\/v1$/, "") : baseUrl;
  const backend = createBackend(/** @type {import("massgen").BackendConfig} */ ({ type, model, baseUrl: url, apiKey: "sk-bench" }));
  const request = { messages: [{ role: /** @type {const} */ ("user"), content: "Say something." }] };
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    for await (const chunk of backend.stream(request, {})) if (chunk.type === "text-delta") onText(chunk.delta);
  };
}
