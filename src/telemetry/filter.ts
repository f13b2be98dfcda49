import { ConfigError } from "../errors.js";
import { nearest } from "../nearest-key.js";
import { COMPONENTS, type Component, LOG_LEVELS, type LogThreshold, severity } from "./levels.js";

/** Sets the least level that is logged where all of its conditions hold. `agent` and `event` may contain `*`. */
export interface FilterRule {
  level: LogThreshold;
  component?: Component;
  /** An agent's id. */
  agent?: string;
  phase?: "draft" | "evaluate" | "present" | "review";
  /** A type of event, e.g. `tool-*`. */
  event?: string;
}

/** What a rule looks at. */
export interface Subject {
  component: Component;
  type: string;
  agent?: string | undefined;
  phase?: string | undefined;
}

const PHASES = ["draft", "evaluate", "present", "review"];
const CONDITIONS = ["component", "agent", "phase", "event"] as const;
const RULE_KEYS: readonly string[] = ["level", ...CONDITIONS];

/** Where the rules come from, for messages, and the agents there are; without them, any id will do. */
export interface FilterSource {
  path: string;
  agents?: readonly string[];
}

/**
 * Reads `info,agent=gpt:debug,mcp:off`: pieces separated by commas, each a level, or a condition and a level. A condition is a
 * component, or `agent=`, `phase=`, `event=` or `component=`, and several are joined by `&`. Throws a `ConfigError` `bad_filter`
 * that names the piece.
 */
export function parseFilter(text: string, source: FilterSource): FilterRule[] {
  const pieces = text
    .split(",")
    .map((piece) => piece.trim())
    .filter((piece) => piece !== "");
  return pieces.map((piece) => parsePiece(piece, source));
}

function parsePiece(piece: string, source: FilterSource): FilterRule {
  const fail = (why: string) => badPiece(source, piece, why);
  const colon = piece.lastIndexOf(":");
  const level = piece.slice(colon + 1).trim();
  if (!isLevel(level)) {
    if (colon === -1 && (piece.includes("=") || isComponent(piece))) throw fail(`says no level; write "${piece}:debug"`);
    throw fail(`${choice(level, LOG_LEVELS, "level")}`);
  }
  const rule: FilterRule = { level };
  if (colon === -1) return rule;
  for (const part of piece.slice(0, colon).split("&")) {
    const condition = part.trim();
    const equals = condition.indexOf("=");
    const key = equals === -1 ? "component" : condition.slice(0, equals).trim();
    const value = condition.slice(equals + 1).trim();
    if (!(CONDITIONS as readonly string[]).includes(key)) throw fail(choice(key, CONDITIONS, "condition"));
    if (key in rule) throw fail(`names its ${key} twice; write two pieces`);
    Object.assign(rule, { [key]: value });
  }
  checkConditions(rule, source, fail);
  return rule;
}

/** Checks rules given as objects. Throws a `ConfigError` `bad_filter` that shows the rule. */
export function checkRules(rules: readonly unknown[], source: FilterSource): FilterRule[] {
  return rules.map((rule) => {
    const fail = (why: string) => badPiece(source, JSON.stringify(rule) ?? String(rule), why);
    if (typeof rule !== "object" || rule === null || Array.isArray(rule)) throw fail("must be a rule, e.g. { agent, level }");
    for (const [key, value] of Object.entries(rule)) {
      if (!RULE_KEYS.includes(key)) throw fail(choice(key, RULE_KEYS, "key"));
      if (typeof value !== "string") throw fail(`has a ${key} that is not a text`);
    }
    const checked = rule as FilterRule;
    if (!isLevel(checked.level)) throw fail(choice(String(checked.level), LOG_LEVELS, "level"));
    checkConditions(checked, source, fail);
    return checked;
  });
}

function checkConditions(rule: FilterRule, { agents }: FilterSource, fail: (why: string) => ConfigError): void {
  const { component, phase, agent, event } = rule;
  if (component !== undefined && !isComponent(component)) throw fail(choice(component, COMPONENTS, "component"));
  if (phase !== undefined && !PHASES.includes(phase)) throw fail(choice(phase, PHASES, "phase"));
  if (agent === "" || event === "") throw fail("has an empty condition");
  if (agent !== undefined && agents !== undefined && !agents.some((id) => matches(agent, id))) throw fail(choice(agent, agents, "agent"));
}

const isLevel = (text: string): text is LogThreshold => (LOG_LEVELS as readonly string[]).includes(text);
const isComponent = (text: string): boolean => (COMPONENTS as readonly string[]).includes(text);

function choice(value: string, known: readonly string[], kind: string): string {
  const near = nearest(value, known);
  return `"${value}" is no ${kind}; ${near === undefined ? `there are ${known.join(", ")}` : `did you mean "${near}"?`}`;
}

function badPiece({ path }: FilterSource, piece: string, why: string): ConfigError {
  return new ConfigError("bad_filter", `${path}: in the filter, ${piece.startsWith("{") ? piece : `"${piece}"`}: ${why}`, { path });
}

/** A `*` stands for any text. Takes time in proportion to the lengths. */
function matches(pattern: string, text: string): boolean {
  if (!pattern.includes("*")) return pattern === text;
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop() ?? "";
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > text.length - last.length) return false;
    at = found + piece.length;
  }
  return true;
}

/** Rules made fast. */
export interface Filter {
  /** No record less severe than this passes anywhere. */
  least: number;
  /** The severity that a record about `subject` needs. Of the rules that fit, the last counts. */
  threshold(subject: Subject): number;
}

export function compileFilter(rules: readonly FilterRule[]): Filter {
  const all: readonly FilterRule[] = [{ level: "info" }, ...rules];
  // What comes before a rule without conditions can never count.
  const general = all.findLastIndex((rule) => CONDITIONS.every((key) => rule[key] === undefined));
  const counting = all.slice(general).reverse();
  const least = Math.min(...counting.map(({ level }) => severity[level]));
  const threshold = (subject: Subject) => severity[counting.find((rule) => fits(rule, subject))!.level];
  return { least, threshold };
}

function fits({ component, agent, phase, event }: FilterRule, subject: Subject): boolean {
  if (component !== undefined && component !== subject.component) return false;
  if (agent !== undefined && (subject.agent === undefined || !matches(agent, subject.agent))) return false;
  if (phase !== undefined && phase !== subject.phase) return false;
  return event === undefined || matches(event, subject.type);
}
