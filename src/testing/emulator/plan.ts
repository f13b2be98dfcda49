import type { Dialect, EncodeContext } from "./dialect.js";
import type { Fault, Framing, Refusal, Reply } from "./reply.js";

/** One step of sending a response body. `deltas`: how many have been sent completely after it. */
export type Action =
  | { type: "write"; bytes: Buffer; deltas: number }
  | { type: "hold"; until: PromiseLike<unknown> }
  | { type: "reset" }
  | { type: "stall" }
  | { type: "end" };

const NOT_UTF8 = Buffer.from([0xff, 0xfe, 0x00, 0x9f, 0x7b, 0xc3, 0x28]);

/** The body of a streamed reply as a list of actions, faults and framing included. */
export function planStream(dialect: Dialect, reply: Reply, framing: Framing, context: EncodeContext): Action[] {
  const { fault, hold } = reply;
  const stream = dialect.stream(reply, context);
  const newline = framing.crlf ? "\r\n" : "\n";
  const comment = framing.comments ? `: keep-alive${newline}${newline}` : "";
  const eventLine = (data: string | Uint8Array) => {
    const event = typeof data === "string" ? dialect.eventOf?.(data) : undefined;
    return event === undefined ? "" : `event: ${event}${newline}`;
  };
  const frame = (data: string | Uint8Array) =>
    Buffer.concat([
      Buffer.from(`${comment}${eventLine(data)}data: `),
      typeof data === "string" ? Buffer.from(data) : data,
      Buffer.from(newline + newline),
    ]);

  const actions: Action[] = [];
  let sent = 0;
  const write = (data: string | Uint8Array) => actions.push({ type: "write", bytes: frame(data), deltas: sent });
  const total = stream.deltas.length;
  const faultAt = fault && "afterChunks" in fault ? Math.min(fault.afterChunks ?? 1, total) : Math.min(1, total);
  const holdAt = hold && Math.min(hold.afterChunks, total);

  for (const data of stream.open) write(data);
  for (let i = 0; i <= total; i++) {
    if (hold && i === holdAt) actions.push({ type: "hold", until: hold.until });
    if (fault && i === faultAt) {
      const next = stream.deltas[i] ?? stream.finish[0] ?? "{}";
      if (fault.type === "reset" || fault.type === "stall" || fault.type === "end")
        return cutTo(framing, [...actions, { type: fault.type }]);
      if (fault.type === "truncated-json") write(next.slice(0, next.length >> 1));
      if (fault.type === "error-event") write(JSON.stringify((dialect.errorEvent ?? dialect.error)(errorOf(fault))));
      if (fault.type === "truncated-json" || fault.type === "error-event") return cutTo(framing, [...actions, { type: "end" }]);
      if (fault.type === "garbage") write(fault.bytes ?? NOT_UTF8);
    }
    const delta = stream.deltas[i];
    if (delta === undefined) break;
    sent++;
    write(delta);
  }
  if (fault?.type !== "no-finish") for (const data of stream.finish) write(data);
  for (const data of stream.trailer) write(data);
  if (fault?.type !== "no-done") for (const data of stream.done) write(data);
  return cutTo(framing, [...actions, { type: "end" }]);
}

/** The body of a reply that is not streamed. */
export function planWhole(dialect: Dialect, reply: Reply, context: EncodeContext): Action[] {
  const { fault, hold } = reply;
  let bytes = Buffer.from(JSON.stringify(dialect.whole(reply, context)));
  if (fault?.type === "garbage") bytes = Buffer.from(fault.bytes ?? NOT_UTF8);
  if (fault?.type === "error-event") bytes = Buffer.from(JSON.stringify(dialect.error(errorOf(fault))));
  const actions: Action[] = hold ? [{ type: "hold", until: hold.until }] : [];
  const half = bytes.subarray(0, bytes.length >> 1);
  if (fault?.type === "reset" || fault?.type === "stall") actions.push({ type: "write", bytes: half, deltas: 0 }, { type: fault.type });
  else if (fault?.type === "end" || fault?.type === "truncated-json")
    actions.push({ type: "write", bytes: half, deltas: 0 }, { type: "end" });
  else actions.push({ type: "write", bytes, deltas: 0 }, { type: "end" });
  return actions;
}

/** The refusal that a fault with an error stands for. */
export function errorOf(fault: Extract<Fault, { type: "status" | "error-event" }>): Refusal {
  const status = fault.type === "status" ? fault.status : 500;
  return {
    status,
    message:
      fault.message ?? `The emulator was told to fail with ${fault.type === "status" ? `HTTP ${status}` : "an error inside the stream"}.`,
    errorType: fault.errorType ?? (status === 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error"),
    code: fault.code ?? (status === 429 ? "rate_limit_exceeded" : null),
    param: null,
  };
}

/** Regroups neighbouring writes into writes of `bytesPerWrite`, the last one of each group shorter. */
function cutTo({ bytesPerWrite }: Framing, actions: Action[]): Action[] {
  if (bytesPerWrite === undefined) return actions;
  const size = Math.max(1, Math.floor(bytesPerWrite));
  const result: Action[] = [];
  let group: Extract<Action, { type: "write" }>[] = [];
  const flush = () => {
    const all = Buffer.concat(group.map((write) => write.bytes));
    const before = result.findLast((action) => action.type === "write")?.deltas ?? 0;
    let passed = 0;
    let deltas = before;
    let next = 0;
    for (let start = 0; start < all.length; start += size) {
      const end = Math.min(start + size, all.length);
      for (let write = group[next]; write && passed + write.bytes.length <= end; write = group[++next]) {
        passed += write.bytes.length;
        deltas = write.deltas;
      }
      result.push({ type: "write", bytes: all.subarray(start, end), deltas });
    }
    group = [];
  };
  for (const action of actions) {
    if (action.type === "write") group.push(action);
    else {
      flush();
      result.push(action);
    }
  }
  flush();
  return result;
}
