import { nearest } from "../nearest-key.js";
import type { Tool, ToolAnnotations, ToolPaths } from "../tools/tool.js";
import type { ServerSpec } from "./config.js";
import { headerFault } from "./header-params.js";
import { fullNames } from "./names.js";
import { guessPaths } from "./paths.js";

/** A description that is longer is cut: it would be sent with every request. */
const MAX_DESCRIPTION = 8_192;
/** A schema that is longer, in characters of JSON, is not offered. */
const MAX_SCHEMA = 65_536;
const MAX_DEPTH = 100;
const MAX_NAME = 256;

/** A tool of a server as agents are offered it. */
export interface ListedTool {
  /** As the server knows it. */
  name: string;
  /** As models know it, with all there is to know before it is called. */
  tool: Omit<Tool, "execute">;
}

export interface Listing {
  /** By the name models know. */
  tools: ReadonlyMap<string, ListedTool>;
  /** What is wrong with the list or the filters, each to go on after the server's name. */
  problems: readonly string[];
}

/** The tools as a server describes them, not yet checked. */
export interface RawList {
  tools: readonly unknown[];
  /** There are more than are ever read. */
  more: boolean;
}

interface SchemaChecker {
  validateSchema(schema: object): unknown;
  errorsText(errors: undefined, options: { dataVar: string }): string;
}
let checker: SchemaChecker | undefined;

/**
 * Checks what a server lists, applies its filters, and names the tools. One bad tool costs that tool alone. `headers`: arguments
 * may go into HTTP headers, as in the newest protocol.
 */
export async function readListing(raw: RawList, spec: ServerSpec, headers: boolean): Promise<Listing> {
  const { Ajv } = await import("@modelcontextprotocol/client/validators/ajv");
  checker ??= new Ajv({ strict: false });
  const dropped: string[] = [];
  const problems: string[] = [];
  const usable = new Map<string, RawTool>();
  for (const [index, value] of raw.tools.entries()) {
    const read = readTool(value, index, checker);
    const fault = typeof read === "string" || !headers ? undefined : headerFault(read.inputSchema);
    if (typeof read === "string") dropped.push(read);
    else if (fault !== undefined) dropped.push(`${show(read.name)} ${fault}`);
    else if (usable.has(read.name)) dropped.push(`${show(read.name)} is listed twice; the first is used`);
    else usable.set(read.name, read);
  }
  if (raw.more) {
    const count = raw.tools.length;
    problems.push(`lists more than ${count} tools, or pages without end: what comes after these ${count} is not read`);
  }
  const names = fullNames(spec.segment, [...usable.keys()]);
  problems.push(...unknownNames(spec, names));
  const matches = (list: readonly string[], name: string) => list.includes(name) || list.includes(names.get(name)!);
  const chosen = [...usable.values()].filter(
    ({ name }) => (spec.allowedTools === undefined || matches(spec.allowedTools, name)) && !matches(spec.excludeTools, name),
  );
  if (chosen.length > spec.maxTools) {
    problems.push(
      `lists ${chosen.length} tools; the first ${spec.maxTools} are offered. Choose with \`allowedTools\`, or raise \`maxTools\``,
    );
  }
  const tools = new Map<string, ListedTool>();
  for (const tool of chosen.slice(0, spec.maxTools)) {
    if (tool.description.length > MAX_DESCRIPTION)
      dropped.push(`the description of ${show(tool.name)} is cut to ${MAX_DESCRIPTION} characters`);
    tools.set(names.get(tool.name)!, { name: tool.name, tool: offered(tool, names.get(tool.name)!, spec) });
  }
  if (dropped.length > 0) {
    const more = dropped.length > 5 ? ` (and ${dropped.length - 5} more)` : "";
    problems.push(`lists tools that break the rules: ${dropped.slice(0, 5).join("; ")}${more}`);
  }
  return { tools, problems };
}

interface RawTool {
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
  annotations: ToolAnnotations;
}

