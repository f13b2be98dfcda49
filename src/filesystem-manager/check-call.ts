import { fileURLToPath, pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { MassGenError } from "../errors.js";
import type { Tool } from "../tools/tool.js";
import type { FileAccess } from "./access.js";
import { contains, denied, type PathUse, resolveEntry, resolvePath } from "./check-path.js";

/**
 * Checks the arguments of somebody else's tool that it declares to be paths, and returns the arguments with those paths real and
 * absolute: the tool may work in another directory than the workspace, and must not follow a link anew.
 * @throws MassGenError `path_denied`, `bad_path`, `invalid_tool_input`
 */
export async function checkCall(tool: Tool, input: unknown, access: FileAccess): Promise<{ input: unknown } | undefined> {
  if (tool.paths === undefined) return undefined;
  const { reads = [], writes = [], deletes = [] } = tool.paths;
  const declared = [...reads, ...writes, ...deletes];
  const uses: [PathUse, readonly string[]][] = [
    ["read", reads],
    ["write", writes],
    ["delete", deletes],
  ];
  let checked = input;
  for (const [use, names] of uses) {
    for (const name of names) {
      const nested = declared.some((other) => other.startsWith(`${name}.`));
      checked = await replaced(checked, name.split("."), { name, access, use, declared, nested });
    }
  }
  return isDeepStrictEqual(checked, input) ? undefined : { input: checked };
}

interface Argument {
  /** As declared: `files.path` is the `path` of `files`, or of each of them. */
  name: string;
  access: FileAccess;
  use: PathUse;
  declared: readonly string[];
  /** Something within it is declared, too. */
  nested: boolean;
}

/** The value with what the rest of a name leads to checked and replaced. Lists are gone through. */
async function replaced(value: unknown, rest: readonly string[], argument: Argument): Promise<unknown> {
  if (value === undefined || value === null) return value;
  if (Array.isArray(value)) return Promise.all(value.map((each) => replaced(each, rest, argument)));
  if (rest.length === 0) return typeof value === "object" && argument.nested ? value : checkedPath(value, argument);
  if (typeof value !== "object") return unreadable(value, rest, argument);
  const copy: Record<string, unknown> = { ...value };
  // A name may have dots of its own.
  for (let length = 1; length <= rest.length; length++) {
    const key = rest.slice(0, length).join(".");
    if (Object.hasOwn(copy, key)) copy[key] = await replaced(copy[key], rest.slice(length), argument);
  }
  return copy;
}

/** A text where an object belongs might be read as JSON by the tool, past this check. */
function unreadable(value: unknown, rest: readonly string[], { name, declared }: Argument): unknown {
  const outer = name.split(".").slice(0, -rest.length).join(".");
  if (typeof value !== "string" || declared.includes(outer)) return value;
  const what = outer === "" ? "The arguments" : `"${outer}"`;
  throw new MassGenError("invalid_tool_input", `${what} must be an object or a list of objects, not a text. Correct it and call again.`);
}

const URI_NAME = /(uri|url|href)s?$/i;
const SCHEME = /^\s*[a-z][a-z\d+.-]*:/i;
const FILE_SCHEME = /^\s*file:/i;
/** `view-source:file:` and the like. */
const WRAPPED_FILE = /^\s*(?:[a-z][a-z\d+.-]*:)+file:/i;

async function checkedPath(value: unknown, { name, access, use }: Argument): Promise<unknown> {
  if (!URI_NAME.test(name) || typeof value !== "string") return realPath(access, value, use);
  if (WRAPPED_FILE.test(value)) throw denied(access, value, use, "it is the URI of a file within another");
  if (FILE_SCHEME.test(value)) return pathToFileURL(await realPath(access, pathOfUri(value), use)).href;
  // Of something elsewhere, unless it is written like a path.
  return SCHEME.test(value) || !/^\s*[/\\.~]/.test(value) ? value : realPath(access, value, use);
}

function pathOfUri(uri: string): string {
  try {
    return fileURLToPath(uri.trim());
  } catch (cause) {
    throw new MassGenError("bad_path", `The URI "${uri}" names no file on this machine. Use file:///, or a plain path.`, { cause });
  }
}

async function realPath(access: FileAccess, path: unknown, use: PathUse): Promise<string> {
  const { path: real, shown } = await resolvePath(access, path, use);
  if (access.hiddenPaths?.some((hidden) => contains(real, hidden))) {
    const why = "the directories of runs, which are kept from you, lie in it, and this tool might look there too";
    throw denied(access, shown, use, `${why}. Name a directory or file further down`);
  }
  if (use === "read") return real;
  // Who writes or deletes may mean a link itself.
  const entry = await resolveEntry(access, path, use);
  return use === "delete" ? entry.path : real;
}
