/**
 * massgen alone: a backend that does nothing but yield deltas.
 * @param {{ model: string, massgen: string, testing: string }} options
 */
export default async function scripted({ model, massgen, testing }) {
  /** @type {typeof import("massgen")} */
  const { Orchestrator } = await import(massgen);
  /** @type {typeof import("massgen/testing")} */
  const { say, scriptedBackend } = await import(testing);
  const text = "word ".repeat(Number(model.split("-")[1]));
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const backend = scriptedBackend([say(text)], { chunkSize: 5, usage: null });
    const run = new Orchestrator({ agents: [{ id: "one", backend }] }).run("Say something.");
    for await (const event of run) if (event.type === "text-delta") onText(event.delta);
    await run.result;
  };
}
