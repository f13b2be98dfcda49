import { type Document, isAlias, isMap, isNode, isSeq, type LineCounter } from "yaml";
import { ConfigError } from "../errors.js";

export type Path = readonly (string | number)[];

/** One thing that is wrong with a file. */
export interface Problem {
  path: Path;
  /** Follows the path: "must be a number, not …". */
  message: string;
  /** Offset in the text, where it is not that of the path. */
  offset?: number;
}

/** `agents[1].backend.model` */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`), "");
}

/** All problems of a text, in its order, as one `ConfigError` with the code `invalid_config`. */
export function configError(problems: readonly Problem[], name: string, document: Document, lines: LineCounter): ConfigError {
  const placed = problems
    .map((problem) => ({ ...problem, offset: problem.offset ?? offsetOf(document, problem.path) }))
    .sort((a, b) => a.offset - b.offset);
  const list = placed.map(({ path, message, offset }) => {
    const { line, col } = lines.linePos(offset);
    const at = pathText(path);
    return `  ${line}:${col}  ${at === "" ? message : `${at} ${message}`}${/[.?!]$/.test(message) ? "" : "."}`;
  });
  const heading = placed.length === 1 ? `${name} cannot be used:` : `${name} cannot be used, for ${placed.length} reasons:`;
  return new ConfigError("invalid_config", [heading, ...list].join("\n"), { path: pathText(placed[0]?.path ?? []) });
}

/** Where a path is written: at its key, at its list item, or at the last part of it that is there. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => (isNode(item.key) ? item.key.toJSON() : item.key) === key);
      if (pair === undefined) break;
      offset = startOf(pair.key, offset);
      node = pair.value;
    } else if (isSeq(node) && typeof key === "number") {
      node = node.items[key];
      offset = startOf(node, offset);
    } else break;
  }
  return offset;
}

function startOf(node: unknown, otherwise = 0): number {
  return (isNode(node) ? node.range?.[0] : undefined) ?? otherwise;
}
