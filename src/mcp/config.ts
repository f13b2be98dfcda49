import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import type { ToolPaths } from "../tools/tool.js";
import { serverSegment } from "./names.js";

/** What every kind of server may be told. */
export interface McpServerOptions {
  /** Only these tools, by their own name or by the full one (`mcp__server__tool`). Default: all. */
  allowedTools?: readonly string[] | undefined;
  /** None of these tools, by either name. */
  excludeTools?: readonly string[] | undefined;
  /** A run fails when the server cannot be used, instead of going on without it. Default: false. */
  required?: boolean | undefined;
  /** Milliseconds for starting or reaching the server and listing its tools. Default: 30,000. */
  connectTimeoutMs?: number | undefined;
  /** Milliseconds for one call; `Infinity` for none. Default: the orchestrator's `timeout.tool`. */
  timeoutMs?: number | undefined;
  /** Whether each progress notification starts a call's time limit anew; the limit is then 120,000 unless given. Default: false. */
  resetTimeoutOnProgress?: boolean | undefined;
  /** Bytes of text that a result may have; of a longer one the model gets the beginning, and the whole to read piece by piece. Default: 65,536. */
  maxResultBytes?: number | undefined;
  /** Tools that are offered at most; the first ones of the server's list. Default: 128, as many as the strictest provider takes. */
  maxTools?: number | undefined;
  /**
   * Arguments that name files on this machine, checked where the agent has a workspace. By default they are found by their names
   * (`path`, `source`, `directory` …) for a server that is started here, and there are none for one that is reached by URL. `false`:
   * no tool has any. By tool: these, `false` for none; the other tools keep the default.
   */
  paths?: false | Readonly<Record<string, ToolPaths | false>> | undefined;
  /**
   * Gives each agent of a run a connection of its own, opened at its first call and closed with the run, whose root (in MCP's
   * sense; for a started server also the working directory, unless `cwd` is given) is the agent's workspace. Default: false,
   * all agents and runs share one connection that has no roots.
   */
  perAgent?: boolean | undefined;
  /** Directories that are roots besides the workspace, absolute. Only with `perAgent`. */
  roots?: readonly string[] | undefined;
  /** Whether the server's own instructions go into the system message. Default: true. */
  instructions?: boolean | undefined;
}

/** A server that is started on this machine and spoken to over its standard streams. No shell is involved. */
export interface McpStdioServer extends McpServerOptions {
  type?: "stdio" | undefined;
  /** The program, or the program and its first arguments. */
  command: string | readonly string[];
  args?: readonly string[] | undefined;
  /** Besides the few variables every server gets (`HOME`, `LOGNAME`, `PATH`, `SHELL`, `TERM`, `USER`). */
  env?: Readonly<Record<string, string>> | undefined;
  /** Default: this process's working directory. */
  cwd?: string | undefined;
}

/** A server that is reached by URL. */
export interface McpHttpServer extends McpServerOptions {
  /** `http` is short for `streamable-http`; `sse` is the deprecated transport of 2024. Default: `streamable-http`. */
  type?: "streamable-http" | "http" | "sse" | undefined;
  url: string | URL;
  headers?: Readonly<Record<string, string>> | undefined;
  /**
   * Gives the tokens of a server that wants a login: a provider of `@modelcontextprotocol/client`, such as its
   * `ClientCredentialsProvider`, or an object with `token()`. Nobody is sent to a browser in the middle of a run: a login that
   * needs one has to be over before.
   */
  authProvider?: McpAuthProvider | undefined;
}

/** The parts of the SDK's `AuthProvider` and `OAuthClientProvider` by which they are known. */
export type McpAuthProvider =
  | {
      /** The token to send, asked before each request. */
      token(): Promise<string | undefined>;
      /** The server has refused it; the request is made once more afterwards. */
      onUnauthorized?(context: { response: Response; serverUrl: URL }): Promise<void>;
    }
  | { readonly clientMetadata: object; tokens(): unknown; redirectToAuthorization(url: URL): unknown };

export type McpServerConfig = McpStdioServer | McpHttpServer;

/** Servers by name, as in other programs' `mcpServers`, or a list of servers with a `name`. */
export type McpServersConfig = Readonly<Record<string, McpServerConfig>> | readonly (McpServerConfig & { name: string })[];

export type ServerAddress =
  | { type: "stdio"; command: string; args: readonly string[]; env: Readonly<Record<string, string>>; cwd?: string }
  | {
      type: "streamable-http" | "sse";
      url: URL;
      headers: Readonly<Record<string, string>>;
      login?: {
        provider: McpAuthProvider;
        /** The last tokens that went out, for the redactor. */
        sent: string[];
      };
    };