/** The tool, or why it cannot be offered. */
function readTool(value: unknown, index: number, ajv: SchemaChecker): RawTool | string {
  if (!isObject(value)) return `tool ${index + 1} is no object`;
  const { name, description, title, inputSchema, annotations } = value;
  if (typeof name !== "string" || name === "") return `tool ${index + 1} has no name`;
  if (name.length > MAX_NAME) return `${show(name)} has a name of ${name.length} characters`;
  const problem = schemaProblem(inputSchema, ajv);
  if (problem !== undefined) return `${show(name)} ${problem}`;
  const { $schema: _, ...schema } = inputSchema as Record<string, unknown>; // says nothing to a model, and some APIs refuse it
  return {
    name,
    description: [description, title].find((text): text is string => typeof text === "string" && text !== "") ?? "",
    inputSchema: { ...schema, type: "object", ...(!isObject(schema.properties) && { properties: {} }) },
    annotations: readAnnotations(annotations, title),
  };
}

/** A provider refuses a whole request for one schema that is none. */
function schemaProblem(schema: unknown, ajv: SchemaChecker): string | undefined {
  if (!isObject(schema)) return "has no input schema";
  if (schema.type !== undefined && schema.type !== "object") return `takes ${JSON.stringify(schema.type)?.slice(0, 40)}, not an object`;
  const within = problemWithin(schema);
  if (within !== undefined) return `has an input schema that ${within}`;
  const size = JSON.stringify(schema).length;
  if (size > MAX_SCHEMA) return `has an input schema of ${size} characters`;
  const { $schema: _, $id: __, ...plain } = schema;
  return ajv.validateSchema(plain) === true
    ? undefined
    : `has an input schema that is not JSON Schema (${ajv.errorsText(undefined, { dataVar: "schema" }).slice(0, 200)})`;
}

function problemWithin(value: unknown, depth = 0): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (depth > MAX_DEPTH) return "is nested too deeply";
  for (const [key, inner] of Object.entries(value)) {
    if (key === "$ref" && typeof inner === "string" && !inner.startsWith("#")) return `refers to ${show(inner)}`;
    const problem = problemWithin(inner, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function readAnnotations(value: unknown, title: unknown): ToolAnnotations {
  const given = isObject(value) ? value : {};
  const annotations: ToolAnnotations = {};
  const name = typeof given.title === "string" ? given.title : title;
  if (typeof name === "string") annotations.title = name.slice(0, MAX_NAME);
  for (const hint of ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] as const) {
    if (typeof given[hint] === "boolean") annotations[hint] = given[hint];
  }
  return annotations;
}

function offered({ name, description, inputSchema, annotations }: RawTool, fullName: string, spec: ServerSpec): ListedTool["tool"] {
  const paths = pathsOf(name, fullName, inputSchema, annotations, spec);
  const long = description.length > MAX_DESCRIPTION;
  return {
    name: fullName,
    description: long ? `${description.slice(0, MAX_DESCRIPTION)}… (cut)` : description,
    inputSchema,
    annotations,
    effects: annotations.readOnlyHint === true ? "none" : "outside",
    ...(paths !== undefined && { paths }),
    ...(spec.resetTimeoutOnProgress
      ? { timeoutMs: Number.POSITIVE_INFINITY } // the call keeps its own
      : spec.timeoutMs !== undefined && { timeoutMs: spec.timeoutMs }),
  };
}

function pathsOf(
  name: string,
  fullName: string,
  schema: Record<string, unknown>,
  annotations: ToolAnnotations,
  { paths, address }: ServerSpec,
): ToolPaths | undefined {
  if (paths === false) return undefined;
  const given = paths[name] ?? paths[fullName];
  if (given !== undefined) return given === false ? undefined : given;
  return address.type === "stdio" ? guessPaths(name, schema, annotations) : undefined;
}

/** Names in the filters and in `paths` that no tool has. */
function unknownNames(spec: ServerSpec, names: ReadonlyMap<string, string>): string[] {
  const known = new Set([...names.keys(), ...names.values()]);
  const asked = {
    allowedTools: spec.allowedTools ?? [],
    excludeTools: spec.excludeTools,
    paths: spec.paths === false ? [] : Object.keys(spec.paths),
  };
  return Object.entries(asked).flatMap(([key, list]) =>
    list
      .filter((name) => !known.has(name))
      .map((name) => {
        const near = nearest(name, known);
        return `has no tool ${show(name)}, which \`${key}\` names${near === undefined ? "" : `; did you mean "${near}"?`}`;
      }),
  );
}

function show(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
