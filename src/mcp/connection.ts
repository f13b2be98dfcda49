import { pathToFileURL } from "node:url";
import type { CallToolRequest, CallToolResult, Client, ElicitResult, InputRequest } from "@modelcontextprotocol/client";
import type { TraceContext } from "../backends/backend.js";
import { openTransport } from "../backends/transport.js";
import { untilAborted } from "../backends/until-aborted.js";
import { type ActiveCall, type ActiveCalls, CALL_HEADER } from "./active-call.js";
import type { ServerSpec } from "./config.js";
import { answerElicitation } from "./elicitation.js";
import { httpTransport } from "./http-transport.js";
import type { RawList } from "./listing.js";
import type { Sdk } from "./sdk.js";
import { type ServerTransport, stdioTransport } from "./stdio-transport.js";

/** How this client introduces itself. */
export const CLIENT = { name: "massgen", version: "0.1.0" };
/** `setTimeout` takes no more. The time limits here are kept by signals instead. */
const NO_TIMEOUT = 2 ** 31 - 1;
const MAX_PAGES = 64;
/** How often a server may ask for input before it gives a result. */
const MAX_ROUNDS = 10;
/** A page of tools may be as long as a message; more than this many in all are not read. */
const MAX_LISTED = 10_000;

export interface CallOptions {
  signal: AbortSignal;
  call: ActiveCall;
  /** Goes along as the protocol has it, in `_meta`, and over HTTP as headers too. */
  trace: TraceContext | undefined;
  onProgress(progress: { progress: number; total?: number | undefined; message?: string | undefined }): void;
}

/** One connection to a server, initialised. */
export interface Connection {
  readonly transport: ServerTransport;
  readonly instructions: string | undefined;
  /** Arguments may go into HTTP headers besides. */
  readonly headers: boolean;
  /** Calls under way. */
  readonly active: ActiveCalls;
  /** Why it was given up, to go on after the server's name. */
  problem?: string;
  listTools(signal: AbortSignal): Promise<RawList>;
  callTool(
    tool: { name: string; inputSchema: Record<string, unknown> },
    args: Record<string, unknown>,
    options: CallOptions,
  ): Promise<CallToolResult>;
  /** Rejects when the server does not answer at all. */
  ping(signal: AbortSignal): Promise<void>;
  /** Says goodbye and ends it. Resolves when nothing is left of it. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Aborting it ends the attempt. */
  signal: AbortSignal;
  /** Directories offered as roots; `undefined`: the server is told that there are none to ask for. */
  roots?: readonly string[];
  cwd?: string;
  /** It is of no more use, or will be gone any moment. May be called twice. */
  onClose(): void;
  onToolsChanged(): void;
}

/**
 * Connects to a server. Whatever goes wrong, and also when it is aborted, nothing is left running once the returned promise has
 * settled. `onFailure` gets the transport for an explanation.
 */
export async function connect(
  spec: ServerSpec,
  sdk: Sdk,
  options: ConnectOptions,
  onFailure: (transport: ServerTransport) => void,
): Promise<Connection> {
  const { type } = spec.address;
  // Older servers may not survive an unknown first request on their standard input, and no server of 2024 knows the new one.
  const modes = type === "stdio" ? (["legacy", "auto"] as const) : type === "sse" ? (["legacy"] as const) : (["auto"] as const);
  for (const mode of modes) {
    const active = new Map<string, ActiveCall>();
    const transport = await transportFor(spec, sdk, options, active);
    const client = clientFor(spec, sdk, options, mode, active);
    client.onclose = options.onClose;
    transport.onexit = options.onClose;
    try {
      const connected = client.connect(transport, { signal: options.signal, timeout: NO_TIMEOUT });
      await untilAborted(connected, options.signal, () => new Error("aborted"));
      return connectionOf(client, transport, active, { spec, sdk, roots: options.roots });
    } catch (error) {
      if (brokenPipe(error)) await transport.settled();
      await transport.kill();
      if (type === "stdio" && mode === "legacy" && sdk.UnsupportedProtocolVersionError.isInstance(error) && !options.signal.aborted)
        continue;
      onFailure(transport);
      throw error;
    }
  }
  throw new Error("unreachable");
}

/** A process that is already gone did not read what was written to it. */
export function brokenPipe(error: unknown): boolean {
  return error instanceof Error && /^(EPIPE|ECONNRESET|ERR_STREAM_DESTROYED)$/.test((error as NodeJS.ErrnoException).code ?? "");
}

async function transportFor(spec: ServerSpec, sdk: Sdk, { cwd }: ConnectOptions, active: ActiveCalls): Promise<ServerTransport> {
  const { address } = spec;
  if (address.type !== "stdio") return httpTransport(address, sdk, await openTransport({ longWaits: true }), active);
  return stdioTransport(cwd === undefined || address.cwd !== undefined ? address : { ...address, cwd }, sdk);
}

