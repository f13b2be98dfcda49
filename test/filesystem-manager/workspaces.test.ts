import { existsSync } from "node:fs";
import { mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createWorkspaces, type WorkspaceOptions } from "../../src/filesystem-manager/index.js";
import type { UserPart } from "../../src/formatter/messages.js";
import { systemRuntime } from "../../src/runtime.js";
import { tool } from "../../src/tools/tool.js";
import type { RunToolkit, Toolkit, ToolkitRun, ToolTurn } from "../../src/tools/toolkit.js";
import { codeOf, temporaryDirectory, text, toolContext, writeTree } from "./helpers.js";

const signal = new AbortController().signal;

interface Warning {
  code: string;
  message: string;
  agentId?: string;
}

async function opened(options: WorkspaceOptions = {}, more: { toolkit?: Toolkit; base?: string } = {}) {
  const base = more.base ?? (await temporaryDirectory());
  const root = join(base, "root");
  const toolkit = more.toolkit ?? createWorkspaces({ root, commands: false, ...options });
  const warnings: Warning[] = [];
  const run: ToolkitRun = {
    runId: "run_secret",
    agents: [
      { agentId: "gpt-secret", alias: "agent1" },
      { agentId: "claude-secret", alias: "agent2" },
    ],
    signal,
    runtime: systemRuntime,
    warn: (warning) => void warnings.push(warning),
    ask: async () => undefined,
  };
  const kit = await toolkit.open(run);
  onTestFinished(() => kit.close());
  return { base, root, toolkit, kit, warnings };
}

let turns = 0;
const turn = (agentId: string, phase: ToolTurn["phase"] = "draft", labels: string[] = []): ToolTurn => ({
  agentId,
  turnId: `turn${++turns}`,
  phase,
  labels,
});

/** Begins a turn and calls its tools. */
function playing(kit: RunToolkit, now: ToolTurn) {
  const tools = kit.tools(now);
  return async (name: string, input: unknown): Promise<string | UserPart[]> =>
    (await tools.find((each) => each.name === name)!.execute!(input, { ...toolContext(), turnId: now.turnId })) as string | UserPart[];
}

/** Writes a file and hands it in as that label. */
async function answer(kit: RunToolkit, agentId: string, label: string, content: string): Promise<void> {
  const now = turn(agentId);
  await playing(kit, now)("write_file", { path: "main.txt", content });
  (await kit.handIn!(now, signal))(label);
}

