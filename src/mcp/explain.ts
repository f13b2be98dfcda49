import { MassGenError } from "../errors.js";
import type { ServerSpec } from "./config.js";
import type { Sdk } from "./sdk.js";
import type { Redactor } from "./secrets.js";
import type { ServerTransport } from "./stdio-transport.js";

const LONGEST = 500;

/** A server that cannot be used, or not now. */
export class McpUnavailable extends MassGenError {
  /** The message without what the server wrote, which is not for every agent's eyes. */
  readonly brief: string;
  /** The end of what the server wrote to its error stream, or nothing. */
  readonly wrote: string;

  constructor(spec: ServerSpec, why: string, redactor: Redactor, { tail = "", cause }: { tail?: string; cause?: unknown } = {}) {
    const brief = `The MCP server "${spec.name}" ${redactor.all(why)}.`;
    const wrote = redactor.all(lastLines(tail));
    super("mcp_unavailable", wrote === "" ? brief : `${brief} It wrote: ${wrote}`, cause === undefined ? undefined : { cause });
    this.brief = brief;
    this.wrote = wrote;
  }
}

/** What went wrong with a server, to go on after its name: `answered 401 Unauthorized. …`. Not yet redacted. */
export function explain(error: unknown, spec: ServerSpec, sdk: Sdk, transport?: ServerTransport): string {
  const failure = transport?.failure();
  if (failure !== undefined) return failure;
  if (sdk.SdkHttpError.isInstance(error)) return answered(error.status, error.statusText ?? "", String(error.data.text ?? ""));
  if (sdk.SseError.isInstance(error) && error.code !== undefined) return answered(error.code, "", "");
  if (sdk.UnauthorizedError.isInstance(error)) return answered(401, "Unauthorized", "");
  if (sdk.UnsupportedProtocolVersionError.isInstance(error)) {
    return `speaks only protocol versions that are not known here (${error.supported.join(", ")})`;
  }
  if (sdk.ProtocolError.isInstance(error)) return `answered with an error: ${short(error.message)} (${error.code})`;
  const reason = unreachable(error);
  if (reason !== undefined)
    return `${NEVER_REACHED.test(reason) ? "cannot be reached" : "broke off the connection"} at ${place(spec)}: ${reason}`;
  const message = error instanceof Error ? error.message : String(error);
  const version = /protocol version is not supported: (.*)/.exec(message)?.[1];
  if (version !== undefined) return `speaks a protocol version that is not known here (${short(version)})`;
  if (sdk.SdkError.isInstance(error)) {
    if (error.code === sdk.SdkErrorCode.ConnectionClosed) return "closed the connection";
    if (error.code === sdk.SdkErrorCode.NotConnected) return "is not connected";
  }
  const lead = spec.address.type === "stdio" ? "does not speak MCP" : `does not speak MCP at ${place(spec)}`;
  return `${lead}: ${short(message)}`;
}

function answered(status: number, statusText: string, body: string): string {
  const said = `answered ${status}${statusText === "" ? "" : ` ${statusText}`}`;
  if (status === 401 || status === 403) return `${said}. Give what it asks for (a token, as a rule) as \`headers\`, or an \`authProvider\``;
  if (status === 404 || status === 405) return `${said}. Is the URL that of its MCP endpoint? Servers of 2024 need type: "sse"`;
  return body === "" ? said : `${said}: ${short(body)}`;
}

/** Network errors that say that nothing was sent. */
export const NEVER_REACHED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/;

/** Why a request got no answer, as a code where there is one; `undefined` when it got one. */
export function unreachable(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name !== "TypeError" || !/fetch failed|terminated/.test(error.message)) return unreachable(error.cause); // the SDK wraps some
  const { cause } = error;
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : error.message;
}

/** Of a URL the part that holds no secrets. */
function place({ address }: ServerSpec): string {
  return address.type === "stdio" ? address.command : `${address.url.origin}${address.url.pathname}`;
}

export function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-5).join("\n").slice(-1000);
}
