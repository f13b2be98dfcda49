/**
 * The bare SDK, of the line that `sdk` re-exports.
 * @param {{ baseUrl: string, model: string, sdk: string }} options
 */
export default async function openai({ baseUrl, model, sdk }) {
  /** @type {{ OpenAI: typeof import("openai").default }} */
  const { OpenAI } = await import(sdk);
  const client = new OpenAI({ baseURL: baseUrl, apiKey: "sk-bench", maxRetries: 0 });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const stream = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content: "Say something." }],
      stream: true,
      stream_options: { include_usage: true }, // massgen asks for it too
    });
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta.content;
      if (text) onText(text);
    }
  };
}
