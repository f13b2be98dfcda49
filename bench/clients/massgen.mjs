/**
 * One agent on the same wire (chat completions unless `type` says otherwise), every event of the run read.
 * @param {{ baseUrl: string, model: string, massgen: string, type?: string }} options
 */
export default async function massgen({ baseUrl, model, massgen, type = "chatcompletion" }) {
  /** @type {typeof import("massgen")} */
  const { Orchestrator } = await import(massgen);
  // The clients of Anthropic and Gemini append their version themselves.
  const url = type === "claude" || type === "gemini" ? baseUrl.replace(/\/v1$/, "") : baseUrl;
  const backend = /** @type {import("massgen").BackendConfig} */ ({ type, model, baseUrl: url, apiKey: "sk-bench" });
  const orchestrator = new Orchestrator({ agents: [{ id: "one", backend }] });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const run = orchestrator.run("Say something.");
    for await (const event of run) if (event.type === "text-delta") onText(event.delta);
    await run.result;
  };
}
