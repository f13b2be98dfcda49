import type { CompactionMethod, CompactionOptions, CompactionPlan } from "../agent/context-window/options.js";
import { atLeast, bad, given, knownKeys, oneOf } from "../option-checks.js";

const METHODS: readonly [CompactionMethod, ...CompactionMethod[]] = ["native", "clear", "summary", "trim"];
const PROMPTS = ["summary", "resume", "cleared", "trimmed"];
export const compactionDefaults = {
  highWater: 0.8,
  lowWater: 0.5,
  methods: [...METHODS],
  keepExchanges: 3,
  keepToolResults: 3,
  floor: 8_000,
  minSaving: 0.2,
  coolDown: 3,
  timeoutMs: 120_000,
};

/** Nothing, where it is off. */
export function resolveCompaction(option: boolean | CompactionOptions | undefined): CompactionPlan | undefined {
  if (option === false) return undefined;
  const plan: CompactionPlan = { ...compactionDefaults, ...given("compaction", option === true ? undefined : option) };
  const { prompts = {}, methods, highWater, ...figures } = plan;
  knownKeys(plan, [...Object.keys(compactionDefaults), "prompts"], "compaction");
  if (!Array.isArray(methods)) throw bad("compaction.methods", `must be a list of ${METHODS.join(", ")}`);
  for (const [i, method] of methods.entries()) oneOf(`compaction.methods[${i}]`, method, METHODS);
  for (const [key, value] of Object.entries({ highWater, ...figures })) {
    const part = ["highWater", "lowWater", "minSaving"].includes(key);
    atLeast(`compaction.${key}`, value, key === "keepExchanges" || key === "timeoutMs" ? 1 : 0, part || key === "timeoutMs");
    if (part && value > 1) throw bad(`compaction.${key}`, `must be a part, 0 to 1, not ${value}`);
  }
  if (!(plan.lowWater < highWater)) throw bad("compaction.lowWater", `must be below highWater (${highWater}), not ${plan.lowWater}`);
  knownKeys(given("compaction.prompts", prompts), PROMPTS, "compaction.prompts");
  for (const [key, text] of Object.entries(prompts))
    if (typeof text !== "function") throw bad(`compaction.prompts.${key}`, "must be a function that returns the text");
  return plan;
}
