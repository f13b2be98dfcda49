import type { ToolAnnotations, ToolPaths } from "../tools/tool.js";

/** Last words of an argument's name that say it names files. */
const PATH_WORDS = new Set(["path", "paths", "filepath", "filepaths", "file", "files", "filename", "dir", "directory", "folder", "cwd"]);
const SOURCES = new Set(["source", "src", "from", "old"]);
const TARGETS = new Set(["destination", "dest", "dst", "target", "to", "new"]);

/**
 * Arguments of a tool that name files, guessed from their names and types; a tool that does not say it only reads is taken to
 * write. Of a pair (`source` and `destination`) the first is read by a tool that copies, and taken away by any other.
 */
export function guessPaths(name: string, schema: Record<string, unknown>, annotations: ToolAnnotations): ToolPaths | undefined {
  const properties = typeof schema.properties === "object" && schema.properties !== null ? schema.properties : {};
  const texts = Object.entries(properties).filter(([, property]) => holdsText(property));
  const names = texts.map(([key]) => key);
  const sources = names.filter((key) => roleOf(key) === "source");
  const targets = names.filter((key) => roleOf(key) === "target");
  const paired = sources.length > 0 && targets.length > 0;
  const paths = names.filter((key) => isPath(key) && !(paired && roleOf(key) !== undefined));
  const all = [...paths, ...(paired ? [...sources, ...targets] : [])];
  if (all.length === 0) return undefined;
  if (annotations.readOnlyHint === true) return { reads: all };
  const verbs = words(name);
  if (verbs.some((word) => /^(delete|remove|rm|unlink)$/.test(word))) return { deletes: all };
  if (!paired) return { writes: paths };
  const copies = verbs.some((word) => /^(copy|cp|duplicate|clone)$/.test(word));
  return { ...(copies ? { reads: sources } : { deletes: sources }), writes: [...paths, ...targets] };
}

function isPath(key: string): boolean {
  const all = words(key);
  return PATH_WORDS.has(all.at(-1) ?? "") || /^(file|directory|folder) name$/.test(all.slice(-2).join(" "));
}

function roleOf(key: string): "source" | "target" | undefined {
  const [first = "", ...rest] = words(key);
  if (rest.some((word) => !PATH_WORDS.has(word))) return undefined;
  return SOURCES.has(first) ? "source" : TARGETS.has(first) ? "target" : undefined;
}

/** `filePath`, `file_path` and `file-path` are the same two words. */
function words(key: string): string[] {
  return key
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

/** A text, a list of texts, or something that does not say. */
function holdsText(property: unknown): boolean {
  if (typeof property !== "object" || property === null) return property === true;
  const { type, items, anyOf, oneOf } = property as { type?: unknown; items?: unknown; anyOf?: unknown; oneOf?: unknown };
  const types = Array.isArray(type) ? type : [type];
  const choices = [anyOf, oneOf].flatMap((list) => (Array.isArray(list) ? list : []));
  if (choices.length > 0) return choices.some(holdsText);
  if (types.includes("string") || type === undefined) return true;
  return types.includes("array") && holdsText(items ?? true);
}
