/**
 * One agent on the same wire, every event of the run read.
 * @param {{ baseUrl: string, model: string, massgen: string }} options
 */
export default async function massgen({ baseUrl, model, massgen }) {
  /** @type {typeof import("massgen")} */
  const { Orchestrator } = await import(massgen);
  const orchestrator = new Orchestrator({
    agents: [{ id: "one", backend: { type: "chatcompletion", model, baseUrl, apiKey: "sk-bench" } }],
  });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const run = orchestrator.run("Say something.");
    for await (const event of run) if (event.type === "text-delta") onText(event.delta);
    await run.result;
  };
}
