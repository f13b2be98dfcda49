import { afterEach, expect, it, vi } from "vitest";
import { startEmulator } from "../../src/testing/index.js";
import { gate, run, start } from "./support.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

it("lists what the servers serve whose address or key is set", async () => {
  await using emulator = await startEmulator({ models: ["one", "two"] });
  vi.stubEnv("VLLM_BASE_URL", emulator.baseUrl);
  vi.stubEnv("VLLM_API_KEY", "models-test");
  const env = { VLLM_BASE_URL: emulator.baseUrl };
  expect(await run(["models"], { env })).toEqual({ code: 0, out: "vllm: 2 models, live\n  one\n  two\n\n", err: "" });
  const { out } = await run(["models", "--json"], { env });
  expect(JSON.parse(out)).toMatchObject({ type: "vllm", source: "cache", models: [{ id: "one" }, { id: "two" }] });
});

it("falls back on the bundled lists and says why", async () => {
  for (const name of ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "XAI_API_KEY"])
    vi.stubEnv(name, undefined);
  for (const name of ["OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL"]) vi.stubEnv(name, undefined);
  const { code, out } = await run(["models"]);
  expect(code).toBe(0);
  expect(out).toMatch(/^openai: \d+ models, bundled, of \d{4}-\d\d-\d\d\n {2}\(OpenAI at .* needs a key\. Set OPENAI_API_KEY/);
  expect(out).toMatch(/\n {2}gpt-5\.2 +400,000 tokens\n/);
  expect(out.match(/^\w+: /gm)).toEqual(["openai: ", "claude: ", "gemini: ", "grok: "]);
});

it("names a backend that cannot be asked, and one that there is not", async () => {
  const emulator = await startEmulator();
  await emulator.close();
  vi.stubEnv("VLLM_BASE_URL", emulator.baseUrl);
  const { code, out, err } = await run(["models", "--backend", "vllm"]);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(`massgen: vllm: Cannot reach vLLM at ${emulator.baseUrl}`);
  const unknown = await run(["models", "--backend", "vlm"]);
  expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('There is no backend type "vlm"') });
});

it("stops when it is interrupted", async () => {
  const { open, opened } = gate();
  const { createServer } = await import("node:http");
  const server = createServer(() => open());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  vi.stubEnv("SGLANG_BASE_URL", `http://127.0.0.1:${port}`);
  const program = start(["models", "--backend", "sglang"]);
  await opened;
  program.interrupt();
  expect(await program.exit).toBe(4);
  expect(program.listening()).toBe(false);
  server.closeAllConnections();
  server.close();
});
