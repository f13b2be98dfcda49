// @ts-nocheck
// The tools of the servers in this folder, on the official server package.
import { appendFileSync } from "node:fs";
import { acceptedContent, inputRequired, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

const text = (value) => ({ content: [{ type: "text", text: value }] });
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export function testServer() {
  const server = new McpServer(
    { name: "test-server", version: "1.0.0" },
    { instructions: process.env.INSTRUCTIONS ?? "Call echo first.", capabilities: { tools: { listChanged: true } } },
  );
  const log = (line) => process.env.LOG && appendFileSync(process.env.LOG, `${line}\n`);
  const grown = [];
  const add = (name, config, run) =>
    server.registerTool(name, { description: name, ...config }, async (...args) => {
      log(name);
      return run(...args);
    });

  add("echo", { inputSchema: z.object({ text: z.string() }), annotations: { title: "Echo", readOnlyHint: true } }, ({ text: said }) =>
    text(said),
  );
  add("touch", { inputSchema: z.object({}) }, () => text("touched"));
  add("fails", { inputSchema: z.object({}) }, () => ({ content: [{ type: "text", text: "no such city" }], isError: true }));
  add("throws", { inputSchema: z.object({}) }, () => {
    throw new Error("inside");
  });
  add("big", { inputSchema: z.object({ size: z.number() }) }, ({ size }) => text("0123456789".repeat(size / 10)));
  add("structured", { inputSchema: z.object({}), outputSchema: z.object({ sum: z.number() }) }, () => ({
    content: [],
    structuredContent: { sum: 3 },
  }));
  add("lying", { inputSchema: z.object({}), outputSchema: z.object({ sum: z.any() }) }, () => ({
    content: [],
    structuredContent: { sum: "three" },
  }));
  add("media", { inputSchema: z.object({}) }, () => ({
    content: [
      { type: "text", text: "a picture:" },
      { type: "image", data: pixel, mimeType: "image/png" },
      { type: "audio", data: "UklGRg==", mimeType: "audio/wav" },
      { type: "resource", resource: { uri: "notes://one", mimeType: "text/plain", text: "a note" } },
      { type: "resource", resource: { uri: "file:///x/data.bin", mimeType: "application/octet-stream", blob: "AAEC" } },
      { type: "resource_link", uri: "file:///x/report.pdf", name: "report", mimeType: "application/pdf" },
    ],
  }));
  add("environment", { inputSchema: z.object({}) }, () => text(JSON.stringify(process.env)));
  add("meta", { inputSchema: z.object({}) }, (_, context) => text(JSON.stringify(context.mcpReq._meta)));
  add("directory", { inputSchema: z.object({}) }, () => text(process.cwd()));
  add("steps", { inputSchema: z.object({ steps: z.number(), pause: z.number() }) }, async ({ steps, pause }, context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (let i = 1; i <= steps; i++) {
      if (context.mcpReq.signal.aborted) log("cancelled");
      if (context.mcpReq.signal.aborted) break;
      if (progressToken !== undefined) {
        await context.mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress: i, total: steps, message: `step ${i}` },
        });
      }
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return text(`${steps} steps`);
  });
  add("wait", { inputSchema: z.object({}) }, async (_, context) => {
    await new Promise((resolve) => context.mcpReq.signal.addEventListener("abort", resolve));
    log("cancelled");
    return text("too late");
  });
  add("wait_quietly", { inputSchema: z.object({ ms: z.number() }), annotations: { readOnlyHint: true } }, async ({ ms }) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return text("waited");
  });
  add("write", { inputSchema: z.object({ path: z.string(), content: z.string() }) }, () => text("written"));
  add("ask", { inputSchema: z.object({}) }, async (_, context) => {
    const answer = await context.mcpReq.elicitInput({
      message: "Which colour?",
      requestedSchema: { type: "object", properties: { colour: { type: "string" } }, required: ["colour"] },
    });
    return text(JSON.stringify(answer));
  });
  add("ask_again", { inputSchema: z.object({}) }, (_, context) => {
    const answer = acceptedContent(context.mcpReq.inputResponses, "colour");
    if (answer !== undefined) return text(JSON.stringify(answer));
    const requestedSchema = { type: "object", properties: { colour: { type: "string" } }, required: ["colour"] };
    return inputRequired({ inputRequests: { colour: inputRequired.elicit({ message: "Which colour?", requestedSchema }) } });
  });
  add("grow", { inputSchema: z.object({ name: z.string() }) }, ({ name }) => {
    grown.push(add(name, { inputSchema: z.object({}) }, () => text(`${name} here`)));
    return text("grown");
  });
  add("shrink", { inputSchema: z.object({}) }, () => {
    for (const tool of grown.splice(0)) tool.remove();
    return text("shrunk");
  });
  add("die", { inputSchema: z.object({}) }, () => process.exit(7));
  return server;
}
