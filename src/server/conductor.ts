import { randomUUID } from "node:crypto";
import type { TraceContext } from "../backends/backend.js";
import type { ToolResultPart, UserMessage, UserPart } from "../formatter/messages.js";
import { textOf } from "../formatter/messages.js";
import type { Orchestrator } from "../orchestrator/orchestrator.js";
import { isBackgroundJob } from "./background-jobs.js";
import { conformityCheck } from "./conformity.js";
import { badRequest } from "./http-error.js";
import type { ModelTable, ServedModel } from "./models.js";
import type { ServerOptions } from "./options.js";
import type { Output } from "./output.js";
import type { ParkedRuns } from "./parked-runs.js";
import type { RunRequest } from "./requests/run-request.js";
import { ServedRun, type ServedRunOptions } from "./served-run.js";
import { nameTools } from "./tool-names.js";

/** A request on its way. */
export interface RequestContext {
  requestId: string;
  /** Whoever holds the API key. */
  owner: string;
  trace: TraceContext | undefined;
}

export interface ConductorOptions {
  models: ModelTable;
  parked: ParkedRuns;
  /** Whether titles and tags go to one agent, and to which: its id, or the first. */
  backgroundJobs: boolean | string;
  onInputRequest: ServerOptions["onInputRequest"];
}

/** A reply under way. */
export interface Reply {
  outputs: AsyncGenerator<Output, void>;
  /** Stops the run behind it. */
  abort(reason: string): void;
  runId: string;
  /** Resolves when nothing is at work for it any more: its run is over, or waits for its client. Never rejects. */
  rests: Promise<void>;
}

const CALL_ID = /^call_(\d+)_([0-9a-f]{24})_\d+$/;

/** Finds or starts the run that answers a request. */
export class Conductor {
  readonly #options: ConductorOptions;

  constructor(options: ConductorOptions) {
    this.#options = options;
  }

  /** @throws HttpError for an unknown model or missing tool results, ConfigError for what a run refuses. */
  begin(request: RunRequest, context: RequestContext): Reply {
    const model = this.#options.models.find(request.model);
    return this.#resumed(request, context) ?? this.#started(request, context, model);
  }

  #started(request: RunRequest, context: RequestContext, model: ServedModel): Reply {
    const orchestrator = this.#orchestratorFor(request, model);
    const taken = orchestrator.agents.flatMap(({ tools }) => tools.map(({ name }) => name));
    const tools = nameTools(request.tools, taken, (name) => orchestrator.mayHaveTool(name));
    const check = conformityCheck(request.settings.responseFormat, request.echo === undefined ? "response_format" : "text.format");
    const toolChoice = tools.choice(request.toolChoice);
    const run = orchestrator.run(tools.messages(request.messages), {
      ...(request.system !== undefined && { system: request.system }),
      ...(request.toolChoice !== "none" && { tools: tools.tools }),
      ...(toolChoice !== undefined && toolChoice !== "none" && { toolChoice }),
      settings: request.settings,
      context: { requestId: context.requestId, user: request.user, metadata: request.metadata },
      ...(context.trace !== undefined && { trace: context.trace }),
    });
    const token = randomUUID().replaceAll("-", "").slice(-24); // Node has random bytes for UUIDs in store
    const served = new ServedRun(run, {
      request,
      tools,
      reviewed: orchestrator.reviews,
      check,
      decide: this.#decide(request, context),
      callId: (n, agentId) =>
        `call_${Math.max(
          0,
          model.orchestrator.agents.findIndex(({ id }) => id === agentId),
        )}_${token}_${n}`,
    });
    return this.#reply(served, token, context.owner);
  }

  #decide(request: RunRequest, { requestId }: RequestContext): ServedRunOptions["decide"] {
    const { onInputRequest } = this.#options;
    if (onInputRequest === undefined) return undefined;
    const { user, metadata } = request;
    const context = { requestId, ...(user !== undefined && { user }), ...(metadata !== undefined && { metadata }) };
    return async (event, signal) => onInputRequest(event, { ...context, signal });
  }

  #orchestratorFor(request: RunRequest, model: ServedModel): Orchestrator {
    // Results of calls whose run is gone: the agent that made them goes on from the transcript.
    const { results } = lastResults(request);
    const ours = results.map(({ toolCallId }) => CALL_ID.exec(toolCallId)).find((match) => match !== null);
    if (ours !== undefined || request.messages.at(-1)?.role === "tool") return model.singles[Number(ours?.[1] ?? 0)] ?? model.singles[0]!;
    const { backgroundJobs } = this.#options;
    if (backgroundJobs === false || !isBackgroundJob(request)) return model.orchestrator;
    const index = model.orchestrator.agents.findIndex(({ id }) => id === backgroundJobs);
    return model.singles[index] ?? model.singles[0]!;
  }

  /** The run that waits for the results at the end of the conversation, if there is one. */
  #resumed(request: RunRequest, context: RequestContext): Reply | undefined {
    const { parked } = this.#options;
    const { results, added } = lastResults(request);
    const token = results.map(({ toolCallId }) => CALL_ID.exec(toolCallId)?.[2]).find((each) => each !== undefined);
    const served = token === undefined ? undefined : parked.peek(token, context.owner);
    if (token === undefined || served === undefined) return undefined;
    const byId = new Map(results.map((result) => [result.toolCallId, result]));
    const missing = served.waitingFor.filter((id) => !byId.has(id));
    if (missing.length > 0) {
      throw badRequest(
        "messages",
        `Results are missing for the tool calls ${missing.join(", ")}. Send all of them.`,
        "missing_tool_results",
      );
    }
    parked.take(token);
    if (!served.answers(request)) {
      served.abort("its client asks for something else now");
      return undefined;
    }
    const last = served.waitingFor.at(-1);
    try {
      served.resume((id) => resultValue(byId.get(id)!, id === last ? added : []));
    } catch {
      served.abort("it had gone on without its client");
      return undefined;
    }
    return this.#reply(served, token, context.owner);
  }

  #reply(served: ServedRun, token: string, owner: string): Reply {
    const { parked } = this.#options;
    let rest = () => {};
    const rests = new Promise<void>((resolve) => {
      rest = resolve;
    });
    served.run.result.then(rest, rest);
    const outputs = served.reply(() => {
      parked.park(token, served, owner);
      rest();
    });
    return { outputs, abort: (reason) => served.abort(reason), runId: served.run.runId, rests };
  }
}

/** The tool results that the conversation ends with, and what the user says after them. */
function lastResults({ messages }: RunRequest): { results: ToolResultPart[]; added: UserPart[] } {
  const at = messages.findLastIndex(({ role }) => role !== "user");
  const message = messages[at];
  if (message?.role !== "tool") return { results: [], added: [] };
  const after = messages.slice(at + 1) as UserMessage[];
  return { results: message.content, added: after.flatMap(({ content }) => partsOf(content)) };
}

function resultValue({ output, isError }: ToolResultPart, added: UserPart[]): unknown {
  if (isError && added.length === 0) return new Error(typeof output === "string" ? output : textOf(output));
  if (added.length === 0) return output;
  const failed: UserPart[] = isError ? [{ type: "text", text: "The tool failed: " }] : [];
  return [...failed, ...partsOf(output), { type: "text", text: "\n\nThe user adds: " }, ...added];
}

const partsOf = (content: string | UserPart[]): UserPart[] => (typeof content === "string" ? [{ type: "text", text: content }] : content);
