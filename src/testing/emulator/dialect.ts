import type { Compaction } from "./compaction.js";
import type { EmulatedPrompt, Refusal, Reply } from "./reply.js";

/** A reply as the frames of one stream, apart from their framing. Each frame is the text after `data: `. */
export interface EncodedStream {
  /** Sent with the headers. */
  open: string[];
  /** One frame for each delta: what `afterChunks` counts. */
  deltas: string[];
  /** Carries the finish reason. */
  finish: string[];
  /** What follows it, e.g. usage. */
  trailer: string[];
  /** Ends the stream. */
  done: string[];
}

export interface EncodeContext {
  prompt: EmulatedPrompt;
  /** Epoch ms. */
  time: number;
  newId(prefix: string): string;
  /** Of a request whose conversation is compacted. */
  compaction?: Compaction;
}

/** One provider's way to ask and to answer. */
export interface Dialect {
  readonly name: string;
  /** Whether a POST to this path is for it. `query`: with its question mark, or empty. */
  takes(path: string, query: string): boolean;
  /** What the real API would reject. `strict` also rejects parameters it does not know. */
  check(body: Record<string, unknown>, strict: boolean, path: string, headers?: Readonly<Record<string, string>>): Refusal | undefined;
  read(body: Record<string, unknown>, headers: Record<string, string>, path: string): EmulatedPrompt;
  /** What the model reads of a request. */
  inputTokens(prompt: EmulatedPrompt): number;
  /** What the real API says of a request that does not fit; `undefined`: it fits. */
  overflow(prompt: EmulatedPrompt, window: number, path: string): Refusal | undefined;
  /** Whether a request has its conversation compacted, and is answered with that alone. Default: never. */
  compacts?(prompt: EmulatedPrompt, path: string): "alone" | "within" | undefined;
  /** What a server without compaction says of a request that asks for one, be it at a threshold; else `undefined`. */
  withoutCompaction?(prompt: EmulatedPrompt, path: string): Refusal | undefined;
  /** The body that answers a request which is no model step (counting) and has passed `check`; else `undefined`. */
  answer?(prompt: EmulatedPrompt, path: string, context: EncodeContext): unknown;
  /** The `event:` line of a frame. Default: frames have none. */
  eventOf?(frame: string): string | undefined;
  stream(reply: Reply, context: EncodeContext): EncodedStream;
  /** The body of a reply that is not streamed. */
  whole(reply: Reply, context: EncodeContext): unknown;
  /** The emulator's general refusals (keys, models) in this provider's words. Default: as they are. */
  refusal?(refusal: Refusal): Refusal;
  error(refusal: Refusal): unknown;
  /** The frame by which an error is told inside a stream. Default: `error`. */
  errorEvent?(refusal: Refusal): unknown;
}
