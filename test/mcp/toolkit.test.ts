import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CLIENT } from "../../src/mcp/connection.js";
import { createMcpServers } from "../../src/mcp/index.js";
import { cleanup, good, lines, open, openRun, raw, scratch, until } from "./helpers.js";

const turn = { agentId: "anna", turnId: "t", phase: "draft" as const, labels: [] };

describe("tools of a server", () => {
  it("are offered under full names, with annotations, effects and paths", async () => {
    const { tool, run, kit } = await open({ test: good() });
    expect(tool("mcp__test__echo")).toMatchObject({
      description: "echo",
      inputSchema: { type: "object", properties: { text: { type: "string" } }, required: ["text"] },
      annotations: { title: "Echo", readOnlyHint: true },
      effects: "none",
    });
    expect(tool("mcp__test__echo").inputSchema).not.toHaveProperty("$schema");
    expect(tool("mcp__test__write")).toMatchObject({ effects: "outside", paths: { writes: ["path"] } });
    expect(tool("mcp__test__touch").effects).toBe("outside");
    expect(kit.instructions?.("anna")).toBe("The tools named mcp__test__… come with these instructions:\nCall echo first.");
    expect(run.warnings).toEqual([]);
  });

  it("are read page by page, and of pages without end as many as may be", async () => {
    const log = join(scratch(), "log");
    const { names, run } = await open({ test: raw("pages", { env: { LOG: log } }), endless: raw("pages-without-end", { maxTools: 10 }) });
    expect(lines(log).slice(1)).toEqual(["page undefined", "page 1", "page 2"]);
    const of = (server: string, count: number) => Array.from({ length: count }, (_, n) => `mcp__${server}__tool_${n}`);
    expect(names().filter((name) => !name.endsWith("read_result"))).toEqual([...of("test", 3), ...of("endless", 10)]);
    expect(run.warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining('"endless" lists more than 64 tools, or pages without end: what comes after these 64 is not read.'),
      expect.stringContaining('"endless" lists 64 tools; the first 10 are offered.'),
    ]);
  });

  it("are the same objects in every turn while the server lists the same", async () => {
    const { kit } = await open({ test: good() });
    const first = kit.tools(turn);
    expect(kit.tools({ ...turn, turnId: "t2" }).every((tool, index) => tool === first[index])).toBe(true);
  });

  it("are chosen by either name, and unknown names are reported with the nearest", async () => {
    const { names, run } = await open({
      test: good({
        allowedTools: ["echo", "mcp__test__touch", "toch"],
        excludeTools: ["mcp__test__echo", "nothing_like_it"],
        paths: { wrte: false },
      }),
    });
    expect(names()).toEqual(["mcp__test__touch", "mcp__read_result"]);
    expect(run.warnings).toEqual([
      { code: "mcp_tools", message: 'The MCP server "test" has no tool "toch", which `allowedTools` names; did you mean "touch"?.' },
      { code: "mcp_tools", message: 'The MCP server "test" has no tool "nothing_like_it", which `excludeTools` names.' },
      { code: "mcp_tools", message: 'The MCP server "test" has no tool "wrte", which `paths` names; did you mean "write"?.' },
    ]);
  });

  it("have the time limit that is configured, or keep their own when progress extends it", async () => {
    const limited = await open({ test: good({ timeoutMs: 5000 }) });
    expect(limited.tool("mcp__test__echo").timeoutMs).toBe(5000);
    const extended = await open({ test: good({ resetTimeoutOnProgress: true, timeoutMs: 900 }) });
    expect(extended.tool("mcp__test__steps").timeoutMs).toBe(Number.POSITIVE_INFINITY);
    expect(await extended.call("mcp__test__steps", { steps: 4, pause: 300 })).toBe("4 steps");
    await expect(extended.call("mcp__test__steps", { steps: 1, pause: 3000 })).rejects.toMatchObject({ code: "mcp_timeout" });
  });

  it("keep configured paths", async () => {
    const own = await open({ test: good({ paths: { write: { reads: ["path"] }, mcp__test__echo: false } }) });
    expect(own.tool("mcp__test__write").paths).toEqual({ reads: ["path"] });
    const none = await open({ test: good({ paths: false }) });
    expect(none.tool("mcp__test__write")).not.toHaveProperty("paths");
  });

  it("follow a change of the server's list by the next turn; a call of one that is gone says so", async () => {
    const { names, call, tool } = await open({ test: good() });
    await call("mcp__test__grow", { name: "extra" });
    await until(() => names().includes("mcp__test__extra"));
    expect(await call("mcp__test__extra")).toBe("extra here");
    const extra = tool("mcp__test__extra");
    await call("mcp__test__shrink");
    await until(() => !names().includes("mcp__test__extra"));
    const output = extra.execute?.({}, contextOf()) as AsyncGenerator<unknown>;
    await expect(output.next()).rejects.toMatchObject({
      code: "mcp_tool_gone",
      message: expect.stringMatching(/^The MCP server "test" no longer offers "mcp__test__extra"\. It offers: mcp__test__echo, /),
    });
  });

  it("introduces itself with the package's version", () => {
    expect(CLIENT.version).toBe(JSON.parse(readFileSync("package.json", "utf8")).version);
  });
});