/** A server's config, checked, with its defaults. */
export interface ServerSpec {
  name: string;
  /** The part of its tools' names. */
  segment: string;
  address: ServerAddress;
  allowedTools?: readonly string[];
  excludeTools: readonly string[];
  required: boolean;
  connectTimeoutMs: number;
  timeoutMs?: number;
  resetTimeoutOnProgress: boolean;
  maxResultBytes: number;
  maxTools: number;
  paths: false | Readonly<Record<string, ToolPaths | false>>;
  perAgent: boolean;
  roots: readonly string[];
  instructions: boolean;
}

type Kind = "provider" | "string" | "boolean" | "positive" | "strings" | "texts" | "any";

const COMMON: Readonly<Record<string, Kind>> = {
  name: "string",
  type: "string",
  allowedTools: "strings",
  excludeTools: "strings",
  required: "boolean",
  connectTimeoutMs: "positive",
  timeoutMs: "positive",
  resetTimeoutOnProgress: "boolean",
  maxResultBytes: "positive",
  maxTools: "positive",
  paths: "any",
  perAgent: "boolean",
  roots: "strings",
  instructions: "boolean",
};
const STDIO: Readonly<Record<string, Kind>> = { ...COMMON, command: "any", args: "strings", env: "texts", cwd: "string" };
const HTTP: Readonly<Record<string, Kind>> = { ...COMMON, url: "any", headers: "texts", authProvider: "provider" };

const KINDS: Readonly<Record<Kind, { what: string; fits: (value: unknown) => boolean }>> = {
  string: { what: "a text", fits: (value) => typeof value === "string" },
  boolean: { what: "true or false", fits: (value) => typeof value === "boolean" },
  positive: { what: "a number above 0", fits: (value) => typeof value === "number" && value > 0 },
  strings: { what: "a list of texts", fits: isStrings },
  texts: { what: "an object whose values are texts", fits: (value) => isObject(value) && isStrings(Object.values(value)) },
  provider: {
    what: "an object with token(), or an OAuth provider of the MCP SDK",
    fits: (value) => isObject(value) && (typeof value.token === "function" || typeof value.tokens === "function"),
  },
  any: { what: "", fits: () => true },
};

const TYPES = ["stdio", "streamable-http", "http", "sse"];

/**
 * Checks the config of servers, in either form.
 * @throws ConfigError that names the key; values of `env` and `headers` are never in it.
 */
export function readServers(config: McpServersConfig): ServerSpec[] {
  const specs = entriesOf(config).map(({ name, value, path }) => readServer(name, value, path));
  const segments = new Map<string, string>();
  for (const { name, segment } of specs) {
    const other = segments.get(segment);
    if (other !== undefined) {
      const message =
        other === name
          ? `Two MCP servers are called "${name}". Rename one.`
          : `The MCP servers "${other}" and "${name}" would give their tools the same names (mcp__${segment}__…). Rename one.`;
      throw new ConfigError("bad_mcp_server", message, { path: "mcpServers" });
    }
    segments.set(segment, name);
  }
  return specs;
}

function entriesOf(config: McpServersConfig): { name: unknown; value: unknown; path: string }[] {
  if (Array.isArray(config)) {
    return config.map((value: unknown, index) => ({
      name: isObject(value) ? value.name : undefined,
      value,
      path: `mcpServers[${index}]`,
    }));
  }
  if (!isObject(config)) {
    throw new ConfigError("bad_mcp_server", "mcpServers must be an object of servers by name, or a list of servers with a name.", {
      path: "mcpServers",
    });
  }
  return Object.entries(config).map(([name, value]) => ({ name, value, path: `mcpServers.${name}` }));
}

function readServer(name: unknown, value: unknown, path: string): ServerSpec {
  const bad = (problem: string, key?: string, code = "bad_mcp_server") =>
    new ConfigError(code, `${path}${key === undefined ? "" : `.${key}`} ${problem}.`, {
      path: key === undefined ? path : `${path}.${key}`,
    });
  if (!isObject(value)) throw bad('must be an object, e.g. { command: "npx", args: ["-y", "some-server"] }');
  if (typeof name !== "string" || name === "") throw bad("needs a name", "name");
  if (typeof value.name === "string" && value.name !== name) throw bad(`must be "${name}", as its key is, or be left out`, "name");
  const segment = serverSegment(name);
  if (segment === "") throw bad(`needs at least one letter or digit, got ${JSON.stringify(name)}`, "name");

  const type = typeOf(value, bad);
  const keys = type === "stdio" ? STDIO : HTTP;
  for (const [key, given] of Object.entries(value)) {
    const kind = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (kind === undefined) throw bad(unknownKey(key, type, keys), key, "unknown_key");
    if (given != null && !KINDS[kind].fits(given)) throw bad(`must be ${KINDS[kind].what}`, key);
  }
  const given = value as McpServerOptions;
  if (given.roots && !given.perAgent) throw bad("needs `perAgent: true`: a connection that agents share has no roots", "roots");
  return {
    name,
    segment,
    address: type === "stdio" ? stdioAddress(value, bad) : httpAddress(type, value, bad),
    ...(given.allowedTools && { allowedTools: given.allowedTools }),
    excludeTools: given.excludeTools ?? [],
    required: given.required ?? false,
    connectTimeoutMs: given.connectTimeoutMs ?? 30_000,
    ...(given.timeoutMs != null && { timeoutMs: given.timeoutMs }),
    resetTimeoutOnProgress: given.resetTimeoutOnProgress ?? false,
    maxResultBytes: given.maxResultBytes ?? 65_536,
    maxTools: given.maxTools ?? 128,
    paths: pathsOf(given.paths, bad),
    perAgent: given.perAgent ?? false,
    roots: given.roots ?? [],
    instructions: given.instructions ?? true,
  };
}

