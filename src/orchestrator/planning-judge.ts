import { startTurn } from "../agent/turn.js";
import type { StepEvent, TurnHooks } from "../agent/types.js";
import { MassGenError } from "../errors.js";
import { noUsage, type Usage } from "../token-manager/usage.js";
import type { Tool } from "../tools/tool.js";
import type { RunSpec } from "./briefing.js";
import type { ResolvedOptions } from "./options.js";
import type { Judgement } from "./planning-mode.js";
import { partsOf } from "./prompts/compose.js";

/** A judgement that takes longer is none. */
const LIMIT_MS = 60_000;

export const JUDGING_TURN = "planning";

export interface Judged {
  judgement: Judgement | undefined;
  usage: Usage;
  /** Why there is no judgement. */
  error?: unknown;
}

export interface JudgeHooks {
  mayStart?: TurnHooks["mayStart"];
  /** A step is over: what it spent. */
  spent(usage: Usage, ok: boolean): void;
}

/** Asks one agent's model, without tools, whether the task may change anything for good. Rejects with nothing but the abort's reason. */
export async function judgeTask(
  options: ResolvedOptions,
  spec: RunSpec,
  agent: number,
  tools: readonly Tool[],
  signal: AbortSignal,
  hooks: JudgeHooks,
): Promise<Judged> {
  const { backend, id, params } = options.agents[agent]!;
  const { before, after } = options.prompts.task();
  const { message, history } = spec.task;
  const question = options.prompts.judgeTask({ tools: tools.map(({ name, description }) => ({ name, description })) });
  const parts = message === undefined ? [] : partsOf(message);
  const content = [{ type: "text" as const, text: before }, ...parts, { type: "text" as const, text: `${after}\n\n${question}` }];
  const controller = new AbortController();
  let usage = noUsage;
  let reply = "";
  const forward = () => controller.abort(signal.reason);
  signal.addEventListener("abort", forward, { once: true });
  if (signal.aborted) forward();
  try {
    const turn = startTurn(
      {
        runId: spec.runId,
        agentId: id,
        turnId: JUDGING_TURN,
        backend,
        messages: [...history, { role: "user", content }],
        tools: [],
        decisions: [],
        ...(params !== undefined && { params }),
        timeouts: { ...options.timeout, turn: Math.min(options.timeout.turn, LIMIT_MS) },
        maxSteps: 3,
        maxStepRetries: options.maxStepRetries,
        ...(spec.trace !== undefined && { trace: spec.trace }),
        runtime: options.runtime,
        signal: controller.signal,
      },
      {
        emit(event: StepEvent) {
          if (event.type === "step-finish") hooks.spent(event.usage, event.status === "ok");
        },
        writing() {},
        worked() {},
        takeUpdate: () => undefined,
        external: async () => [],
        mayStart(estimate) {
          const may = hooks.mayStart?.(estimate) ?? true;
          if (may === false) controller.abort(new MassGenError("budget", "the budget has no room for it"));
          return may;
        },
        async decide({ text, finishReason }) {
          if (finishReason === "stop" || finishReason === "other") reply = text;
          return { type: "end" };
        },
      },
    );
    await turn.done.finally(() => {
      usage = turn.usage();
    });
    if (controller.signal.aborted) throw controller.signal.reason;
    return { judgement: readJudgement(reply, tools), usage };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    return { judgement: undefined, usage, error };
  } finally {
    signal.removeEventListener("abort", forward);
  }
}

/** Takes what was asked for and nothing else: whatever is in doubt counts as no judgement. */
export function readJudgement(reply: string, tools: readonly { name: string }[]): Judgement {
  const verdicts = [...reply.matchAll(/^[\s>*_`#-]*IRREVERSIBLE[\s*_`]*:[\s*_`]*(\w+)/gim)].map(([, word]) => word?.toUpperCase());
  const [verdict] = verdicts;
  if (verdict === undefined || verdicts.some((word) => word !== verdict) || (verdict !== "YES" && verdict !== "NO")) {
    throw unreadable("it has no line `IRREVERSIBLE: YES` or `IRREVERSIBLE: NO`");
  }
  const known = tools.map(({ name }) => name);
  if (verdict === "NO") return { known, irreversible: false };
  const [, list = ""] = /^[\s>*_`#-]*BLOCKED[_ ]TOOLS[\s*_`]*:(.*)$/im.exec(reply) ?? [];
  const named = list.split(/[\s,;]+/).map((word) => word.replace(/^[`*"'[(]+|[`*"'\]).]+$/g, ""));
  const names = named.filter((word) => word !== "" && !/^(none|all)$/i.test(word));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw unreadable(`it names "${unknown}", which is no tool`);
  return { known, irreversible: true, tools: named.some((word) => /^all$/i.test(word)) ? [] : names };
}

function unreadable(why: string): MassGenError {
  return new MassGenError("bad_judgement", `The judgement of the task could not be used: ${why}.`);
}
