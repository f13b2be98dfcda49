/**
 * The same backend without massgen around it: what of `scripted` is not the library's own.
 * @param {{ model: string, testing: string }} options
 */
export default async function scriptedBare({ model, testing }) {
  /** @type {typeof import("massgen/testing")} */
  const { say, scriptedBackend } = await import(testing);
  const text = "word ".repeat(Number(model.split("-")[1]));
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const backend = scriptedBackend([say(text)], { chunkSize: 5, usage: null });
    const request = { messages: [{ role: /** @type {const} */ ("user"), content: "Say something." }] };
    for await (const chunk of backend.stream(request, {})) if (chunk.type === "text-delta") onText(chunk.delta);
  };
}