function contextOf() {
  const log = () => {};
  return {
    runId: "r",
    agentId: "anna",
    turnId: "t",
    toolCallId: "c",
    signal: new AbortController().signal,
    context: undefined,
    logger: { debug: log, info: log, warn: log, error: log },
  };
}

describe("a call", () => {
  it("gives text, structured content, media and links", async () => {
    const { call } = await open({ test: good() });
    expect(await call("mcp__test__echo", { text: "hello" })).toBe("hello");
    expect(await call("mcp__test__structured")).toBe('{"sum":3}');
    expect(await call("mcp__test__media")).toEqual([
      { type: "text", text: "a picture:\n\n" },
      { type: "file", mediaType: "image/png", data: expect.stringMatching(/^iVBOR/) },
      { type: "file", mediaType: "audio/wav", data: "UklGRg==" },
      { type: "text", text: "[notes://one]\na note\n\n" },
      { type: "text", text: "[a file of type application/octet-stream, 3 bytes. It is not kept: this agent has no workspace.]\n\n" },
      { type: "text", text: "[link to a resource: file:///x/report.pdf, report, application/pdf]" },
    ]);
  });

  it("tells the model what a tool says went wrong", async () => {
    const { call } = await open({ test: good() });
    await expect(call("mcp__test__fails")).rejects.toMatchObject({ code: "mcp_tool_error", message: "no such city" });
    await expect(call("mcp__test__throws")).rejects.toMatchObject({ code: "mcp_tool_error", message: "inside" });
    await expect(call("mcp__test__echo", { text: 7 })).rejects.toThrow(/text/);
    await expect(call("mcp__test__echo", "text")).rejects.toMatchObject({ code: "invalid_tool_input" });
  });

  it("takes structured content as it comes, whatever the tool's own schema says", async () => {
    const { call } = await open({ test: good() });
    expect(await call("mcp__test__lying")).toBe('{"sum":"three"}');
  });

  it("reports progress, and the result is no progress", async () => {
    const { call, progress } = await open({ test: good() });
    expect(await call("mcp__test__steps", { steps: 3, pause: 120 })).toBe("3 steps");
    expect(progress).toEqual([1, 2, 3].map((n) => ({ progress: n, total: 3, message: `step ${n}` })));
  });

  it("is cancelled at the server when its signal aborts", async () => {
    const log = join(scratch(), "log");
    const { call } = await open({ test: good({ env: { LOG: log } }) });
    const stop = new AbortController();
    const result = call("mcp__test__wait", {}, { signal: stop.signal });
    await until(() => lines(log).includes("wait"));
    stop.abort(new Error("enough"));
    await expect(result).rejects.toThrow("enough");
    await until(() => lines(log).includes("cancelled"), "the cancellation");
    expect(await call("mcp__test__echo", { text: "still here" })).toBe("still here");
  });

  it("is cancelled when its progress is no longer read", async () => {
    const log = join(scratch(), "log");
    const { tool } = await open({ test: good({ env: { LOG: log } }) });
    const output = tool("mcp__test__steps").execute?.({ steps: 1000, pause: 20 }, contextOf()) as AsyncIterable<unknown>;
    for await (const progress of output) {
      expect(progress).toMatchObject({ progress: 1 });
      break;
    }
    await until(() => lines(log).includes("cancelled"), "the cancellation");
  });

  it("keeps what is too long in a file of the workspace, else for mcp__read_result", async () => {
    const directory = scratch();
    const { call, close, run } = await open({ test: good({ maxResultBytes: 1000 }) });
    const saveFile = async (name: string, data: string | Uint8Array) => {
      await writeFile(join(directory, name), data);
      return `results/${name}`;
    };
    const withWorkspace = (await call("mcp__test__big", { size: 100_000 }, { workspace: directory, saveFile })) as string;
    expect(withWorkspace).toMatch(
      /^(0123456789){100}\n\n\[This is the beginning, 1000 of 100000 characters\. The whole is in the file results\/mcp__test__big-1\.txt\.\]$/,
    );
    expect(readFileSync(join(directory, "mcp__test__big-1.txt"), "utf8")).toBe("0123456789".repeat(10_000));

    const without = (await call("mcp__test__big", { size: 100_000 })) as string;
    const id = /"result": "([^"]+)"/.exec(without)?.[1];
    let whole = "";
    for (let offset = 0; ; ) {
      const piece = (await call("mcp__read_result", { result: id, offset, limit: 65_536 })) as string;
      whole += piece.replace(/\n\n\[[^\]]*\]$/, "");
      const next = /"offset": (\d+)\]$/.exec(piece)?.[1];
      if (next === undefined) break;
      offset = Number(next);
    }
    expect(whole).toBe("0123456789".repeat(10_000));
    await expect(call("mcp__read_result", { result: id }, { agentId: "bert" })).rejects.toMatchObject({ code: "mcp_no_such_result" });
    await expect(call("mcp__read_result", { result: "../../etc/passwd" })).rejects.toThrow("There is no kept result");
    await expect(call("mcp__read_result", { result: id, offset: -1 })).rejects.toMatchObject({ code: "invalid_tool_input" });
    expect(run.warnings).toEqual([]);
    await close();
    await expect(call("mcp__read_result", { result: id })).rejects.toMatchObject({ code: "mcp_no_such_result" });
  });

  it("passes the environment only as configured, and shows no secret of it", async () => {
    process.env.MASSGEN_TEST_SECRET = "do not pass this on";
    cleanup(() => delete process.env.MASSGEN_TEST_SECRET);
    const { call } = await open({ test: good({ env: { API_TOKEN: "sk-1234567890", NODE_ENV: "production" } }) });
    const environment = JSON.parse((await call("mcp__test__environment")) as string);
    expect(environment).toMatchObject({ API_TOKEN: "[redacted]", NODE_ENV: "production", PATH: process.env.PATH });
    expect(environment).not.toHaveProperty("MASSGEN_TEST_SECRET");
  });
});

