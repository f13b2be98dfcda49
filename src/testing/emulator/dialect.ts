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
}

/** One provider's way to ask and to answer. */
export interface Dialect {
  readonly name: string;
  /** The request path it answers to, without the query. */
  readonly path: string;
  /** What the real API would reject. `strict` also rejects parameters it does not know. */
  check(body: Record<string, unknown>, strict: boolean): Refusal | undefined;
  read(body: Record<string, unknown>, headers: Record<string, string>): EmulatedPrompt;
  stream(reply: Reply, context: EncodeContext): EncodedStream;
  /** The body of a reply that is not streamed. */
  whole(reply: Reply, context: EncodeContext): unknown;
  error(refusal: Refusal): unknown;
}
