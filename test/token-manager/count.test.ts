import { describe, expect, test } from "vitest";
import type { Backend, BackendRequest } from "../../src/backends/backend.js";
import { BackendError } from "../../src/errors.js";
import type { AssistantPart } from "../../src/formatter/messages.js";
import { addUsage, countTokens, ESTIMATE_MARGIN, estimateTokens, noUsage, TOKENIZER_MARGIN } from "../../src/token-manager/index.js";

const request: BackendRequest = { system: "Be brief.", messages: [{ role: "user", content: "How many tokens is this? <|endoftext|>" }] };
const tool = { name: "look_up", description: "Looks up.", inputSchema: { type: "object" } };

function backend(type: string, count?: Backend["countTokens"]): Backend {
  return { type, model: "m", capabilities: {}, async *stream() {}, ...(count && { countTokens: count }) };
}

describe("countTokens", () => {
  test("the provider's own count is exact", async () => {
    expect(
      await countTokens(
        backend("claude", async () => 42),
        request,
      ),
    ).toEqual({ tokens: 42, method: "endpoint", margin: 0 });
  });

  test("an endpoint that fails is told, and the count goes on without it", async () => {
    const error = new BackendError("not_found", "no such endpoint");
    const counted = await countTokens(
      backend("claude", () => Promise.reject(error)),
      request,
    );
    expect(counted).toEqual({ tokens: expect.any(Number), method: "estimate", margin: ESTIMATE_MARGIN, error });
  });

  test("OpenAI's models by their tokenizer, others by length", async () => {
    const never = () => Promise.reject(new Error("asked"));
    const exact = await countTokens(backend("openai", never), request, { endpoint: false });
    expect(exact).toMatchObject({ method: "tokenizer", margin: TOKENIZER_MARGIN });
    expect(exact.tokens).toBeGreaterThan(15);
    expect(exact.tokens).toBeLessThan(40);
    expect((await countTokens(backend("vllm"), request)).method).toBe("estimate");
  });

  test("tools bring the frame that the provider puts around them", async () => {
    const plain = await countTokens(backend("mine"), { ...request, tools: [tool] });
    const framed = await countTokens(backend("claude"), { ...request, tools: [tool] });
    expect(framed.tokens - plain.tokens).toBe(450);
    expect(await countTokens(backend("claude"), request)).toEqual(await countTokens(backend("mine"), request));
  });

  test("what goes back to a provider as it came is not counted a second time, nor are its pictures and ciphers", async () => {
    const said = [{ type: "text" as const, text: "An answer of some length." }];
    const count = async (content: AssistantPart[]) =>
      (await countTokens(backend("gemini"), { messages: [{ role: "assistant", content }] })).tokens;
    const data = { parts: [{ text: said[0]!.text, thoughtSignature: "s".repeat(5000) }, { inlineData: { data: "A".repeat(90_000) } }] };
    const kept: AssistantPart = { type: "provider", provider: "gemini", endpoint: "e", model: "m", data };
    expect((await count([...said, kept])) - (await count(said))).toBeLessThan(5);
  });

  test("an abort is an abort", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const hanging = backend(
      "claude",
      (_, { signal }) => new Promise((_yes, no) => signal?.addEventListener("abort", () => no(signal.reason))),
    );
    const counting = countTokens(hanging, request, { signal: controller.signal });
    controller.abort(reason);
    await expect(counting).rejects.toBe(reason);
    await expect(countTokens(backend("vllm"), request, { signal: controller.signal })).rejects.toBe(reason);
  });
});

test("usage adds up figure by figure, and what neither side has stays away", () => {
  const a = { inputTokens: 1, outputTokens: 2, cacheWriteTokens: 5, cacheWrite1hTokens: 3, webSearches: 1 };
  const b = { inputTokens: 10, outputTokens: 20, webSearches: 2, imageOutputTokens: 7, estimated: true };
  expect(addUsage(a, b)).toEqual({
    inputTokens: 11,
    outputTokens: 22,
    cacheWriteTokens: 5,
    cacheWrite1hTokens: 3,
    webSearches: 3,
    imageOutputTokens: 7,
    estimated: true,
  });
  expect(addUsage(noUsage, noUsage)).toEqual({ inputTokens: 0, outputTokens: 0 });
});

test("estimateTokens counts wide characters higher", () => {
  expect(estimateTokens("x".repeat(400))).toBe(100);
  expect(estimateTokens("水".repeat(30))).toBe(20);
});