describe("a run", () => {
  it("gives each agent a directory of its own, whose name tells nothing", async () => {
    const { kit, root } = await opened();
    const one = kit.context!(turn("gpt-secret")).workspace!;
    const two = kit.context!(turn("claude-secret")).workspace!;
    expect(dirname(one)).not.toBe(dirname(two));
    expect(`${one}${two}`.slice(root.length)).not.toMatch(/secret|gpt|claude|agent/);
    expect(await readdir(one)).toEqual([]);
  });

  it("shows who reviews the files that were presented, and others those of the answer", async () => {
    const { kit } = await opened();
    await answer(kit, "gpt-secret", "agent1.1", "as voted");
    const presenting = turn("gpt-secret", "present", ["agent1.1"]);
    const play = playing(kit, presenting);
    await play("read_file", { path: "main.txt" });
    await play("write_file", { path: "main.txt", content: "as presented" });
    await play("write_file", { path: "more.txt", content: "more" });
    (await kit.handIn!(presenting, signal))("agent1.1");
    const reads = (phase: ToolTurn["phase"]) =>
      playing(kit, turn("claude-secret", phase, ["agent1.1"]))("read_file", { path: "agent1.1/main.txt" });
    expect(await reads("review")).toBe("as presented");
    expect(kit.note!(turn("claude-secret", "review", ["agent1.1"]), {})).toContain("agent1.1/ (2 files)");
    expect(await reads("evaluate")).toBe("as voted");
  });

  it("leaves the winner's files, and nothing else", async () => {
    const { kit, root, toolkit } = await opened();
    await answer(kit, "gpt-secret", "agent1.1", "first");
    await answer(kit, "claude-secret", "agent2.1", "second");
    const presenting = turn("claude-secret", "present", ["agent1.1", "agent2.1"]);
    const play = playing(kit, presenting);
    await play("write_file", { path: "final.txt", content: "final" });
    await play("write_file", { path: "node_modules/x/index.js", content: "x" });
    (await kit.handIn!(presenting, signal))("agent2.1");
    const { workspace } = await kit.result!({ agentId: "claude-secret", label: "agent2.1" });
    await kit.close();
    await toolkit.close?.();
    expect((await readdir(workspace!)).sort()).toEqual(["final.txt", "main.txt"]);
    expect(await text(join(workspace!, "main.txt"))).toBe("second");
    await writeFile(join(workspace!, "main.txt"), "it is writable");
    expect((await stat(workspace!)).mode & 0o700).toBe(0o700);
    expect((await readdir(join(root, "live"))).length).toBe(0);
    expect(await readdir(dirname(workspace!))).toEqual([".massgen-run", "workspace"]);
  });

  it("that reuses an answer leaves the files of that answer, as they were handed in", async () => {
    const { kit } = await opened();
    await answer(kit, "gpt-secret", "agent1.1", "as voted for");
    await playing(kit, turn("gpt-secret", "evaluate", ["agent1.1"]))("write_file", { path: "main.txt", content: "changed since" });
    const { workspace } = await kit.result!({ agentId: "gpt-secret", label: "agent1.1" });
    expect(await text(join(workspace!, "main.txt"))).toBe("as voted for");
  });

  it("of one agent alone presents its answer", async () => {
    const { kit } = await opened();
    const now = turn("gpt-secret", "present");
    await playing(kit, now)("write_file", { path: "main.txt", content: "alone" });
    (await kit.handIn!(now, signal))("agent1.1");
    const { workspace } = await kit.result!({ agentId: "gpt-secret", label: "agent1.1" });
    expect(await text(join(workspace!, "main.txt"))).toBe("alone");
  });

  it("without files of the winner has no workspace to show; what failed in presenting counts for nothing", async () => {
    const { kit } = await opened();
    expect(await kit.result!({ agentId: "gpt-secret", label: "agent1.1" })).toEqual({});
    await answer(kit, "gpt-secret", "agent1.1", "voted");
    const now = turn("gpt-secret", "present", ["agent1.1"]);
    await playing(kit, now)("write_file", { path: "main.txt", content: "half done" });
    (await kit.handIn!(now, signal))(undefined);
    const { workspace } = await kit.result!({ agentId: "gpt-secret", label: "agent1.1" });
    expect(await text(join(workspace!, "main.txt"))).toBe("voted");
  });

  it("that is sent back presents what was presented last", async () => {
    const { kit } = await opened();
    await answer(kit, "gpt-secret", "agent1.1", "voted");
    for (const content of ["presented once", "presented twice"]) {
      const now = turn("gpt-secret", "present", ["agent1.1"]);
      await playing(kit, now)("write_file", { path: "main.txt", content });
      (await kit.handIn!(now, signal))("agent1.1");
    }
    const { workspace } = await kit.result!({ agentId: "gpt-secret", label: "agent1.1" });
    expect(await text(join(workspace!, "main.txt"))).toBe("presented twice");
  });

  it("shares nothing with another at the same time", async () => {
    const first = await opened();
    const second = await opened({}, { toolkit: first.toolkit, base: first.base });
    await answer(first.kit, "gpt-secret", "agent1.1", "of the first");
    const evaluating = turn("gpt-secret", "evaluate", ["agent1.1"]);
    expect(await codeOf(playing(second.kit, evaluating)("read_file", { path: "agent1.1/main.txt" }))).toBe("path_denied");
    await first.kit.close();
    await answer(second.kit, "gpt-secret", "agent1.1", "of the second");
    expect(await playing(second.kit, evaluating)("read_file", { path: "agent1.1/main.txt" })).toBe("of the second");
  });

  it("keeps as many results as asked, apart from fresh ones", async () => {
    const { kit, root, toolkit } = await opened({ keep: 1 });
    const old = join(root, "results", "20200101T000000Z-0123456789ab");
    await writeTree(old, { ".massgen-run": JSON.stringify({ massgen: 1, machine: "m", pid: 1 }), "workspace/a": "a" });
    await answer(kit, "gpt-secret", "agent1.1", "x");
    await kit.result!({ agentId: "gpt-secret", label: "agent1.1" });
    await toolkit.close?.();
    expect(existsSync(old)).toBe(false);
    expect(await readdir(join(root, "results"))).toHaveLength(1);
  });

  it("is cleaned up after by a later one if its process was killed", async () => {
    const base = await temporaryDirectory();
    const left = join(base, "root", "live", "0123456789ab");
    const { ownIdentity } = await import("../../src/filesystem-manager/process-identity.js");
    await writeTree(left, { ".massgen-run": JSON.stringify({ massgen: 1, ...ownIdentity(), pid: 2 ** 22 + 1 }), "w/workspace/a": "a" });
    const { toolkit } = await opened({}, { base });
    await toolkit.close?.();
    expect(existsSync(left)).toBe(false);
  });
});

