// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the variables of config files
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig, parseConfig } from "../../src/config/index.js";
import { wordPattern } from "../../src/config/tools/command-patterns.js";
import { ConfigError } from "../../src/errors.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import { openToolkit, temporaryDirectory } from "../tools/toolkit-support.js";

function problems(text: string): string[] {
  try {
    parseConfig(text, { path: "/team/team.yaml", env: {} });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError) || error.code !== "invalid_config") throw error;
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim().replace(/^\d+:\d+ {2}/, ""));
  }
}

const parse = (text: string, env: Record<string, string> = {}) => parseConfig(text, { path: "/team/team.yaml", env });
const one = (backend: string, rest = "") => `agents:\n  - id: ada\n    backend: { type: vllm, model: m, ${backend} }\n${rest}`;
const coordination = (keys: string) => `orchestrator: { coordination: { ${keys} } }`;

describe("mcp_servers", () => {
  it("of all agents and of one, in either form, with variables, become options", () => {
    const options = parse(
      `
agents:
  - id: ada
    backend:
      type: vllm
      model: m
      allowed_tools: [search]
      exclude_tools: [drop]
      mcp_servers:
        - name: docs
          type: streamable-http
          url: https://docs.example/mcp
          headers: { Authorization: "Bearer \${TOKEN}" }
          timeout: 30
          exclude_tools: [write]
        - { name: own, type: stdio, command: npx, args: [-y, server], allowed_tools: [read], per_agent: true, roots: [data] }
  - id: ben
    backend: { type: vllm, model: m }
mcp_servers:
  files: { command: [node, ./server.js], env: { KEY: "\${KEY:-none}" }, cwd: servers, connect_timeout: 5, required: true }
  feed: { type: sse, url: "http://localhost:9/sse", timeout: null, instructions: false, max_tools: 3, max_result_bytes: 100 }
  plain: { command: serve }
  repo: { command: serve, paths: { render: { reads: [template], writes: [output.file] }, translate: false } }
  far: { command: serve, paths: false }
`,
      { TOKEN: "t" },
    );
    expect(options.mcpServers).toEqual({
      files: { command: ["node", "./server.js"], env: { KEY: "none" }, cwd: "/team/servers", connectTimeoutMs: 5_000, required: true },
      feed: {
        type: "sse",
        url: "http://localhost:9/sse",
        timeoutMs: Number.POSITIVE_INFINITY,
        instructions: false,
        maxTools: 3,
        maxResultBytes: 100,
      },
      plain: { command: "serve", cwd: "/team" },
      repo: { command: "serve", cwd: "/team", paths: { render: { reads: ["template"], writes: ["output.file"] }, translate: false } },
      far: { command: "serve", cwd: "/team", paths: false },
    });
    expect(options.agents.map(({ mcpServers }) => mcpServers)).toEqual([
      [
        {
          name: "docs",
          type: "streamable-http",
          url: "https://docs.example/mcp",
          headers: { Authorization: "Bearer t" },
          timeoutMs: 30_000,
          allowedTools: ["search"],
          excludeTools: ["drop", "write"],
        },
        {
          name: "own",
          type: "stdio",
          command: "npx",
          args: ["-y", "server"],
          allowedTools: ["read"],
          excludeTools: ["drop"],
          perAgent: true,
          roots: ["/team/data"],
        },
      ],
      undefined,
    ]);
    expect(new Orchestrator(options).agents).toHaveLength(2);
  });

  it.each([
    ["mcp_servers: 5", "mcp_servers must be a list of servers, each with a name, or a mapping from names to servers."],
    ["mcp_servers: { type: stdio, command: npx }", "mcp_servers is a single server. Give it a name"],
    ["mcp_servers: [{ command: npx }]", "mcp_servers[0].name is missing: the server's tools are called mcp__<name>__<tool>."],
    ["mcp_servers: { a: { comand: npx } }", 'mcp_servers.a.comand is not a known key. Did you mean "command"?'],
    [
      "mcp_servers: [{ name: a, command: npx, allowedTools: [] }]",
      'mcp_servers[0].allowedTools is not a known key. Did you mean "allowed_tools"?',
    ],
    ["mcp_servers: { a: { command: 5 } }", "mcp_servers.a.command must be a program, or a list of it and its arguments, not 5."],
    ["mcp_servers: { a: { type: stdio } }", "mcp_servers.a needs a command to start, or a url"],
    ["mcp_servers: { a: { type: websocket, url: 'ws://x' } }", "mcp_servers.a.type must be one of stdio, streamable-http, http, sse"],
    ["mcp_servers: { a: { url: 'ftp://x' } }", "mcp_servers.a.url must be an http: or https: URL."],
    ["mcp_servers: { a: { url: 'http://x', env: {} } }", "mcp_servers.a.env has no meaning for a server of type streamable-http."],
    ["mcp_servers: { a: { command: x, paths: { t: { read: [y] } } } }", "mcp_servers.a.paths"],
    ["mcp_servers: { a: { command: x, roots: [y] } }", "mcp_servers.a.roots needs `per_agent: true`"],
    ["mcp_servers: { a: { command: x, security: { level: strict } } }", "mcp_servers.a.security is not carried over: which programs"],
    [
      "mcp_servers: { a: { url: 'http://x', http_read_timeout: 5 } }",
      "mcp_servers.a.http_read_timeout does not belong here: write it as `timeout`",
    ],
    ["mcp_servers: { a-b: { command: x }, a_b: { command: y } }", "mcp_servers"],
    ["mcp_servers: { a: { command: x, timeout: 0 } }", "mcp_servers.a.timeout must be more than 0, not 0."],
  ])("%s is told what is wrong", (line, message) => {
    const found = problems(one("", line));
    if (line.includes("a-b")) return expect(found.length).toBeLessThanOrEqual(1);
    expect(found).toEqual([expect.stringContaining(message)]);
    // The same of a backend's own.
    const own = problems(one(line));
    expect(own).toEqual([expect.stringContaining(`agents[0].backend.${message}`)]);
  });

  it("two servers of one name that an agent would have are told", () => {
    const text = one("mcp_servers: [{ name: a, command: x }, { name: b, command: x }]", "mcp_servers: { b: { command: y } }");
    expect(problems(text)).toEqual([expect.stringContaining('agents[0].backend.mcp_servers[1] is "b", as a server of all agents is')]);
  });

  it("filters of a backend that has no servers are told", () => {
    expect(problems(one("exclude_tools: [x]", "mcp_servers: { a: { command: x } }"))).toEqual([
      expect.stringContaining("agents[0].backend.exclude_tools filters the tools of this backend's own `mcp_servers`, and it has none."),
    ]);
  });

  it("secrets are not in what is told", () => {
    const text = one("", 'mcp_servers: { a: { url: "ftp://x", headers: { Authorization: "Bearer ${TOKEN}" } } }');
    expect(() => parse(text, { TOKEN: "s3cret" })).toThrow(expect.objectContaining({ message: expect.not.stringContaining("s3cret") }));
  });
});

