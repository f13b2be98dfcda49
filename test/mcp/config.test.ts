import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { type McpServersConfig, readServers } from "../../src/mcp/config.js";

const failure = (config: unknown): ConfigError => {
  try {
    readServers(config as McpServersConfig);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("it was accepted");
};

describe("readServers", () => {
  it("reads both forms alike, with defaults", () => {
    const server = { command: "npx", args: ["-y", "some-server"], env: { KEY: "x" } };
    const [read] = readServers({ "my files": server });
    expect(readServers([{ name: "my files", ...server }])).toEqual([read]);
    expect(read).toEqual({
      name: "my files",
      segment: "my_files",
      address: { type: "stdio", command: "npx", args: ["-y", "some-server"], env: { KEY: "x" } },
      excludeTools: [],
      required: false,
      connectTimeoutMs: 30_000,
      resetTimeoutOnProgress: false,
      maxResultBytes: 65_536,
      maxTools: 128,
      paths: {},
      perAgent: false,
      roots: [],
      instructions: true,
    });
  });

  it("knows the type by what is given", () => {
    const types = (config: McpServersConfig) => readServers(config).map(({ address }) => address.type);
    expect(
      types({
        a: { command: "x" },
        b: { url: "http://localhost:1/mcp" },
        c: { type: "http", url: new URL("http://localhost:1/mcp") },
        d: { type: "sse", url: "http://localhost:1/sse" },
        e: { type: "stdio", command: ["x", "y"], args: ["z"] },
      }),
    ).toEqual(["stdio", "streamable-http", "streamable-http", "sse", "stdio"]);
    const [listed] = readServers({ e: { command: ["x", "y"], args: ["z"] } });
    expect(listed?.address).toMatchObject({ command: "x", args: ["y", "z"] });
  });

  it.each([
    [{ a: { comand: "x" } }, "bad_mcp_server", 'mcpServers.a needs a command to start, or a url (did you mean "command"?).'],
    [{ a: { command: "x", arg: [] } }, "unknown_key", 'mcpServers.a.arg is not known; did you mean "args"?.'],
    [{ a: { command: "x", allowed_tools: [] } }, "unknown_key", 'mcpServers.a.allowed_tools is not known; did you mean "allowedTools"?.'],
    [{ a: { command: "x", headers: {} } }, "unknown_key", "mcpServers.a.headers has no meaning for a server of type stdio."],
    [{ a: { command: "x", authProvider: {} } }, "unknown_key", "mcpServers.a.authProvider has no meaning for a server of type stdio."],
    [
      { a: { url: "http://x", authProvider: { tokne: 1 } } },
      "bad_mcp_server",
      "mcpServers.a.authProvider must be an object with token(), or an OAuth provider of the MCP SDK.",
    ],
    [{ a: { command: "x", toString: 1 } }, "unknown_key", "mcpServers.a.toString is not known."],
    [{ a: { command: "x", url: "http://x" } }, "bad_mcp_server", "mcpServers.a has both a command and a url. Keep one."],
    [
      { a: { command: "x", type: "stido" } },
      "bad_mcp_server",
      'mcpServers.a.type must be one of stdio, streamable-http, http, sse; did you mean "stdio"?.',
    ],
    [{ a: { command: "x", type: "sse" } }, "bad_mcp_server", 'mcpServers.a.type "sse" needs a url.'],
    [{ a: { command: "" } }, "bad_mcp_server", "mcpServers.a.command must be a program, or a list of it and its arguments."],
    [{ a: { command: "x", env: { A: 1 } } }, "bad_mcp_server", "mcpServers.a.env must be an object whose values are texts."],
    [{ a: { command: "x", timeoutMs: 0 } }, "bad_mcp_server", "mcpServers.a.timeoutMs must be a number above 0."],
    [
      { a: { command: "x", roots: ["/x"] } },
      "bad_mcp_server",
      "mcpServers.a.roots needs `perAgent: true`: a connection that agents share has no roots.",
    ],
    [
      { a: { command: "x", paths: { t: { read: ["a"] } } } },
      "bad_mcp_server",
      "mcpServers.a.paths.t must be false or { reads, writes, deletes }, each a list of argument names.",
    ],
    [{ a: { url: "ftp://x" } }, "bad_mcp_server", "mcpServers.a.url must be an http: or https: URL."],
    [{ a: { url: "http://u:p@x" } }, "bad_mcp_server", "mcpServers.a.url must not hold a user or password. Give an Authorization header."],
    [{ a: "npx" }, "bad_mcp_server", 'mcpServers.a must be an object, e.g. { command: "npx", args: ["-y", "some-server"] }.'],
    [{ "!!": { command: "x" } }, "bad_mcp_server", 'mcpServers.!!.name needs at least one letter or digit, got "!!".'],
    [[{ command: "x" }], "bad_mcp_server", "mcpServers[0].name needs a name."],
    [
      [
        { name: "a", command: "x" },
        { name: "a", command: "y" },
      ],
      "bad_mcp_server",
      'Two MCP servers are called "a". Rename one.',
    ],
    [
      { "a b": { command: "x" }, a_b: { command: "y" } },
      "bad_mcp_server",
      'The MCP servers "a b" and "a_b" would give their tools the same names (mcp__a_b__…). Rename one.',
    ],
    ["x", "bad_mcp_server", "mcpServers must be an object of servers by name, or a list of servers with a name."],
  ])("refuses %j", (config, code, message) => {
    const { code: actual, message: said } = failure(config);
    expect({ code: actual, message: said }).toEqual({ code, message });
  });

  it("shows no value of a header or the environment", () => {
    const error = failure({ a: { url: "http://x", headers: { Authorization: "Bearer top\nsecret" } } });
    expect(error.path).toBe("mcpServers.a.headers.Authorization");
    expect(`${error.message} ${error.cause}`).not.toContain("top");
  });
});
