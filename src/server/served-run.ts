import { MassGenError } from "../errors.js";
import type { CoordinationEvent, EventOfType } from "../orchestrator/events.js";
import type { Run, RunResult } from "../orchestrator/run.js";
import { noUsage, type Usage } from "../token-manager/usage.js";
import type { ConformityCheck } from "./conformity.js";
import { Narrator } from "./narrator.js";
import { type ClientCall, type Output, OutputQueue } from "./output.js";
import type { ClientTool, RunRequest } from "./requests/run-request.js";
import { StopSequences } from "./stop-sequences.js";
import type { NamedTools } from "./tool-names.js";

interface Pending {
  requestId: string;
  call: ClientCall;
}

export interface ServedRunOptions {
  /** The request that it answers first. */
  request: RunRequest;
  tools: NamedTools;
  /** Nothing final is said before it is accepted. */
  reviewed: boolean;
  /** Whether the final text is what was asked for. */
  check: ConformityCheck | undefined;
  /** Answers what the run asks and its client cannot; absent: nobody can. */
  decide: ((event: EventOfType<"input-request">, signal: AbortSignal) => Promise<unknown>) | undefined;
  /** The id under which the n-th call of the run goes out. */
  callId(n: number, agentId: string): string;
}

/** A run as its client sees it: what is said, and the calls it has to carry out. Read once per reply, by one reader. */
export class ServedRun {
  readonly run: Run;
  readonly #options: ServedRunOptions;
  readonly #outputs = new OutputQueue();
  readonly #narrator: Narrator;
  /** Calls of the client's tools in the step under way, by their ids in the run. */
  readonly #expected = new Set<string>();
  /** Calls asked and not answered, those out first. */
  #pending: Pending[] = [];
  #out = 0;
  /** Aborted when the run is over; made when first needed. */
  #over: AbortSignal | undefined;
  #asked = 0;
  /** What earlier replies have told of. */
  #told: Usage = noUsage;
  #stops: StopSequences;
  /** What this reply has said: a call of a client's tool may have parted it from earlier words of the result. */
  #text = "";
  /** The next text begins a reply. */
  #fresh = true;
  #stopped = false;