describe("questions of a server", () => {
  it("are put to the caller of the run, and the answer goes back", async () => {
    const { call, run } = await open({ test: good() }, { answer: () => ({ colour: "green" }) });
    expect(JSON.parse((await call("mcp__test__ask")) as string)).toEqual({ action: "accept", content: { colour: "green" } });
    expect(run.questions).toEqual([
      { agentId: "anna", message: 'The MCP server "test" asks: Which colour?', schema: expect.objectContaining({ type: "object" }) },
    ]);
  });

  it.each([
    [undefined, "cancel"],
    [false, "decline"],
    [null, "decline"],
  ])("answered with %s: %s", async (answer, action) => {
    const { call } = await open({ test: good() }, { answer: () => answer });
    expect(JSON.parse((await call("mcp__test__ask")) as string)).toEqual({ action });
  });

  it("go to the run whose call it is, and to nobody when that cannot be known", async () => {
    const toolkit = createMcpServers({ test: good() });
    cleanup(() => toolkit.close());
    const [one, two] = [
      await openRun(toolkit, { answer: () => ({ colour: "red" }) }),
      await openRun(toolkit, { answer: () => ({ colour: "blue" }) }),
    ];
    expect(await two.call("mcp__test__ask")).toContain("blue");
    expect(await one.call("mcp__test__ask")).toContain("red");
    const [first, second] = await Promise.all([one.call("mcp__test__ask"), two.call("mcp__test__ask")]);
    expect([first, second]).toEqual(['{"action":"cancel"}', '{"action":"cancel"}']);
  });
});

describe("a server that speaks only the newest protocol", () => {
  it("is spoken to in it, questions included", async () => {
    const modern = good();
    const { call, run } = await open(
      { test: { ...modern, args: [...(modern.args ?? []), "modern"] } },
      { answer: () => ({ colour: "green" }) },
    );
    expect(run.warnings).toEqual([]);
    expect(await call("mcp__test__echo", { text: "hello" })).toBe("hello");
    expect(await call("mcp__test__ask_again")).toBe('{"colour":"green"}');
  });
});

describe("servers with a connection per agent", () => {
  it("have the agent's workspace as working directory", async () => {
    const [anna, bert] = [scratch(), scratch()];
    const { call } = await open({ test: good({ perAgent: true }) });
    expect(await call("mcp__test__directory", {}, { workspace: anna })).toBe(anna);
    expect(await call("mcp__test__directory", {}, { agentId: "bert", workspace: bert })).toBe(bert);
    expect(await call("mcp__test__directory", {}, { workspace: anna })).toBe(anna);
  });
});

describe("a toolkit", () => {
  it("of another name names its own tool after it", async () => {
    await using toolkit = createMcpServers({ raw: raw("good") }, { name: "mcp_own" });
    const { names } = await openRun(toolkit);
    expect(toolkit.name).toBe("mcp_own");
    expect(names()).toEqual(["mcp__raw__call", "mcp__raw__read", "mcp_own__read_result"]);
  });

  it("offers nothing of its own when no server offers anything", async () => {
    const { names } = await open({});
    expect(names()).toEqual([]);
  });
});