describe("answers", () => {
  it("are seen as they were handed in, by those who may see them, and by nobody who drafts", async () => {
    const { kit } = await opened();
    await answer(kit, "gpt-secret", "agent1.1", "one");
    const drafting = playing(kit, turn("claude-secret", "draft", ["agent1.1"]));
    expect(await codeOf(drafting("read_file", { path: "agent1.1/main.txt" }))).toBe("path_denied");
    const labels: string[] = [];
    const evaluating = playing(kit, turn("claude-secret", "evaluate", labels));
    expect(await codeOf(evaluating("read_file", { path: "agent1.1/main.txt" }))).toBe("path_denied");
    labels.push("agent1.1"); // news
    expect(await evaluating("read_file", { path: "agent1.1/main.txt" })).toBe("one");
    await answer(kit, "gpt-secret", "agent1.2", "two");
    expect(await evaluating("read_file", { path: "agent1.1/main.txt" })).toBe("one");
    expect(await codeOf(evaluating("write_file", { path: "agent1.1/main.txt", content: "x" }))).toBe("path_denied");
  });

  it("that were rejected leave nothing", async () => {
    const { kit } = await opened();
    const now = turn("gpt-secret");
    await playing(kit, now)("write_file", { path: "main.txt", content: "x" });
    (await kit.handIn!(now, signal))(undefined);
    expect(await codeOf(playing(kit, turn("gpt-secret", "evaluate", ["agent1.1"]))("list_directory", { path: "agent1.1" }))).toBe(
      "path_denied",
    );
  });

  it("do not take along what must not be, with one warning for each", async () => {
    const { kit, warnings, base } = await opened();
    const workspace = kit.context!(turn("gpt-secret")).workspace!;
    await symlink(base, join(workspace, "out"));
    await answer(kit, "gpt-secret", "agent1.1", "x");
    const again = turn("gpt-secret");
    (await kit.handIn!(again, signal))("agent1.2");
    expect(warnings).toEqual([
      {
        code: "snapshot_incomplete",
        message: 'The snapshot of the workspace is not complete: "out" (a symbolic link that leaves the workspace).',
        agentId: "gpt-secret",
      },
    ]);
  });

  it("that are too large are not taken", async () => {
    const { kit } = await opened({ maxSnapshotFiles: 1 });
    const now = turn("gpt-secret");
    const play = playing(kit, now);
    await play("write_file", { path: "a", content: "a" });
    await play("write_file", { path: "b", content: "b" });
    expect(await codeOf(kit.handIn!(now, signal))).toBe("workspace_too_large");
    expect(await codeOf(kit.handIn!(now, AbortSignal.abort(new Error("over"))))).toMatch(/over/);
  });
});

