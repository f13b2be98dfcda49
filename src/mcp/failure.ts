import type { ServerSpec } from "./config.js";
import { brokenPipe, type Connection } from "./connection.js";
import { explain, NEVER_REACHED, short, unreachable } from "./explain.js";
import type { Sdk } from "./sdk.js";

/** What became of a call that has no result. */
export interface CallFailure {
  /** To go on after the server's name. Not yet redacted. */
  why: string;
  /** The server answered; the connection is as good as before. */
  answered: boolean;
  /** The server cannot have begun to work on it. */
  unsent: boolean;
}

/** The HTTP reply ended without a result. */
export class StreamLost extends Error {}

export async function callFailure(error: unknown, connection: Connection, spec: ServerSpec, sdk: Sdk): Promise<CallFailure> {
  if (brokenPipe(error)) await connection.transport.settled();
  const lost = (unsent: boolean, why?: string): CallFailure => ({
    why: why ?? connection.problem ?? explain(error, spec, sdk, connection.transport),
    answered: false,
    unsent,
  });
  if (error instanceof StreamLost) return lost(false, error.message);
  if (sdk.ProtocolError.isInstance(error))
    return { why: `answered: ${short(error.message)} (${error.code})`, answered: true, unsent: true };
  if (sdk.SdkHttpError.isInstance(error)) {
    // A session that the server has forgotten: by the specification 404, in practice 400 as well.
    if (error.status === 404 || (error.status === 400 && /session/i.test(String(error.data.text ?? "")))) return lost(true);
    if (error.status >= 500) return lost(false);
    return { why: explain(error, spec, sdk), answered: true, unsent: true };
  }
  const reason = unreachable(error);
  if (reason !== undefined) return lost(NEVER_REACHED.test(reason));
  if (sdk.SdkError.isInstance(error)) {
    if (error.code === sdk.SdkErrorCode.NotConnected) return lost(true);
    if (error.code === sdk.SdkErrorCode.ConnectionClosed) return lost(false);
  }
  if (brokenPipe(error)) return lost(true);
  if (error instanceof Error && error.message === "Not connected") return lost(true); // the SDK's, without a code
  const message = error instanceof Error ? error.message : String(error);
  return { why: `gave no valid result: ${short(message)}`, answered: true, unsent: false };
}
