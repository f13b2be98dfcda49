import type { Path, Problem } from "./problems.js";

export type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$(\$\{)|\$\{([^}]*)\}/g;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in every text of a value; `$${` stands for `${`. An `api_key` whose variable is
 * unset is left out, for the backend finds the key itself or needs none; any other unset variable is a problem.
 */
export function expandVariables(value: unknown, env: Environment, problems: Problem[], path: Path = []): unknown {
  if (typeof value === "string") {
    const expanded = expand(value, env);
    if (expanded.problem !== undefined) problems.push({ path, message: expanded.problem });
    return expanded.text;
  }
  if (Array.isArray(value)) return value.map((item, index) => expandVariables(item, env, problems, [...path, index]));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    if (key === "api_key" && typeof inner === "string" && inner.includes("${")) {
      const { text, problem, unset } = expand(inner, env);
      if (unset || text === "") return [];
      if (problem === undefined) return [[key, text]];
    }
    return [[key, expandVariables(inner, env, problems, [...path, key])]];
  });
  return Object.fromEntries(entries);
}

function expand(text: string, env: Environment): { text: string; problem?: string; unset: boolean } {
  let problem: string | undefined;
  let unset = false;
  const expanded = text.replace(REFERENCE, (whole, escaped: string | undefined, inside: string | undefined) => {
    if (escaped !== undefined || inside === undefined) return "${";
    const [, name, fallback] = /^([A-Za-z_]\w*)(?::-([\s\S]*))?$/.exec(inside) ?? [];
    if (name === undefined) {
      problem ??= `has ${whole}, which is not \${NAME} or \${NAME:-default}. Write $\${ for a plain \${`;
      return whole;
    }
    const value = env[name];
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) {
      unset = true;
      problem ??= `needs the environment variable ${name}, which is not set. Set it, or give a default: \${${name}:-…}`;
    }
    return value ?? "";
  });
  return { text: expanded, unset, ...(problem !== undefined && { problem }) };
}
