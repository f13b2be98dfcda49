import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError, Orchestrator, type OrchestratorOptions } from "../../../src/index.js";
import { callTool, newAnswer, scriptedBackend, vote } from "../../../src/testing/index.js";
import { play, team, toolNames } from "../helpers.js";
import { fakeToolkit } from "./fake-toolkit.js";

const make = (options: object, agent: object = {}) =>
  new Orchestrator({ agents: [{ id: "a", backend: scriptedBackend([]), ...agent }], ...options } as OrchestratorOptions);

describe("options of toolkits", () => {
  it.each<[object, string, string]>([
    [{ workspaces: { contextpath: [] } }, "workspaces.contextpath", 'did you mean "contextPaths"?'],
    [{ workspaces: { commands: { sandboxx: "auto" } } }, "workspaces.commands.sandboxx", 'did you mean "sandbox"?'],
    [{ workspaces: { contextPaths: [{ paht: "/x" }] } }, "workspaces.contextPaths[0].paht", 'did you mean "path"?'],
    [{ workspaces: { contextPaths: "/x" } }, "workspaces.contextPaths", "must be a list of"],
    [{ workspaces: "yes" }, "workspaces", "must be true, false or an object"],
    [{ workspace: true }, "workspace", 'did you mean "workspaces"?'],
    [{ mcpServers: { files: { comand: "npx" } } }, "mcpServers.files.comand", 'did you mean "command"?'],
    [{ mcpServers: { files: {} } }, "mcpServers.files", "needs a `command` to start, or a `url`"],
    [{ mcpServers: [1] }, "mcpServers[0]", "must be an object"],
    [{ mcpServers: "npx" }, "mcpServers", "must be an object of servers by name"],
    [{ taskPlanning: { maxTask: 3 } }, "taskPlanning.maxTask", 'did you mean "maxTasks"?'],
    [{ taskPlanning: { maxTasks: 0 } }, "taskPlanning.maxTasks", "of at least 1"],
    [{ memory: { notes: 3 } }, "memory.notes", "unknown option"],
    [{ memory: 1 }, "memory", "must be true, false or an object"],
    [{ toolkits: {} }, "toolkits", "must be a list of toolkits"],
    [{ toolkits: [{ name: "x" }] }, "toolkits[0]", "an object with a `name` and `open(run)`"],
  ])("%j is refused by name before anything runs", (options, path, message) => {
    const error = (() => {
      try {
        make(options);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).path).toBe(path);
    expect((error as ConfigError).message).toContain(message);
  });

  it.each<[object, string]>([
    [{ mcpServers: { files: { comand: "npx" } } }, "agents[0].mcpServers.files.comand"],
    [{ toolkits: [1] }, "agents[0].toolkits[0]"],
    [{ workspace: "yes" }, "agents[0].workspace"],
    [{ mcpServer: {} }, "agents[0].mcpServer"],
  ])("of an agent: %j", (agent, path) => {
    expect(() => make({}, agent)).toThrow(expect.objectContaining({ path }) as ConfigError);
  });

  it("that are off, or empty, cost nothing: the run starts as one without", async () => {
    const script = { a: ["Alone."] };
    const off = { workspaces: false, mcpServers: {}, toolkits: [], taskPlanning: false, memory: false, planningMode: false };
    const events = async (options: object) => (await play(team(script, options))).events.map(({ type, time }) => [type, time]);
    expect(await events(off)).toEqual(await events({}));
  });
});

describe("workspaces: true", () => {
  it("gives every agent one but those that want none, and the result says where the files are", async () => {
    const root = await mkdtemp(join(tmpdir(), "massgen-options-"));
    try {
      const write = callTool("write_file", { path: "note.txt", content: "mine" });
      const backends = {
        a: scriptedBackend([newAnswer("A"), vote("agent2")]),
        b: scriptedBackend([write, newAnswer("B"), vote("agent2"), "Final."]),
      };
      await using orchestrator = new Orchestrator({
        agents: [
          { id: "a", backend: backends.a, workspace: false },
          { id: "b", backend: backends.b },
        ],
        workspaces: { root, commands: false },
      });
      const result = await orchestrator.run("The task").result;
      expect(toolNames(backends.a.requests[0])).toEqual(["new_answer"]);
      expect(toolNames(backends.b.requests[0])).toEqual(expect.arrayContaining(["read_file", "write_file"]));
      expect(await readFile(join(result.workspace!, "note.txt"), "utf8")).toBe("mine");
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  it("that cannot be made end the run with the option at fault", async () => {
    const orchestrator = make({ workspaces: { maxFileBytes: -1 } });
    await expect(orchestrator.run("The task").result).rejects.toMatchObject({
      code: "bad_option",
      message: expect.stringContaining("maxFileBytes"),
    });
  });
});

it("a toolkit that several agents are given is one to each of them", async () => {
  const shared = fakeToolkit();
  const made = team(
    { a: [newAnswer("A"), vote("agent1"), "Final."], b: [newAnswer("B"), vote("agent1")], c: [newAnswer("C"), vote("agent1")] },
    { agents: { a: { toolkits: [shared] }, c: { toolkits: [shared] } } },
  );
  await play(made);
  expect(shared.log[0]).toBe("fake open a=agent1 c=agent3");
  expect(toolNames(made.backends.b!.requests[0])).toEqual(["new_answer"]);
});
