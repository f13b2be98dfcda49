import { wait } from "../agent/abort.js";
import { untilAborted } from "../backends/until-aborted.js";
import { MassGenError } from "../errors.js";
import type { Runtime } from "../runtime.js";
import type { ServerSpec } from "./config.js";
import { type Connection, connect } from "./connection.js";
import { explain, McpUnavailable } from "./explain.js";
import { type Listing, readListing } from "./listing.js";
import { loadSdk, type Sdk } from "./sdk.js";
import { type Redactor, redactorOf } from "./secrets.js";
import type { ServerTransport } from "./stdio-transport.js";

/** Failures in a row after which a server is left alone for a while. */
const MAX_FAILURES = 3;
const FIRST_DELAY = 500;
const FIRST_BREAK = 30_000;
const LONGEST_BREAK = 300_000;
/** For an answer to a ping, when a call has taken too long. */
const PING_MS = 5_000;

/** Who needs the server, and how long. */
export interface Use {
  runtime: Runtime;
  signal: AbortSignal;
}

export interface ServerOptions {
  /** See `ConnectOptions`. */
  roots?: readonly string[];
  cwd?: string;
}

/**
 * One server, shared by all who use it: connected when first needed, again when the connection was lost, and given up for a
 * while when that fails over and over.
 */
export interface McpServer {
  readonly spec: ServerSpec;
  readonly redactor: Redactor;
  /** What it offered when last asked; `undefined` before it was ever connected. */
  readonly listing: Listing | undefined;
  readonly instructions: string | undefined;
  /** Called with each new listing, until the returned function is called. */
  onListing(listener: (listing: Listing) => void): () => void;
  /** A run begins to use it; the returned function ends that, and resolves when nothing is left that the run alone needed. */
  enter(runtime: Runtime): () => Promise<void>;
  /**
   * The connection, made if need be: shared with all others who wait for it, and given up when none of them waits any longer.
   * Between attempts it waits a little; after three failures it throws at once until the break is over, then one attempt decides.
   * @throws McpUnavailable
   */
  acquire(use: Use): Promise<Connection>;
  /** The server has answered a call. */
  succeeded(connection: Connection): void;
  /** The connection is of no more use; other calls on it may still end well. */
  drop(connection: Connection, why: string): void;
  /** A call took too long: finds out whether the server still answers, and gives the connection up if not. */
  suspect(connection: Connection): void;
  /** A call is over, one way or another. */
  released(): void;
  /** For good. Resolves when nothing is left of it. */
  close(): Promise<void>;
}

interface Attempt {
  promise: Promise<Connection>;
  controller: AbortController;
  waiting: number;
}

const TIMED_OUT = Symbol("timed out");
const ABANDONED = Symbol("abandoned");

