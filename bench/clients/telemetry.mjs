import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * massgen alone, as in `scripted.mjs`, with logging and tracing as the options say.
 * @param {{ model: string, massgen: string, testing: string, logging?: string, pretty?: string, tracing?: string }} options
 */
export default async function telemetry({ model, massgen, testing, logging, pretty, tracing }) {
  /** @type {typeof import("massgen")} */
  const { Orchestrator } = await import(massgen);
  /** @type {typeof import("massgen/testing")} */
  const { say, scriptedBackend } = await import(testing);
  const text = "word ".repeat(Number(model.split("-")[1]));
  const folder = mkdtempSync(join(tmpdir(), "massgen-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const orchestrator = new Orchestrator({
    agents: [{ id: "one", backend: scriptedBackend(() => say(text), { chunkSize: 5, usage: null }) }],
    ...(logging !== undefined && {
      logging: { level: /** @type {"debug"} */ (logging), destination: join(folder, "run.log"), pretty: pretty !== undefined },
    }),
    ...(tracing !== undefined && { tracing: { content: tracing === "content", tracerProvider: await provider() } }),
  });
  /** @param {(text: string) => void} onText */
  return async (onText) => {
    const run = orchestrator.run("Say something.");
    for await (const event of run) if (event.type === "text-delta") onText(event.delta);
    await run.result;
  };
}

/** The real SDK, whose spans are put together and thrown away. */
async function provider() {
  const { BasicTracerProvider, SimpleSpanProcessor } = await import("@opentelemetry/sdk-trace-base");
  const exporter = {
    export: (/** @type {unknown} */ _spans, /** @type {(result: { code: number }) => void} */ done) => done({ code: 0 }),
    shutdown: async () => {},
  };
  return new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
}