describe("cwd and what goes with it", () => {
  it("gives its agents workspaces, with paths meant from the file", () => {
    const options = parse(`
agents:
  - id: ada
    backend: { type: vllm, model: m, cwd: workspace1, enforce_read_before_delete: false }
  - id: ben
    backend: { type: vllm, model: m }
orchestrator:
  context_paths:
    - { path: ../src, permission: write, protected_paths: [keep] }
    - path: /abs
    - path: ~/notes
`);
    expect(options.agents.map(({ workspace }) => workspace)).toEqual([true, false]);
    expect(options.workspaces).toEqual({
      commands: false,
      readBeforeWrite: false,
      contextPaths: [
        { path: "/src", permission: "write", protectedPaths: ["keep"] },
        { path: "/abs", permission: "read" },
        { path: join(homedir(), "notes"), permission: "read" },
      ],
    });
    expect(new Orchestrator(options).agents).toHaveLength(2);
  });

  it("without any there are no workspaces", () => {
    const options = parse(one(""));
    expect(options).not.toHaveProperty("workspaces");
    expect(options.agents[0]).not.toHaveProperty("workspace");
  });

  it("commands are on where they are, with MassGen's patterns as words", () => {
    const keys =
      'cwd: w, enable_mcp_command_line: true, command_line_allowed_commands: ["^git .*", npm run], command_line_blocked_commands: ["rm -rf"]';
    expect(parse(one(keys)).workspaces).toEqual({ commands: { allow: ["git *", "npm run *"], deny: ["rm -rf *"] } });
    expect(parse(one("cwd: w, enable_mcp_command_line: true")).workspaces).toEqual({ commands: {} });
    const local =
      "cwd: w, enable_mcp_command_line: true, command_line_env: [CI], command_line_sandbox: required, command_line_network: true";
    expect(parse(one(local)).workspaces).toEqual({ commands: { env: ["CI"], sandbox: "required", network: true } });
    const docker =
      "cwd: w, enable_mcp_command_line: true, command_line_execution_mode: docker, command_line_docker_image: node:22, command_line_docker_memory_limit: 2g, command_line_docker_cpu_limit: 1.5, command_line_docker_network_mode: bridge";
    const executor = { docker: { image: "node:22", memory: "2g", cpus: 1.5, network: "bridge" } };
    expect(parse(one(docker)).workspaces).toEqual({ commands: { executor } });
  });

  it.each([
    ["/home/me/project", "names a directory of your own"],
    ["../project", "names a directory of your own"],
    ["~/project", "names a directory of your own"],
    ["C:\\\\project", "names a directory of your own"],
  ])("cwd: %s is refused, as nothing of the user's is taken for a workspace", (cwd, message) => {
    expect(problems(one(`cwd: "${cwd}"`))).toEqual([expect.stringContaining(`agents[0].backend.cwd ${message}`)]);
  });

  it.each([
    [one("enable_mcp_command_line: true"), "agents[0].backend.enable_mcp_command_line needs a workspace: give this backend a `cwd`."],
    [one("cwd: w, command_line_blocked_commands: [rm]"), "has no meaning without `enable_mcp_command_line: true`."],
    [
      one("cwd: w, enable_mcp_command_line: true, command_line_docker_image: x"),
      "agents[0].backend.command_line_docker_image has no meaning without `command_line_execution_mode: docker`.",
    ],
    [
      one("cwd: w, enable_mcp_command_line: true, command_line_execution_mode: docker, command_line_network: true"),
      "agents[0].backend.command_line_network has no meaning with `command_line_execution_mode: docker`.",
    ],
    [one('cwd: w, enable_mcp_command_line: true, command_line_env: ["A=B"]'), "agents[0].backend.command_line_env cannot be used"],
    [
      one('cwd: w, enable_mcp_command_line: true, command_line_allowed_commands: [ls, "(git|npm) .*"]'),
      "agents[0].backend.command_line_allowed_commands[1] is a regular expression that cannot be carried over.",
    ],
    [one("", "orchestrator: { context_paths: [{ path: a }] }"), "orchestrator.context_paths needs agents that can use it"],
    [one("cwd: w", "orchestrator: { context_paths: [{ path: a, permision: write }] }"), 'Did you mean "permission"?'],
    [one("cwd: w", "orchestrator: { context_paths: [{ path: a, permission: rw }] }"), "must be one of read, write"],
    [one("cwd: w, context_paths: []"), "agents[0].backend.context_paths does not belong here: it belongs under `orchestrator`"],
    [one("cwd: w, context_write_access_enabled: true"), "the winner alone may write to context paths"],
    [one("cwd: w, command_line_docker_enable_sudo: true"), "command_line_docker_enable_sudo is gone"],
    [
      `${one("cwd: w, enable_mcp_command_line: true")}  - backend: { type: vllm, model: m, cwd: v }\n`,
      "agents[1].backend lacks enable_mcp_command_line, or it differs from that of agents[0].",
    ],
  ])("what does not fit is told (%#)", (text, message) => {
    expect(problems(text)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    ["git .*", "git *"],
    ["^git\\s+status$", "git status"],
    ["ls", "ls *"],
    ["python.*", "python* *"],
    ["rm -rf /.*", "rm -rf /* *"],
    ["npm run test*", "npm run test* *"],
    ["cat file\\.txt$", "cat file.txt"],
    ["git *", "git *"],
    ["(git|npm)", undefined],
    ["[a-z]+", undefined],
    ["a\\d", undefined],
    ["^$", undefined],
    ["rm\\$", undefined],
  ])("the pattern %s is %s in words", (expression, words) => {
    expect(wordPattern(expression)).toBe(words);
  });
});

describe("coordination with tools", () => {
  it("planning mode, task plans and memory are switched on", () => {
    const options = parse(
      one(
        "",
        coordination(
          "enable_planning_mode: true, enable_agent_task_planning: true, max_tasks_per_plan: 5, task_planning_filesystem_mode: false, enable_memory_filesystem_mode: true",
        ),
      ),
    );
    expect(options).toMatchObject({ planningMode: { judge: true }, taskPlanning: { maxTasks: 5, file: false }, memory: true });
    expect(new Orchestrator(options).agents).toHaveLength(1);
    expect(parse(one("", coordination("enable_planning_mode: true, planning_mode_judge: false"))).planningMode).toEqual({ judge: false });
    expect(parse(one("", coordination("enable_agent_task_planning: true"))).taskPlanning).toEqual({});
  });

  it("and off, whatever else is said of them", () => {
    const keys =
      "enable_planning_mode: false, enable_agent_task_planning: false, max_tasks_per_plan: 5, enable_memory_filesystem_mode: false";
    const options = parse(one("", coordination(keys)));
    expect(Object.keys(options)).toEqual(["agents"]);
  });

  it("keys that change nothing are told as a warning of the process", async () => {
    const told: string[] = [];
    const listen = (warning: Error) => told.push(`${warning.name}: ${warning.message}`);
    process.on("warning", listen);
    try {
      parse(one("cwd: w", "orchestrator: { snapshot_storage: s, agent_temporary_workspace: t }"));
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off("warning", listen);
    }
    expect(told).toEqual([
      expect.stringMatching(/^MassGenConfigWarning: \/team\/team\.yaml: orchestrator\.snapshot_storage has no effect: .*Remove the key\.$/),
      expect.stringContaining("orchestrator.agent_temporary_workspace has no effect"),
    ]);
  });
});

describe("custom_tools", () => {
  const module = `
const schema = { type: "object", properties: {} };
export const search = { name: "search_docs", description: "Searches.", inputSchema: schema, execute: () => "found" };
export const count = { name: "count", description: "Counts.", inputSchema: schema, execute: () => 3 };
export const helper = () => {};
export default search;
`;

  it("are what modules beside the file export, by the name of the export or of the tool", async () => {
    await using folder = await temporaryDirectory();
    await mkdir(join(folder.path, "lib"));
    await writeFile(join(folder.path, "lib/tools.mjs"), module);
    const toolNames = async (entry: string) => {
      const file = join(folder.path, "team.yaml");
      await writeFile(file, one(`custom_tools: [${entry}]`));
      const [toolkit] = (await loadConfig(file)).agents[0]!.toolkits!;
      const kit = await openToolkit(toolkit!);
      return kit.tools().map(({ name }) => name);
    };
    expect(await toolNames("{ path: ./lib/tools.mjs }")).toEqual(["count", "search_docs"]);
    expect(await toolNames("{ path: lib/tools.mjs, function: search }")).toEqual(["search_docs"]);
    expect(await toolNames("{ path: lib/tools.mjs, function: [count, search_docs] }")).toEqual(["count", "search_docs"]);
    await expect(toolNames("{ path: lib/tools.mjs, function: helper }")).rejects.toMatchObject({
      code: "custom_tools_missing",
      message: expect.stringContaining('exports no tool "helper". It has count, default, search.'),
    });
    await expect(toolNames("{ path: lib/none.mjs }")).rejects.toMatchObject({ code: "custom_tools_unreadable" });
    await writeFile(join(folder.path, "lib/empty.mjs"), "export const a = 1;");
    await expect(toolNames("{ path: lib/empty.mjs }")).rejects.toMatchObject({ code: "custom_tools_missing" });
  });

  it.each([
    ["{ path: massgen/tool/search.py, function: search }", "is no JavaScript module. MassGen's tools in Python cannot be loaded"],
    ["{ path: package.module }", "is no JavaScript module"],
    ["{ function: search }", "custom_tools[0].path is missing"],
    ["{ path: a.js, func: search }", "custom_tools[0].func does not belong here: write it as `function`."],
    ["{ path: a.js, function: 5 }", "must be the name of an export, or a list of them"],
    ["{ path: a.js, preset_args: {} }", "custom_tools[0].preset_args is gone: give a tool its fixed values"],
  ])("%s is told what is wrong", (entry, message) => {
    expect(problems(one(`custom_tools: [${entry}]`))).toEqual([expect.stringContaining(message)]);
  });
});