describe("context paths", () => {
  const withContext = async (more: Partial<NonNullable<WorkspaceOptions["contextPaths"]>[number]> = {}) => {
    const base = await temporaryDirectory();
    await writeTree(base, { "project/main.ts": "original", "project/keep/me.txt": "k", "project/.env": "KEY=1" });
    const project = join(base, "project");
    return {
      project,
      ...(await opened({ contextPaths: [{ path: project, permission: "write", protectedPaths: ["keep"], ...more }] }, { base })),
    };
  };

  it("are written to by the presenter alone, but for what is protected", async () => {
    const { kit, project } = await withContext();
    for (const phase of ["draft", "evaluate", "review"] as const) {
      const play = playing(kit, turn("gpt-secret", phase));
      expect(await play("read_file", { path: join(project, "main.ts") })).toBe("original");
      expect(await codeOf(play("write_file", { path: join(project, "main.ts"), content: "x" })), phase).toBe("path_denied");
    }
    const play = playing(kit, turn("gpt-secret", "present"));
    await play("write_file", { path: join(project, "main.ts"), content: "final" });
    expect(await codeOf(play("write_file", { path: join(project, "keep/new.txt"), content: "x" }))).toBe("path_denied");
    expect(await codeOf(play("read_file", { path: join(project, ".env") }))).toBe("path_denied");
    expect(await text(join(project, "main.ts"))).toBe("final");
  });

  it("of the turn before give nothing to a call that comes late", async () => {
    const { kit, project } = await withContext();
    const presenting = turn("gpt-secret", "present");
    const late = playing(kit, presenting);
    const evaluating = playing(kit, turn("gpt-secret", "evaluate"));
    expect(await codeOf(late("write_file", { path: join(project, "main.ts"), content: "x" }))).toBe("turn_over");
    expect(await codeOf(evaluating("write_file", { path: join(project, "main.ts"), content: "x" }))).toBe("path_denied");
  });

  it("that hold the directories of runs do not open them", async () => {
    const base = await temporaryDirectory();
    await writeTree(base, { "results-of-mine.txt": "r" });
    const { kit } = await opened({ root: join(base, "root"), contextPaths: [{ path: base, permission: "write" }] }, { base });
    await answer(kit, "gpt-secret", "agent1.1", "x");
    const other = kit.context!(turn("gpt-secret")).workspace!;
    const play = playing(kit, turn("claude-secret", "present"));
    expect(await codeOf(play("read_file", { path: join(other, "main.txt") }))).toBe("path_denied");
    expect(await play("list_directory", { path: base, depth: 5 })).toBe(`${base}:\nresults-of-mine.txt (1 byte)`);
    expect(await play("write_file", { path: join(base, "new.txt"), content: "n" })).toMatch(/^Created/);
    expect(await codeOf(play("delete_file", { path: join(base, "root"), recursive: true }))).toBe("path_denied");
  });

  it.each([
    ["none", {}, "context_path_missing"],
    ["/", {}, "bad_context_path"],
    [".", { protectedPaths: ["../x"] }, "bad_context_path"],
    [".", { protectedPaths: ["."] }, "bad_context_path"],
    ["root", {}, "bad_context_path"],
    ["root/live", {}, "bad_context_path"],
  ])("%j %j cannot be one", async (path, more, code) => {
    const base = await temporaryDirectory();
    await mkdir(join(base, "root/live"), { recursive: true });
    const given = path === "/" ? path : join(base, path);
    expect(await codeOf(opened({ contextPaths: [{ path: given, permission: "read", ...more }] }, { base }))).toBe(code);
  });

  it("may come by a link, and be a single file", async () => {
    const base = await temporaryDirectory();
    await writeTree(base, { "real/main.ts": "m", "real/other.ts": "o" });
    await symlink("real", join(base, "link"));
    const { kit } = await opened({ contextPaths: [{ path: join(base, "link", "main.ts"), permission: "write" }] }, { base });
    const play = playing(kit, turn("gpt-secret", "present"));
    expect(await play("read_file", { path: join(base, "link", "main.ts") })).toBe("m");
    await play("write_file", { path: join(base, "real", "main.ts"), content: "written" });
    expect(await codeOf(play("read_file", { path: join(base, "real", "other.ts") }))).toBe("path_denied");
    expect(await text(join(base, "real/main.ts"))).toBe("written");
  });
});

