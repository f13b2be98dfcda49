/**
 * `@openai/agents` on chat completions, its tracing off.
 * @param {{ baseUrl: string, model: string }} options
 */
export default async function agents({ baseUrl, model }) {
  const { Agent, OpenAIChatCompletionsModel, run, setTracingDisabled } = await import(/** @type {string} */ ("@openai/agents"));
  const { OpenAI } = await import("./sdk.mjs");
  setTracingDisabled(true);
  const client = new OpenAI({ baseURL: baseUrl, apiKey: "sk-bench", maxRetries: 0 });
  const agent = new Agent({ name: "one", model: new OpenAIChatCompletionsModel(client, model) });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const result = await run(agent, "Say something.", { stream: true });
    for await (const event of result) {
      if (event.type === "raw_model_stream_event" && event.data.type === "output_text_delta") onText(event.data.delta);
    }
    await result.completed;
  };
}
