/**
 * `streamText` of the AI SDK.
 * @param {{ baseUrl: string, model: string }} options
 */
export default async function ai({ baseUrl, model }) {
  const { streamText } = await import(/** @type {string} */ ("ai"));
  const { createOpenAICompatible } = await import(/** @type {string} */ ("@ai-sdk/openai-compatible"));
  const provider = createOpenAICompatible({ name: "bench", baseURL: baseUrl, apiKey: "sk-bench", includeUsage: true });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const result = streamText({ model: provider(model), prompt: "Say something.", maxRetries: 0 });
    for await (const text of result.textStream) onText(text);
  };
}
