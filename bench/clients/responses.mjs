/**
 * The bare SDK on the Responses API, of the line that `sdk` re-exports.
 * @param {{ baseUrl: string, model: string, sdk: string }} options
 */
export default async function responses({ baseUrl, model, sdk }) {
  /** @type {{ OpenAI: typeof import("openai").default }} */
  const { OpenAI } = await import(sdk);
  const client = new OpenAI({ baseURL: baseUrl, apiKey: "sk-bench", maxRetries: 0 });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const stream = await client.responses.create({
      model,
      input: [{ role: "user", content: "Say something." }],
      stream: true,
      store: false,
    });
    for await (const event of stream) if (event.type === "response.output_text.delta") onText(event.delta);
  };
}
