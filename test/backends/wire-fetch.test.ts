import { describe, expect, it } from "vitest";
import type { WireOrigin } from "../../src/backends/errors.js";
import { requestError, wireFetch } from "../../src/backends/wire-fetch.js";

const origin: WireOrigin = { provider: "p", label: "P", baseUrl: "http://127.0.0.1/v1", model: "m", keyEnv: ["P_KEY"] };

/** What an SDK would be handed, or what is thrown in the end; SDKs wrap what fetch throws. */
async function outcome(answer: () => Promise<Response>, signal?: AbortSignal): Promise<unknown> {
  try {
    return await wireFetch(answer)("http://127.0.0.1/");
  } catch (error) {
    return requestError(new Error("Connection error.", { cause: error }), origin, signal);
  }
}

describe("a request's answer", () => {
  it("is handed on as it is", async () => {
    const response = new Response("data: 1\n\n", { headers: { "content-type": "text/event-stream" } });
    expect(await outcome(async () => response)).toBe(response);
  });

  it("that refuses becomes an error with the whole of what the server said", async () => {
    const headers = { "retry-after": "2", "x-request-id": "r1" };
    const error = await outcome(async () => new Response('{"detail":"slow down: the request timed out"}', { status: 429, headers }));
    expect(error).toMatchObject({ code: "rate_limit", status: 429, retryAfterMs: 2000, message: expect.stringContaining("timed out") });
    const { cause } = error as { cause: { headers: Headers; body: unknown } };
    expect([cause.headers.get("x-request-id"), cause.body]).toEqual(["r1", { detail: "slow down: the request timed out" }]);
  });

  it("that is a web page is none", async () => {
    const error = await outcome(async () => new Response("<html>", { headers: { "content-type": "text/html; charset=utf-8" } }));
    expect(error).toMatchObject({ code: "not_found", status: 404, message: expect.stringContaining("web page") });
  });

  it("that never comes, or breaks off, is a connection's error", async () => {
    const refused = Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
    expect(await outcome(() => Promise.reject(refused))).toMatchObject({ code: "connection", retryable: true });
    const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError("terminated")) });
    expect(await outcome(async () => new Response(broken, { status: 500 }))).toMatchObject({
      code: "connection",
      message: expect.stringContaining("terminated"),
    });
  });

  it("that nobody wants any more is an abortion, whatever else it is", async () => {
    const error = await outcome(async () => new Response("", { status: 500 }), AbortSignal.abort("enough"));
    expect(error).toMatchObject({ code: "aborted", cause: "enough" });
  });
});
