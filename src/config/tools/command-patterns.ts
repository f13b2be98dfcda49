/**
 * A pattern of MassGen's, a regular expression that the beginning of a command must match, as a pattern of words in which `*` stands
 * for anything. What follows the words is free, as it is there. `undefined`: it says more than words can.
 */
export function wordPattern(expression: string): string | undefined {
  const isWhole = /(^|[^\\])\$$/.test(expression);
  const words = expression
    .replace(/^\^/, "")
    .replace(/\$$/, isWhole ? "" : "$")
    .replace(/\\s[+*]?| [+*](?= |$)/g, " ")
    .replace(/\\b/g, "")
    .replace(/\.\*/g, "*")
    .replace(/\\([-./])/g, "$1")
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0 || words.some((word) => /[\\^$()[\]{}|+?]/.test(word))) return undefined;
  return [...words, ...(isWhole || words.at(-1) === "*" ? [] : ["*"])].join(" ");
}
