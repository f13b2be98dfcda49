import type { Backend, BackendChunk, BackendRequest, CompactionResult } from "../../backends/backend.js";
import { BackendError, errorInfo, MassGenError } from "../../errors.js";
import type { Message } from "../../formatter/messages.js";
import { type Bench, failed, hopeless, type Outcome } from "./methods.js";
import { messagesTokens, setMessageTokens } from "./size.js";
import { countOf, messagesOf, type Unit } from "./units.js";

/** What asking again would not change. */
const FOR_GOOD = ["unsupported", "not_found", "permission", "model_not_found", "missing_sdk", "missing_key"];
const refused = new WeakMap<Backend, string>();

/** Has the provider condense the old exchanges. */
export async function native(bench: Bench): Promise<Outcome> {
  const { request, plan, view, room, old, kept } = bench;
  const { backend } = request;
  if (backend.compact === undefined) return failed(`${backend.type} cannot do it`);
  const known = refused.get(backend);
  if (known !== undefined) return failed(known);
  const messages = condensable(bench);
  const tokens = messagesTokens(messages);
  if (tokens < plan.floor) return failed(`only ${tokens} tokens are old enough`);
  const why = hopeless(bench);
  if (why !== undefined) return failed(why);
  if (bench.size({ ...view, units: old }) > room.limit) return failed("it does not fit the window");
  const { system, tools, params } = request;
  let condensed: Message[] = [];
  const sent: BackendRequest = {
    ...(system !== undefined && { system }),
    messages,
    ...(tools.length > 0 && { tools: tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })) }),
    ...(params !== undefined && { params }),
  };
  const end = await bench.sideStep({
    purpose: "compaction",
    backend: compacting(backend, (result) => {
      condensed = result.messages;
      const last = condensed.at(-1);
      // The text of what is opaque says nothing of its length; what was written does.
      if (last !== undefined && result.usage !== undefined) setMessageTokens(last, result.usage.outputTokens);
    }),
    request: sent,
    limitMs: plan.timeoutMs,
    take() {
      if (condensed.length === 0) throw new MassGenError("empty_compaction", `${backend.type} gave nothing back.`);
    },
  });
  if (end.type === "over") return end;
  if (end.type === "failed") {
    const { code, message } = errorInfo(end.error);
    if (FOR_GOOD.includes(code)) refused.set(backend, message);
    return failed(message, end.error);
  }
  const of = [...earlier(bench), ...old.flatMap((unit) => unit.of ?? unit.messages)];
  const count = (view.summary?.messages ?? 0) + countOf(old);
  const units: Unit[] = [{ kind: "condensed", messages: condensed, before: true, of, count }, ...kept];
  return { type: "view", view: bench.layOut({ units, left: view.left }) };
}

/**
 * What is sent to be condensed. Providers keep every message of the user's word for word; ours that followed the task go, as what they
 * said of the answers is said anew in the task.
 */
function condensable(bench: Bench): Message[] {
  return [
    ...earlier(bench),
    ...messagesOf(
      bench.old.map((unit) => (unit.before ? unit : { ...unit, messages: unit.messages.filter(({ role }) => role !== "user") })),
    ),
  ];
}

/** The summary that stands for what came before the old exchanges. */
const earlier = ({ view: { summary }, prompts }: Bench): Message[] =>
  summary === undefined ? [] : [{ role: "user", content: `${prompts.resume()}\n\n${summary.text}` }];

/** The provider's compaction as a model step, so that it is timed, stopped, traced and paid for like one. */
function compacting(backend: Backend, take: (result: CompactionResult) => void): Backend {
  return {
    type: backend.type,
    model: backend.model,
    capabilities: backend.capabilities,
    async *stream(request, { signal, trace }): AsyncGenerator<BackendChunk> {
      let result: CompactionResult;
      try {
        result = await backend.compact!(request, { ...(signal && { signal }), ...(trace && { trace }) });
      } catch (error) {
        // A compaction that came to nothing may have cost something all the same.
        if (error instanceof BackendError && error.usage !== undefined) yield { type: "usage", usage: error.usage };
        throw error;
      }
      take(result);
      if (result.usage !== undefined) yield { type: "usage", usage: result.usage };
      yield { type: "finish", reason: "stop" };
    },
  };
}