describe("what models are told", () => {
  it("is the same for all agents and turns, and names nobody", async () => {
    const base = await temporaryDirectory();
    await writeTree(base, { "project/a.txt": "a", "notes.txt": "n" });
    const { kit } = await opened(
      {
        contextPaths: [
          { path: join(base, "project"), permission: "write", protectedPaths: ["keep"] },
          { path: join(base, "notes.txt"), permission: "read" },
        ],
      },
      { base },
    );
    const said = kit.instructions!("gpt-secret");
    expect(said).toBe(kit.instructions!("claude-secret"));
    expect(said).toContain(`The directory ${base}/project may be read. It may be changed only while the final answer is presented`);
    expect(said).toContain(`always stay as they are: ${base}/project/keep.`);
    expect(said).toContain(`The file ${base}/notes.txt may be read, not changed.`);
    expect(said).not.toMatch(/secret|root\/live/);
  });

  it("of a turn: where the files of the answers are, and what may be changed now", async () => {
    const base = await temporaryDirectory();
    await writeTree(base, { "project/a.txt": "a" });
    const { kit } = await opened({ contextPaths: [{ path: join(base, "project"), permission: "write" }] }, { base });
    await answer(kit, "gpt-secret", "agent1.1", "x");
    (await kit.handIn!(turn("claude-secret"), signal))("agent2.1");
    const context = { workspace: "" };
    expect(kit.note!(turn("gpt-secret"), context)).toBeUndefined();
    expect(kit.note!(turn("gpt-secret", "evaluate", ["agent1.1", "agent2.1", "agent3.1"]), context)).toBe(
      "Files of the answers (read-only): agent1.1/ (1 file), agent2.1/ (no files).",
    );
    expect(kit.newsNote!(turn("gpt-secret", "evaluate", ["agent2.1"]))).toBe("Files of the answers (read-only): agent2.1/ (no files).");
    expect(kit.note!(turn("gpt-secret", "present"), context)).toBe(`You may now change ${base}/project.`);
  });
});

