import { getRequestListener } from "@hono/node-server";
import { expect, test } from "vitest";

test("replies are streamed in an application where hono has replaced the global Response before massgen was loaded", async () => {
  const native = Response;
  getRequestListener(() => new Response());
  expect(Response).not.toBe(native);
  const { startEmulated, textOf } = await import("./emulated.js");
  const server = await startEmulated();
  const streamed = await (await server.chat({ stream: true })).text();
  expect(streamed).toMatch(/"content":"Final words\."[\s\S]*data: \[DONE\]\n\n$/);
  expect(await textOf(await server.chat())).toBe("Final words.");
});
