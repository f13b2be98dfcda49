import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { npmServer, open, scratch, until } from "./helpers.js";

const server = (name: string, ...args: string[]) => ({ command: process.execPath, args: [npmServer(name), ...args] });

describe("server-everything over standard streams", () => {
  it("is used for all it can do", async () => {
    const { call, names, tool, run, progress } = await open(
      { all: server("server-everything", "stdio") },
      { answer: () => ({ name: "Anna" }) },
    );
    expect(run.warnings).toEqual([]);
    expect(await call("mcp__all__echo", { message: "hello" })).toBe("Echo: hello");
    expect(await call("mcp__all__get-sum", { a: 2, b: 3 })).toContain("5");
    expect(await call("mcp__all__get-structured-content", { location: "Chicago" })).toMatch(/^\{"temperature":/);
    expect(await call("mcp__all__get-tiny-image")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ type: "file", mediaType: "image/png" }),
        expect.objectContaining({ type: "text" }),
      ]),
    );
    expect(await call("mcp__all__get-resource-links", { count: 2 })).toMatch(/\[link to a resource: demo:\/\/resource/);
    expect(await call("mcp__all__get-resource-reference", { resourceType: "Text", resourceId: 1 })).toMatch(
      /\[demo:\/\/resource[^\]]*\]\n/,
    );
    expect(await call("mcp__all__trigger-long-running-operation", { duration: 0.5, steps: 2 })).toContain("completed");
    expect(progress[0]).toMatchObject({ progress: 1, total: 2 });
    // Tools that it adds once it knows its client.
    await until(() => names().includes("mcp__all__trigger-elicitation-request"));
    expect(await call("mcp__all__trigger-elicitation-request")).toContain("Anna");
    expect(run.questions[0]).toMatchObject({ agentId: "anna", schema: { type: "object" } });
    expect(names().every((name) => /^[A-Za-z0-9_-]{1,64}$/.test(name))).toBe(true);
    expect(tool("mcp__all__echo").annotations).toBeDefined();
    expect(names()).not.toContain("mcp__all__trigger-sampling-request"); // the client says that it cannot
  });
});

describe("server-filesystem", () => {
  it("works in the workspace of the agent that calls, and nowhere else", async () => {
    const [anna, bert] = [scratch(), scratch()];
    const { call, tool, run } = await open({ files: { ...server("server-filesystem", "."), perAgent: true } });
    expect(run.warnings).toEqual([]);
    expect(tool("mcp__files__read_text_file")).toMatchObject({ effects: "none", paths: { reads: ["path"] } });
    expect(tool("mcp__files__read_multiple_files")).toMatchObject({ paths: { reads: ["paths"] } });
    expect(tool("mcp__files__write_file")).toMatchObject({ effects: "outside", paths: { writes: ["path"] } });
    expect(tool("mcp__files__move_file")).toMatchObject({ paths: { deletes: ["source"], writes: ["destination"] } });
    await call("mcp__files__write_file", { path: "note.txt", content: "from anna" }, { workspace: anna });
    expect(readFileSync(join(anna, "note.txt"), "utf8")).toBe("from anna");
    await expect(
      call("mcp__files__read_text_file", { path: join(anna, "note.txt") }, { agentId: "bert", workspace: bert }),
    ).rejects.toMatchObject({
      code: "mcp_tool_error",
      message: expect.stringContaining("Access denied"),
    });
    expect(await call("mcp__files__read_text_file", { path: "note.txt" }, { workspace: anna })).toBe("from anna");
  });

  it("gets the workspace and further directories as roots", async () => {
    const [anna, extra] = [scratch(), scratch()];
    mkdirSync(join(extra, "docs"));
    writeFileSync(join(extra, "docs", "a.txt"), "extra");
    const { call } = await open({ files: { ...server("server-filesystem", "."), perAgent: true, roots: [join(extra, "docs")] } });
    await call("mcp__files__list_allowed_directories", {}, { workspace: anna });
    await untilAsync(async () => String(await call("mcp__files__list_allowed_directories", {}, { workspace: anna })).includes("docs"));
    expect(await call("mcp__files__read_text_file", { path: join(extra, "docs", "a.txt") }, { workspace: anna })).toBe("extra");
  });
});

async function untilAsync(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it did not come about");
}

describe("server-memory", () => {
  it("keeps what it is told, in the file that its environment names", async () => {
    const file = join(scratch(), "memory.json");
    const { call, run } = await open({ memory: { ...server("server-memory"), env: { MEMORY_FILE_PATH: file } } });
    expect(run.warnings).toEqual([]);
    await call("mcp__memory__create_entities", { entities: [{ name: "Anna", entityType: "person", observations: ["likes tea"] }] });
    expect(readFileSync(file, "utf8")).toContain("likes tea");
    expect(await call("mcp__memory__search_nodes", { query: "tea" })).toContain('"Anna"');
  });
});