describe("tools of others", () => {
  const reader = tool({
    name: "upload",
    description: "",
    input: { type: "object" },
    paths: { reads: ["file", "files"], writes: ["to"], deletes: ["gone"] },
    execute: () => "",
  });

  it("are checked by the arguments they declare", async () => {
    const { kit, base } = await opened();
    await writeTree(base, { "outside.txt": "o" });
    const now = turn("gpt-secret");
    await playing(kit, now)("write_file", { path: "a.txt", content: "a" });
    const check = (input: unknown, which = reader) => codeOf(Promise.resolve(kit.check!({ tool: which, input }, now)));
    const fine = "no error: undefined";
    expect(await check({ file: "a.txt", files: ["a.txt", "new.txt"], to: "b.txt", gone: "a.txt", other: "/etc/passwd" })).toMatch(
      /no error/,
    );
    expect(await check({})).toBe(fine);
    expect(await check(undefined)).toBe(fine);
    for (const input of [{ file: "/etc/passwd" }, { files: ["a.txt", join(base, "outside.txt")] }, { to: "agent1.1/x" }, { gone: "." }]) {
      expect(await check(input), JSON.stringify(input)).toBe("path_denied");
    }
    expect(await check({ file: { path: "x" } })).toBe("bad_path");
    const { paths: _, ...undeclared } = reader;
    expect(await check({ file: "/etc/passwd" }, undeclared)).toBe(fine);
  });

  it("get every path real and absolute, for they need not work in the workspace", async () => {
    const { kit } = await opened();
    const now = turn("gpt-secret");
    const { workspace } = kit.context!(now);
    await writeTree(workspace!, { "a.txt": "a" });
    await symlink("a.txt", join(workspace!, "link"));
    const checked = async (input: unknown) => kit.check!({ tool: reader, input }, now);
    const given = { file: "link", files: ["./a.txt", "sub/../new.txt"], to: "link", gone: "link", other: "a.txt" };
    const at = (name: string) => join(workspace!, name);
    const real = { file: at("a.txt"), files: [at("a.txt"), at("new.txt")], to: at("a.txt"), gone: at("link"), other: "a.txt" };
    expect(await checked(given)).toEqual({ input: real });
    expect(given.file).toBe("link");
    expect(await checked(real)).toBeUndefined();
  });

  describe("with paths within objects and lists", () => {
    const nested = tool({
      name: "write_all",
      description: "",
      input: { type: "object" },
      paths: { writes: ["files.path", "set.a.b", "list"], reads: ["list.path", "uri"] },
      execute: () => "",
    });
    const checking = async () => {
      const { kit, base } = await opened();
      const now = turn("gpt-secret");
      const { workspace } = kit.context!(now);
      return { base, workspace: workspace!, check: async (input: unknown) => (await kit.check!({ tool: nested, input }, now))?.input };
    };

    it("are checked in each of them", async () => {
      const { check, workspace } = await checking();
      expect(
        await check({ files: [{ path: "x" }, { path: "y", content: "/etc/passwd" }], set: { a: { b: "z" } }, list: [{ path: "l" }, "m"] }),
      ).toEqual({
        files: [{ path: `${workspace}/x` }, { path: `${workspace}/y`, content: "/etc/passwd" }],
        set: { a: { b: `${workspace}/z` } },
        list: [{ path: `${workspace}/l` }, `${workspace}/m`],
      });
      for (const input of [
        { files: [{ path: "x" }, { path: "/etc/passwd" }] },
        { files: { path: "../../x" } },
        { files: [[{ path: "/etc/passwd" }]] },
        { files: [{ path: ["/etc/passwd"] }] },
        { set: { a: { b: "/etc/passwd" } } },
        { "set.a": { b: "/etc/passwd" } },
        { "files.path": "/etc/passwd", files: [] },
        { set: { "a.b": "/etc/passwd" } },
        { list: [{ path: "/etc/passwd" }] },
        { list: ["/etc/passwd"] },
      ]) {
        expect(await codeOf(check(input)), JSON.stringify(input)).toBe("path_denied");
      }
    });

    it("cannot be hidden in a text that a server reads as JSON", async () => {
      const { check } = await checking();
      const files = JSON.stringify([{ path: "/etc/passwd" }]);
      expect(await codeOf(check({ files }))).toBe("invalid_tool_input");
      expect(await codeOf(check(JSON.stringify({ files })))).toBe("invalid_tool_input");
      expect(JSON.stringify(await check({ list: '["/etc/passwd"]' }))).toContain("/workspace/");
    });

    it("may be file: URIs; other URIs name no file", async () => {
      const { check, workspace, base } = await checking();
      await writeTree(workspace, { "a b.txt": "a" });
      expect(await check({ uri: `file://${workspace}/a%20b.txt` })).toBeUndefined();
      expect(await check({ uri: ` FILE:${workspace}/x/../a%20b.txt` })).toEqual({ uri: `file://${workspace}/a%20b.txt` });
      for (const uri of ["https://x.example/etc", "example.com/a", "data:text/plain,x"]) expect(await check({ uri })).toBeUndefined();
      expect(await check({ uri: "./a b.txt" })).toEqual({ uri: `${workspace}/a b.txt` });
      for (const uri of [
        "file:///etc/passwd",
        "file:/etc/passwd",
        "file:etc/passwd",
        "\tFILE:///etc/passwd",
        "file:///%65tc/passwd",
        `file://${base}/../../etc/passwd`,
        "view-source:file:///etc/passwd",
        "/etc/passwd",
        "../../../x",
      ]) {
        expect(await codeOf(check({ uri })), uri).toBe("path_denied");
      }
      for (const uri of ["file://elsewhere/etc/passwd", "file:///a%2fb"]) expect(await codeOf(check({ uri })), uri).toBe("bad_path");
    });
  });

  it("are not given a directory in which the directories of runs lie: nobody can say how deep they look", async () => {
    const base = await temporaryDirectory();
    await writeTree(base, { "project/src/a.ts": "a" });
    const project = join(base, "project");
    const { kit } = await opened({ root: join(project, "runs"), contextPaths: [{ path: project, permission: "write" }] });
    for (const phase of ["draft", "present"] as const) {
      const now = turn("gpt-secret", phase);
      for (const input of [{ file: project }, { to: project }, { file: join(project, "runs") }]) {
        expect(await codeOf(Promise.resolve(kit.check!({ tool: reader, input }, now)))).toBe("path_denied");
      }
      expect(await kit.check!({ tool: reader, input: { file: join(project, "src") } }, now)).toBeUndefined();
    }
  });

  it("can keep what is too long where the agent reads it and no snapshot takes it", async () => {
    const { kit, base } = await opened();
    const now = turn("gpt-secret");
    const play = playing(kit, now);
    const { saveFile, workspace } = kit.context!(now);
    const path = await saveFile!("../../result of call.txt", "long");
    expect(path).toBe(".massgen/outputs/1-_.._result_of_call.txt");
    expect(await saveFile!("", new Uint8Array([104, 105]))).toBe(".massgen/outputs/2-output");
    expect(await play("read_file", { path })).toBe("long");
    (await kit.handIn!(now, signal))("agent1.1");
    expect(await playing(kit, turn("gpt-secret", "evaluate", ["agent1.1"]))("list_directory", { path: "agent1.1" })).toBe(
      '"agent1.1" is empty.',
    );
    const other = kit.context!(turn("claude-secret"));
    await symlink(base, join(other.workspace!, ".massgen"));
    expect(await codeOf(other.saveFile!("x", "x"))).toMatch(/path_denied|not_a_directory/);
    expect(await readdir(base)).toEqual(["root"]);
    expect(basename(workspace!)).toBe("workspace");
  });
});

