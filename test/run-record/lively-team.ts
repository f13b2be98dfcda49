import type { BackendRequest } from "../../src/backends/backend.js";
import { BackendError } from "../../src/errors.js";
import type { CoordinationEvent } from "../../src/orchestrator/events.js";
import type { OrchestratorOptions } from "../../src/orchestrator/options.js";
import { Orchestrator } from "../../src/orchestrator/orchestrator.js";
import type { Run } from "../../src/orchestrator/run.js";
import { addEvent, emptyHistory, type RunHistory } from "../../src/run-record/index.js";
import {
  callTool,
  fail,
  newAnswer,
  type ScriptedPart,
  type ScriptedRule,
  say,
  scriptedBackend,
  seededRandom,
  think,
  type VirtualRuntime,
  virtualRuntime,
  vote,
  wait,
} from "../../src/testing/index.js";
import { tool } from "../../src/tools/tool.js";
import { aliasesOffered, answersRead, toolNames } from "../orchestrator/helpers.js";

const NAMES = ["gpt", "claude", "qwen", "gemini", "grok", "llama", "mistral", "deepseek", "phi", "command", "nova", "granite"];
const SENTENCES = [
  "A partial index on the open rows serves this query best, because nine tenths of the table are never asked for.",
  "Put the tenant first and the date second: the equality narrows, the range then reads a contiguous run of pages.",
  "Measure before and after with EXPLAIN (ANALYZE, BUFFERS); a plan that looks cheaper often reads more.",
  "A covering index would avoid the heap entirely, at the price of a third more space and slower writes.",
  "Do not index the status column alone: with four values it halves nothing.",
  "If writes dominate, a BRIN index on the date is a hundred times smaller and almost as good here.",
  "Remember to build it CONCURRENTLY, or every insert waits until it is done.",
];
const REASONS = [
  "It names the trade-off between space and speed and says how to measure it.",
  "The order of the columns is explained, not only asserted.",
  "It is the only answer that considers the cost of writes.",
];

export interface LivelyOptions extends Partial<Omit<OrchestratorOptions, "agents">> {
  agents?: number;
  seed?: number;
  /** Tool calls before a draft, at most. */
  tools?: number;
  /** How often a reader improves instead of voting. */
  improve?: number;
  /** What every text ends with. */
  suffix?: string;
}

/** A team in virtual time that drafts, searches, improves, fails now and then, votes and presents, differently for every seed. */
export function livelyTeam({ agents = 3, seed = 1, tools = 3, improve = 0.45, suffix = "", ...options }: LivelyOptions = {}): {
  orchestrator: Orchestrator;
  runtime: VirtualRuntime;
} {
  const runtime = virtualRuntime(seed);
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const text = (count: number) => Array.from({ length: count }, () => pick(SENTENCES)).join(count > 3 ? "\n\n" : " ") + suffix;
  const search = tool({
    name: "search",
    description: "Searches.",
    input: { type: "object" },
    execute: async () => {
      if (random() < 0.1) throw new Error(`no network ${suffix}`);
      return `found ${suffix}`;
    },
  });
  const team = Array.from({ length: agents }, (_, i) => {
    let searches = Math.floor(random() * (tools + 1));
    let own = "";
    const slow = 2_000 + random() * 9_000;
    const rule: ScriptedRule = (request: BackendRequest) => {
      const pause = (): ScriptedPart => wait(slow * (0.3 + random()));
      const names = toolNames(request);
      if (names.includes("search") && searches > 0) {
        searches--;
        return [think(`Let me look that up. ${suffix}`), pause(), callTool("search", { q: `index ${suffix}` })];
      }
      if (random() < 0.04) return [pause(), fail(new BackendError("overloaded", `The server is busy ${suffix}`, { retryable: true }))];
      const aliases = aliasesOffered(request);
      if (aliases.length > 0) {
        const mayAnswer = names.includes("new_answer") && typeof request.toolChoice !== "object";
        if (mayAnswer && random() < improve) {
          own = own === "" ? text(3) : `${own.replace(/index/g, "B-tree index")} ${pick(SENTENCES)}`;
          return [think("None says how to measure."), pause(), newAnswer(own, `None of them says how to measure it. ${suffix}`), wait(200)];
        }
        const read = answersRead(request);
        const longest = [...read].sort((a, b) => b.content.length - a.content.length)[0]?.alias ?? aliases[0];
        return [pause(), vote(random() < 0.7 && longest !== undefined ? longest : pick(aliases), `${pick(REASONS)} ${suffix}`)];
      }
      if (names.includes("new_answer")) {
        own = text(2 + Math.floor(random() * 5));
        return [think("A draft."), pause(), newAnswer(own), wait(500)];
      }
      return [pause(), say(`${own === "" ? text(3) : own}\n\nThat is the whole answer.${suffix}`), wait(1_500)];
    };
    const id = NAMES[i] ?? `agent-${i}`;
    return { id, backend: scriptedBackend(rule, { runtime, model: `${id}-large-2` }), tools: [search] };
  });
  return { orchestrator: new Orchestrator({ agents: team, runtime, draftGraceMs: 20_000, ...options }), runtime };
}

/** Plays a run to its end; resolves with all its events. */
export async function playLively(
  team: ReturnType<typeof livelyTeam>,
  question = "Which index fits this query, and why?",
): Promise<{ run: Run; events: CoordinationEvent[] }> {
  const run = team.orchestrator.run(question);
  const events: CoordinationEvent[] = [];
  run.on("*", (event) => {
    events.push(structuredClone(event));
  });
  await team.runtime.runUntil(Promise.allSettled([run.result]));
  return { run, events };
}

export function historyOf(events: readonly CoordinationEvent[]): RunHistory {
  const history = emptyHistory();
  for (const event of events) addEvent(history, event);
  return history;
}