export function mcpServer(spec: ServerSpec, options: ServerOptions = {}): McpServer {
  const redactor = redactorOf(spec.address);
  const listeners = new Set<(listing: Listing) => void>();
  /** What goes on by itself, for `close` to wait for. None of it rejects. */
  const background = new Set<Promise<unknown>>();
  const retired = new Set<Connection>();
  let clock: Runtime;
  let current: Connection | undefined;
  let attempt: Attempt | undefined;
  let listing: Listing | undefined;
  let instructions: string | undefined;
  let users = 0;
  let failures = 0;
  let lastWhy = "";
  let notBefore = 0;
  let refreshing = false;
  let refreshAgain = false;
  let closed = false;

  return {
    spec,
    redactor,
    get listing() {
      return listing;
    },
    get instructions() {
      return instructions;
    },
    onListing(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    enter(runtime) {
      clock = runtime;
      users++;
      current?.transport.keepAlive(true);
      let left = false;
      return async () => {
        if (left) return;
        left = true;
        users--;
        if (users > 0) return;
        await attempt?.promise.catch(() => {});
        if (users > 0) return;
        // A child process is kept for the next run, but keeps nobody alive; an HTTP session is cheap to make anew.
        if (spec.address.type === "stdio") current?.transport.keepAlive(false);
        else if (current) await endCurrent(current);
        await Promise.all([...retired].map((connection) => connection.close()));
      };
    },
    acquire,
    succeeded(connection) {
      if (connection === current) failures = 0;
    },
    drop,
    released: sweep,
    suspect(connection) {
      inBackground(
        limited(PING_MS, (signal) => connection.ping(signal)).catch(async () => {
          if (connection !== current) return;
          drop(connection, `did not answer a ping within ${PING_MS} ms`);
          await connection.transport.kill();
          await connection.close();
        }),
      );
    },
    async close() {
      closed = true;
      attempt?.controller.abort(ABANDONED);
      await attempt?.promise.catch(() => {});
      if (current) await endCurrent(current);
      await Promise.all([...retired].map((connection) => connection.close()));
      await Promise.all(background);
      listeners.clear();
    },
  };

  async function acquire({ runtime, signal }: Use): Promise<Connection> {
    clock = runtime;
    for (;;) {
      if (closed) throw new McpUnavailable(spec, "has been closed with its toolkit", redactor);
      signal.throwIfAborted();
      if (current) return current;
      if (attempt?.controller.signal.aborted) {
        await untilAborted(
          attempt.promise.catch(() => {}),
          signal,
          () => signal.reason,
        );
        continue;
      }
      if (!attempt) {
        const left = notBefore - runtime.now();
        if (left > 0 && failures >= MAX_FAILURES) {
          const why = `failed ${failures} times in a row and is left alone for another ${Math.ceil(left / 1000)} s. The last time it ${lastWhy}`;
          throw new McpUnavailable(spec, why, redactor);
        }
        if (left > 0) {
          await wait(runtime, left, signal);
          continue;
        }
        attempt = start(runtime);
      }
      return await join(attempt, signal);
    }
  }

  /** Waits along with others; the last one to give up ends the attempt. */
  async function join(joined: Attempt, signal: AbortSignal): Promise<Connection> {
    joined.waiting++;
    try {
      return await untilAborted(joined.promise, signal, () => signal.reason);
    } finally {
      joined.waiting--;
      if (joined.waiting === 0 && attempt === joined) joined.controller.abort(ABANDONED);
    }
  }

  function start(runtime: Runtime): Attempt {
    const controller = new AbortController();
    const started: Attempt = { controller, waiting: 0, promise: undefined as never };
    started.promise = open(runtime, controller).finally(() => {
      if (attempt === started) attempt = undefined;
    });
    started.promise.catch(() => {}); // whoever waits for it hears of it
    return started;
  }

  async function open(runtime: Runtime, controller: AbortController): Promise<Connection> {
    const { signal } = controller;
    const cancel = runtime.setTimer(spec.connectTimeoutMs, () => controller.abort(TIMED_OUT));
    let connection: Connection | undefined;
    let transport: ServerTransport | undefined;
    let sdk: Sdk | undefined;
    try {
      sdk = await loadSdk();
      signal.throwIfAborted();
      const hooks = {
        signal,
        ...options,
        onClose: () => connection && drop(connection, connection.transport.failure() ?? "closed the connection"),
        onToolsChanged: () => connection && connection === current && refresh(connection),
      };
      connection = await connect(spec, sdk, hooks, (failed) => {
        transport = failed;
      });
      transport = connection.transport;
      const raw = await untilAborted(connection.listTools(signal), signal, () => new Error("aborted"));
      const read = await readListing(raw, spec, connection.headers);
      if (transport.failure() !== undefined) throw new Error("closed");
      signal.throwIfAborted();
      instructions = connection.instructions;
      transport.keepAlive(users > 0);
      current = connection;
      setListing(read);
      return connection;
    } catch (error) {
      const why = reason(error, signal, sdk, connection, transport);
      await connection?.transport.kill();
      await connection?.close();
      if (signal.reason !== ABANDONED) noteFailure(why);
      throw new McpUnavailable(spec, why, redactor, { tail: transport?.errorTail() ?? "", cause: error });
    } finally {
      cancel();
    }
  }

  function reason(
    error: unknown,
    signal: AbortSignal,
    sdk: Sdk | undefined,
    connection: Connection | undefined,
    transport: ServerTransport | undefined,
  ) {
    if (signal.reason === TIMED_OUT) return `did not ${connection ? "list its tools" : "answer"} within ${spec.connectTimeoutMs} ms`;
    if (signal.reason === ABANDONED) return "is no longer needed";
    return sdk === undefined ? `cannot be used: ${String(error)}` : explain(error, spec, sdk, transport);
  }

  function setListing(read: Listing): void {
    listing = read;
    for (const listener of listeners) listener(read);
  }

  function refresh(connection: Connection): void {
    refreshAgain = true;
    if (refreshing) return;
    refreshing = true;
    const again = async () => {
      try {
        while (refreshAgain && connection === current) {
          refreshAgain = false;
          const raw = await limited(spec.connectTimeoutMs, (signal) => connection.listTools(signal));
          setListing(await readListing(raw, spec, connection.headers));
        }
      } catch {
        const stale = "said that its tools have changed, but did not list them anew; the old list is used";
        if (listing && connection === current) setListing({ ...listing, problems: [stale] });
      } finally {
        refreshing = false;
      }
    };
    inBackground(again());
  }

  function drop(connection: Connection, why: string): void {
    connection.problem ??= why;
    if (connection !== current) return;
    current = undefined;
    retired.add(connection);
    if (connection.active.size > 0 || why !== connection.transport.failure()) noteFailure(why);
    sweep();
  }

  /** Ends given-up connections that nobody waits on any longer. */
  function sweep(): void {
    for (const connection of retired) {
      if (connection.active.size === 0 || connection.transport.failure() !== undefined) inBackground(end(connection));
    }
  }

  function noteFailure(why: string): void {
    failures++;
    lastWhy = why;
    const jitter = 0.5 + clock.random() / 2;
    const pause =
      failures < MAX_FAILURES
        ? FIRST_DELAY * 2 ** (failures - 1) * jitter
        : Math.min(FIRST_BREAK * 2 ** (failures - MAX_FAILURES), LONGEST_BREAK);
    notBefore = clock.now() + pause;
  }

  async function endCurrent(connection: Connection): Promise<void> {
    current = undefined;
    await end(connection);
  }

  async function end(connection: Connection): Promise<void> {
    await connection.close();
    retired.delete(connection);
  }

  /** Work that is stopped after `ms` of the run's time. */
  async function limited<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const cancel = clock.setTimer(ms, () => controller.abort(new MassGenError("mcp_timeout", `no answer within ${ms} ms`)));
    try {
      return await untilAborted(work(controller.signal), controller.signal, () => controller.signal.reason);
    } finally {
      cancel();
    }
  }

  function inBackground(work: Promise<unknown>): void {
    const tracked = work.catch(() => {}).finally(() => background.delete(tracked));
    background.add(tracked);
  }
}