describe("options", () => {
  it.each([
    [{ rot: "x" }, /workspaces\.rot: unknown option, did you mean "root"\?/],
    [{ root: "" }, /workspaces\.root: must be the path of a directory/],
    [{ contextPaths: "x" }, /must be a list/],
    [{ contextPaths: [{ path: "x" }] }, /contextPaths\[0\]\.permission: must be "read" or "write"/],
    [{ contextPaths: [{ path: "x", permission: "read", protectedPath: [] }] }, /unknown option, did you mean "protectedPaths"/],
    [{ contextPaths: [{ path: "x", permission: "read", protectedPaths: [""] }] }, /must be a list of paths/],
    [{ exclude: ["a/b"] }, /exclude: must be a list of names without/],
    [{ hidden: ".env" }, /hidden: must be a list of names/],
    [{ readBeforeWrite: "yes" }, /readBeforeWrite: must be true or false/],
    [{ maxFileBytes: 0 }, /maxFileBytes: must be a whole number above 0, not 0/],
    [{ keep: 0 }, /keep: must be a whole number above 0, or Infinity/],
    [{ commands: "yes" }, /commands: must be true, false or an object/],
    [{ commands: { sandbox: "maybe" } }, /workspaces\.commands\.sandbox/],
  ])("%j", (options, message) => {
    expect(() => createWorkspaces(options as WorkspaceOptions)).toThrow(message);
  });
});