type Bad = (problem: string, key?: string, code?: string) => ConfigError;

function typeOf(value: Record<string, unknown>, bad: Bad): ServerAddress["type"] {
  const { type, command, url } = value;
  if (command == null && url == null) {
    const near = nearest(Object.keys(value)[0] ?? "", ["command", "url"]);
    throw bad(`needs a command to start, or a url${near === undefined ? "" : ` (did you mean "${near}"?)`}`);
  }
  if (command != null && url != null) throw bad("has both a command and a url. Keep one");
  if (type == null) return command != null ? "stdio" : "streamable-http";
  if (typeof type !== "string" || !TYPES.includes(type)) {
    const near = nearest(String(type), TYPES);
    throw bad(`must be one of ${TYPES.join(", ")}${near === undefined ? "" : `; did you mean "${near}"?`}`, "type");
  }
  if ((type === "stdio") !== (command != null)) throw bad(`"${type}" needs a ${type === "stdio" ? "command" : "url"}`, "type");
  return type === "http" ? "streamable-http" : (type as ServerAddress["type"]);
}

function unknownKey(key: string, type: string, keys: object): string {
  const near = nearest(key, Object.keys(keys));
  if (near !== undefined) return `is not known; did you mean "${near}"?`;
  const other = type === "stdio" ? HTTP : STDIO;
  return Object.hasOwn(other, key) ? `has no meaning for a server of type ${type}` : "is not known";
}

function stdioAddress({ command, args, env, cwd }: Record<string, unknown>, bad: Bad): ServerAddress {
  const [program, ...first] = typeof command === "string" ? [command] : isStrings(command) ? command : [];
  if (program === undefined || program === "") throw bad("must be a program, or a list of it and its arguments", "command");
  return {
    type: "stdio",
    command: program,
    args: [...first, ...((args as string[] | undefined) ?? [])],
    env: (env as Record<string, string> | undefined) ?? {},
    ...(typeof cwd === "string" && { cwd }),
  };
}

function httpAddress(type: "streamable-http" | "sse", { url, headers, authProvider }: Record<string, unknown>, bad: Bad): ServerAddress {
  const login = authProvider != null && { login: { provider: authProvider as McpAuthProvider, sent: [] } };
  return { type, url: urlOf(url, bad), headers: headersOf(headers, bad), ...login };
}

function urlOf(value: unknown, bad: Bad): URL {
  const text = value instanceof URL ? value.href : value;
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw bad("must be an http: or https: URL", "url");
  if (url.username !== "" || url.password !== "") throw bad("must not hold a user or password. Give an Authorization header", "url");
  return url;
}

function headersOf(value: unknown, bad: Bad): Record<string, string> {
  const headers = (value as Record<string, string> | undefined) ?? {};
  for (const [name, text] of Object.entries(headers)) {
    try {
      new Headers([[name, text]]);
    } catch {
      throw bad("is not a header that can be sent: line breaks or other characters that HTTP forbids", `headers.${name}`); // the cause shows the value
    }
  }
  return headers;
}

function pathsOf(value: unknown, bad: Bad): ServerSpec["paths"] {
  if (value === false) return false;
  if (value == null) return {};
  if (!isObject(value)) throw bad("must be false, or an object by tool", "paths");
  for (const [tool, paths] of Object.entries(value)) {
    if (paths === false) continue;
    const known = isObject(paths) && Object.entries(paths).every(([key, list]) => /^(reads|writes|deletes)$/.test(key) && isStrings(list));
    if (!known) throw bad("must be false or { reads, writes, deletes }, each a list of argument names", `paths.${tool}`);
  }
  return value as Record<string, ToolPaths | false>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
