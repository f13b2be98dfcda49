import Anthropic from "@anthropic-ai/sdk";

/**
 * The bare SDK on the Messages API.
 * @param {{ baseUrl: string, model: string }} options
 */
export default async function anthropic({ baseUrl, model }) {
  const client = new Anthropic({ baseURL: baseUrl.replace(/\/v1$/, ""), apiKey: "sk-bench", maxRetries: 0 });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const stream = await client.messages.create({
      model,
      max_tokens: 8192,
      messages: [{ role: "user", content: "Say something." }],
      stream: true,
    });
    for await (const event of stream) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") onText(event.delta.text);
    }
  };
}