function clientFor(spec: ServerSpec, sdk: Sdk, options: ConnectOptions, mode: "legacy" | "auto", active: ActiveCalls): Client {
  const { roots } = options;
  const client = new sdk.Client(CLIENT, {
    capabilities: { elicitation: { form: { applyDefaults: true }, url: {} }, ...(roots && { roots: {} }) },
    versionNegotiation: { mode },
    listChanged: { tools: { autoRefresh: false, debounceMs: 100, onChanged: () => options.onToolsChanged() } },
  });
  client.setRequestHandler("elicitation/create", (request, context): Promise<ElicitResult> => {
    return answerElicitation(spec, request.params, callFor(active), context.mcpReq.signal);
  });
  if (roots) {
    client.setRequestHandler("roots/list", () => listOfRoots(roots));
  }
  return client;
}

/** The call that a question of the server belongs to, where that can be known: the protocol before 2026 does not say. */
function callFor(active: ActiveCalls): ActiveCall | undefined {
  const [first, ...others] = active.values();
  return others.every((other) => other.ask === first?.ask && other.agentId === first.agentId) ? first : undefined;
}

function listOfRoots(roots: readonly string[]) {
  return { roots: roots.map((path) => ({ uri: pathToFileURL(path).href })) };
}

interface Ground {
  spec: ServerSpec;
  sdk: Sdk;
  roots: readonly string[] | undefined;
}

function connectionOf(client: Client, transport: ServerTransport, active: Map<string, ActiveCall>, ground: Ground): Connection {
  const overHttp = transport.hasPerRequestStream === true;
  let calls = 0;
  return {
    transport,
    instructions: client.getInstructions(),
    headers: overHttp && client.getProtocolEra() === "modern",
    active,
    listTools: (signal) => listTools(client, signal),
    async callTool(tool, args, options) {
      const number = String(++calls);
      active.set(number, options.call);
      try {
        const trace = traceFields(options.trace);
        const params = { name: tool.name, arguments: args, ...(trace && { _meta: trace }) };
        return await callWithAnswers(client, params, options, ground, {
          toolDefinition: tool as never,
          ...(overHttp && { headers: { ...trace, [CALL_HEADER]: number } }),
        });
      } finally {
        active.delete(number);
      }
    },
    async ping(signal) {
      const options = { signal, timeout: NO_TIMEOUT };
      await (client.getProtocolEra() === "modern" ? client.discover(options) : client.ping(options));
    },
    async close() {
      await transport.close();
      await client.close();
    },
  };
}

/** What is known of the trace; nothing, where nothing is. */
function traceFields({ traceparent, tracestate }: TraceContext = {}): Record<string, string> | undefined {
  return traceparent === undefined ? undefined : { traceparent, ...(tracestate !== undefined && { tracestate }) };
}

/** A call; where the server asks for something first, it is made again with the answers (protocol of 2026). */
async function callWithAnswers(
  client: Client,
  params: CallToolRequest["params"],
  { signal, call, onProgress }: CallOptions,
  ground: Ground,
  extras: object,
): Promise<CallToolResult> {
  const options = { ...extras, signal, timeout: NO_TIMEOUT, onprogress: onProgress, allowInputRequired: true };
  let answered: object = params;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const result: unknown = await client.callTool(answered as typeof params, options);
    if (!ground.sdk.isInputRequiredResult(result)) return result as CallToolResult;
    const { inputRequests = {}, requestState } = result;
    const answers = await Promise.all(
      Object.entries(inputRequests).map(async ([key, request]) => [key, await answer(request, call, ground, signal)]),
    );
    answered = { ...params, inputResponses: Object.fromEntries(answers), ...(requestState !== undefined && { requestState }) };
  }
  throw new Error(`asked for input more than ${MAX_ROUNDS} times`);
}

async function answer(request: InputRequest, call: ActiveCall, { spec, roots }: Ground, signal: AbortSignal) {
  if (request.method === "elicitation/create") return answerElicitation(spec, request.params, call, signal);
  if (request.method === "roots/list" && roots) return listOfRoots(roots);
  throw new Error(`asked for ${request.method}, which it was told it cannot have`);
}

/** Lets everything through: one tool that breaks the rules must not hide the others. */
const anything = { "~standard": { version: 1 as const, vendor: "massgen", validate: (value: unknown) => ({ value }) } };

async function listTools(client: Client, signal: AbortSignal): Promise<RawList> {
  if (client.getServerCapabilities()?.tools === undefined) return { tools: [], more: false };
  const tools: unknown[] = [];
  let cursor: unknown;
  for (let page = 0; page < MAX_PAGES && tools.length < MAX_LISTED; page++) {
    const params = typeof cursor === "string" ? { cursor } : {};
    const result = (await client.request({ method: "tools/list", params }, anything, { signal, timeout: NO_TIMEOUT })) as {
      tools?: unknown;
      nextCursor?: unknown;
    };
    if (!Array.isArray(result?.tools)) throw new Error("its list of tools is no list");
    for (const tool of result.tools) tools.push(tool);
    if (typeof result.nextCursor !== "string" || result.nextCursor === cursor) return { tools, more: false };
    cursor = result.nextCursor;
  }
  return { tools, more: true };
}