  /** Of a run that has just been begun: it is listened to from its first event on. */
  constructor(run: Run, options: ServedRunOptions) {
    this.run = run;
    this.#options = options;
    this.#narrator = new Narrator({ asksSomebody: options.decide !== undefined });
    this.#stops = this.#newStops();
    run.on("*", this.#tell);
    run.result.then((result) => this.#finish(result)).catch((error: unknown) => this.#outputs.fail(error));
  }

  /** Ids of the calls that are out and wait for their results. */
  get waitingFor(): string[] {
    return this.#pending.slice(0, this.#out).map(({ call }) => call.id);
  }

  /**
   * Whether it can go on to answer a later request: its tools, their choice and the format are fixed. A choice that was forced
   * has had its effect.
   */
  answers(request: RunRequest): boolean {
    const free = request.toolChoice === undefined || request.toolChoice === "auto";
    return free && fixed(request) === fixed(this.#options.request);
  }

  /** Gives the results of the calls that are out. Throws `unknown_request` when the run has gone on without them. */
  resume(resultOf: (callId: string) => unknown): void {
    const answered = this.#pending.splice(0, this.#out);
    this.#out = 0;
    this.#stops = this.#newStops();
    this.#text = "";
    this.#fresh = true;
    for (const { requestId, call } of answered) this.run.respond(requestId, resultOf(call.id));
    if (this.#pending.length > 0) this.#hand();
  }

  /** One reply. Throws what `run.result` rejects with. `onWait` is told before the client gets calls to carry out. */
  async *reply(onWait: () => void): AsyncGenerator<Output, void> {
    for (;;) {
      const output = await this.#outputs.next();
      if (output.type === "tool-calls") {
        if (this.#stopped) await this.run.result; // throws: it waits for nobody any more
        onWait();
      }
      yield output;
      if (output.type === "tool-calls" || output.type === "finish") return;
    }
  }

  /** Stops it, if it still goes on. */
  abort(reason: string): void {
    this.#stopped = true;
    this.run.abort(reason);
  }

  /** Hears every event as it happens: deltas cost no turn of a loop, and are merged until somebody reads. */
  readonly #tell = (event: CoordinationEvent): void => {
    try {
      this.#hear(event);
    } catch (error) {
      this.#outputs.fail(error);
    }
  };

  #hear(event: CoordinationEvent): void {
    if (event.type === "text-delta" && event.phase === "present") {
      if (!this.#options.reviewed) this.#say(this.#stops.push(this.#fresh ? event.delta.replace(/^\n+/, "") : event.delta));
      return;
    }
    if (event.type === "input-request" && this.#take(event)) {
      if (this.#expected.size === 0 && this.#out === 0) this.#hand();
      return;
    }
    if (event.type === "tool-call") this.#expect(event);
    else if (event.type === "step-finish") this.#expected.clear();
    const said = this.#narrator.tell(event);
    if (said !== "") this.#outputs.say("progress", said);
    if (!isVoid(event)) return;
    this.#stops = this.#newStops();
    this.#text = "";
    this.#outputs.push({ type: "void" });
  }

  #say(delta: string): void {
    if (delta === "") return;
    this.#fresh = false;
    this.#text += delta;
    this.#outputs.say("text", delta);
  }

  #finish(result: RunResult): void {
    const { reviewed, check } = this.#options;
    const rest = (reviewed ? this.#stops.push(result.text) : "") + this.#stops.end();
    if (reviewed) check?.(this.#text + rest);
    this.#say(rest);
    if (!reviewed) check?.(this.#text);
    this.#outputs.push({ type: "finish", result, usage: this.#untold(result.usage) });
  }

  #newStops(): StopSequences {
    return new StopSequences(this.#options.request.settings.stop ?? []);
  }

  #untold(spent: Usage): Usage {
    const usage = restOfUsage(spent, this.#told);
    this.#told = spent;
    return usage;
  }

  #expect({ toolCallId, toolName, invalid, builtin, phase }: EventOfType<"tool-call">): void {
    if (phase !== "present" || builtin || invalid !== undefined || this.#options.tools.clientTool(toolName) === undefined) return;
    this.#expected.add(toolCallId);
  }

  #take(event: EventOfType<"input-request">): boolean {
    const tool = event.toolName === undefined ? undefined : this.#options.tools.clientTool(event.toolName);
    if (event.kind !== "tool-result" || tool === undefined) {
      this.#answer(event);
      return false;
    }
    this.#expected.delete(event.toolCallId ?? "");
    const id = this.#options.callId(this.#asked++, event.agentId ?? "");
    this.#pending.push({ requestId: event.requestId, call: { id, tool, arguments: argumentsOf(tool, event.input) } });
    return true;
  }

  /** Answers what is not the client's to answer. */
  #answer(event: EventOfType<"input-request">): void {
    const { decide } = this.#options;
    if (decide === undefined) return this.#respond(event, refusal(event));
    this.#over ??= this.#untilOver();
    decide(event, this.#over).then(
      (value) => this.#respond(event, value),
      () => this.#respond(event, refusal(event)),
    );
  }

  #respond(event: EventOfType<"input-request">, value: unknown): void {
    try {
      this.run.respond(event.requestId, value);
    } catch (error) {
      // It has gone on without the answer; or cannot take it, which must not leave it waiting.
      if (error instanceof MassGenError && error.code === "bad_response") this.run.respond(event.requestId, refusal(event));
    }
  }

  #untilOver(): AbortSignal {
    const controller = new AbortController();
    const abort = () => controller.abort(new DOMException("The run is over.", "AbortError"));
    this.run.result.then(abort, abort);
    return controller.signal;
  }

  #hand(): void {
    this.#say(this.#stops.end());
    this.#out = this.#options.request.parallelToolCalls ? this.#pending.length : 1;
    const calls = this.#pending.slice(0, this.#out).map(({ call }) => call);
    this.#outputs.push({ type: "tool-calls", calls, usage: this.#untold(this.run.usage) });
  }
}

/** What a run is told where nobody can be asked. */
function refusal({ kind }: EventOfType<"input-request">): unknown {
  const reason = "nobody can be asked on this server";
  if (kind === "approval") return { approved: false, reason };
  return kind === "question" ? undefined : new Error(`This tool cannot be used: ${reason}.`);
}

/** What `all` has more than its part. */
function restOfUsage(all: Usage, part: Usage): Usage {
  const figures = Object.entries(all).filter((each): each is [keyof Usage, number] => typeof each[1] === "number");
  const rest = Object.fromEntries(figures.map(([key, figure]) => [key, Math.max(0, figure - Number(part[key] ?? 0))]));
  return { ...noUsage, ...rest, ...(all.estimated && { estimated: true }) };
}

function fixed({ tools, settings, parallelToolCalls }: RunRequest): string {
  return JSON.stringify([tools.map(({ name }) => name).sort(), settings.responseFormat ?? null, parallelToolCalls]);
}

function argumentsOf(tool: ClientTool, input: unknown): string {
  if (tool.freeText !== undefined && typeof input === "object" && input !== null && "input" in input && typeof input.input === "string") {
    return input.input;
  }
  return JSON.stringify(input ?? {});
}

/** Presented text was taken back: its step failed or its turn did, or a review sent it back. */
function isVoid(event: CoordinationEvent): boolean {
  if (event.type === "run-restart") return true;
  if (event.type === "step-finish") return event.phase === "present" && event.status !== "ok";
  return (event.type === "turn-error" || event.type === "turn-interrupt") && event.phase === "present";
}
