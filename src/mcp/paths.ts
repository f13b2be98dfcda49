import type { ToolAnnotations, ToolPaths } from "../tools/tool.js";

/** Last words of an argument's name that say it names files. */
const PATH_WORDS = new Set(
  (
    "path paths pathname filepath filepaths file files filename filenames dir dirs dirname directory directories folder folders cwd workdir " +
    "uri uris url urls href"
  ) // of these `file:` URIs alone are checked
    .split(" "),
);
const SOURCES = new Set(["source", "src", "from", "old"]);
const TARGETS = new Set(["destination", "dest", "dst", "target", "to", "new"]);
/** Of objects in objects; a schema may refer to itself. */
const MAX_DEPTH = 6;
const MAX_ARGUMENTS = 2_000;

/** An argument that holds texts: `files.path` is the `path` within `files`. */
interface Argument {
  name: string;
  /** The last part of its name. */
  key: string;
  /** What the argument lies in. */
  within: string;
}

/**
 * Arguments of a tool that name files, guessed from their names and types; a tool that does not say it only reads is taken to
 * write. Of a pair (`source` and `destination`) the first is read by a tool that copies, and taken away by any other.
 */
export function guessPaths(name: string, schema: Record<string, unknown>, annotations: ToolAnnotations): ToolPaths | undefined {
  const texts = textsOf(schema);
  const sources = texts.filter((text) => roleOf(text.key) === "source");
  const targets = texts.filter((text) => roleOf(text.key) === "target");
  const paired = ({ key, within }: Argument) => {
    const role = roleOf(key);
    const others = role === "source" ? targets : sources;
    return role !== undefined && others.some((other) => other.within === within);
  };
  const namesOf = (some: Argument[]) => some.map((text) => text.name);
  const paths = namesOf(texts.filter((text) => isPath(text.key) && !paired(text)));
  const from = namesOf(sources.filter(paired));
  const to = namesOf(targets.filter(paired));
  const all = [...paths, ...from, ...to];
  if (all.length === 0) return undefined;
  if (annotations.readOnlyHint === true) return { reads: all };
  const verbs = words(name);
  if (verbs.some((word) => /^(delete|remove|rm|unlink)$/.test(word))) return { deletes: all };
  if (from.length === 0) return { writes: paths };
  const copies = verbs.some((word) => /^(copy|cp|duplicate|clone)$/.test(word));
  return { ...(copies ? { reads: from } : { deletes: from }), writes: [...paths, ...to] };
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

/** Everything in the schema that may hold a text or a list of texts, also within objects and lists of them. */
function textsOf(root: Record<string, unknown>): Argument[] {
  const found = new Map<string, Argument>();
  let looked = 0;
  look(root, "", 0);
  return [...found.values()];

  function look(schema: unknown, within: string, depth: number): void {
    for (const form of formsOf(schema, root)) {
      const { properties } = form;
      if (typeof properties !== "object" || properties === null || depth === MAX_DEPTH) continue;
      for (const [key, property] of Object.entries(properties)) {
        if (++looked > MAX_ARGUMENTS) return;
        const name = within === "" ? key : `${within}.${key}`;
        if (formsOf(property, root).some(holdsText)) found.set(name, { name, key, within });
        look(property, name, depth + 1);
      }
    }
  }
}

/** A schema and all it may stand for: choices, parts, what it refers to, the items of a list. */
function formsOf(schema: unknown, root: Record<string, unknown>, seen = new Set<unknown>()): Record<string, unknown>[] {
  if (schema === true) return [{}];
  if (typeof schema !== "object" || schema === null || seen.has(schema)) return [];
  seen.add(schema);
  const form = schema as Record<string, unknown>;
  const inner = [form.anyOf, form.oneOf, form.allOf, form.prefixItems, form.items].flat();
  if (typeof form.$ref === "string") inner.push(referred(form.$ref, root));
  const more = inner.filter((each) => each !== undefined);
  return [form, ...more.flatMap((each) => formsOf(each, root, seen))];
}

function referred(ref: string, root: Record<string, unknown>): unknown {
  const names = ref
    .replace(/^#\/?/, "")
    .split("/")
    .filter((name) => name !== "");
  return names
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((at, name) => (typeof at === "object" && at !== null ? (at as Record<string, unknown>)[name] : undefined), root);
}

const FORMS = ["anyOf", "oneOf", "allOf", "$ref", "items", "prefixItems", "properties"];

/** A text, or something that does not say what it is. */
function holdsText({ type, ...rest }: Record<string, unknown>): boolean {
  const types = Array.isArray(type) ? type : [type];
  if (types.includes("string")) return true;
  if (types.includes("array")) return rest.items === undefined && rest.prefixItems === undefined;
  return type === undefined && !FORMS.some((key) => key in rest);
}
