import type { ToolChoice } from "../../formatter/messages.js";
import { badRequest } from "../http-error.js";
import { isObject, type Json, typeCode } from "./body.js";
import type { ClientTool } from "./run-request.js";

/**
 * The tools of a request: as chat completions nest them, flat as in the Responses API, or with an `input_schema` as in
 * Anthropic's; functions, and custom tools that take free text.
 */
export function readTools(value: unknown): ClientTool[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw badRequest("tools", "`tools` must be a list.", "invalid_type");
  const tools = value.map((tool, i) => readTool(tool, `tools[${i}]`));
  const twice = tools.find((tool, i) => tools.findIndex(({ name }) => name === tool.name) !== i);
  if (twice !== undefined) throw badRequest("tools", `Two tools are named "${twice.name}".`);
  return tools;
}

function readTool(tool: unknown, path: string): ClientTool {
  if (!isObject(tool)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(tool));
  const { type } = tool;
  if (type === "function" || (type === undefined && "input_schema" in tool)) {
    const nested = "function" in tool;
    return functionTool(nested ? tool.function : tool, nested ? `${path}.function` : path);
  }
  if (type === "custom" && !("input_schema" in tool)) {
    const nested = "custom" in tool;
    return customTool(nested ? tool.custom : tool, nested ? `${path}.custom` : path, nested ? "custom" : "function");
  }
  if (type === "custom") return functionTool(tool, path);
  const message = `\`${path}.type\` ${JSON.stringify(type)} is not supported: give function or custom tools; the agents have their own search and code tools.`;
  throw badRequest(`${path}.type`, message, type === undefined ? "missing_required_parameter" : "unsupported_value");
}

function functionTool(tool: unknown, path: string): ClientTool {
  if (!isObject(tool)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(tool));
  const { parameters = tool.input_schema, strict } = tool;
  // Of the tools, those of the Responses API stand flat in the list, and may say null.
  if (parameters !== undefined && !isObject(parameters) && !(parameters === null && path.endsWith("]"))) {
    throw badRequest(`${path}.parameters`, `\`${path}.parameters\` must be a JSON Schema.`, "invalid_type");
  }
  if (strict !== undefined && strict !== null && typeof strict !== "boolean") {
    throw badRequest(`${path}.strict`, `\`${path}.strict\` must be a boolean.`, "invalid_type");
  }
  return { ...named(tool, path), inputSchema: { type: "object", properties: {}, ...parameters } };
}

function customTool(tool: unknown, path: string, envelope: "function" | "custom"): ClientTool {
  if (!isObject(tool)) throw badRequest(path, `\`${path}\` must be an object.`, typeCode(tool));
  const rule = grammarOf(tool.format, `${path}.format`);
  const input = { type: "string", description: `The whole input as free text${rule === "" ? "" : `, ${rule}`}.` };
  const inputSchema = { type: "object", properties: { input }, required: ["input"], additionalProperties: false };
  return { ...named(tool, path), inputSchema, freeText: envelope };
}

/** A grammar cannot be enforced on every provider, so the model is told of it. */
function grammarOf(format: unknown, path: string): string {
  if (format === undefined) return "";
  if (!isObject(format)) throw badRequest(path, `\`${path}\` must be an object.`, "invalid_type");
  if (format.type === "text") return "";
  const grammar = isObject(format.grammar) ? format.grammar : format;
  const { syntax, definition } = grammar;
  if (format.type !== "grammar" || typeof definition !== "string" || (syntax !== "lark" && syntax !== "regex")) {
    const message = `\`${path}\` must be { type: "text" } or { type: "grammar", grammar: { syntax: "lark" | "regex", definition } }.`;
    throw badRequest(path, message);
  }
  return `which must match this ${syntax === "lark" ? "Lark grammar" : "regular expression"}:\n${definition}`;
}

function named(tool: Json, path: string): { name: string; description: string } {
  const { name, description = "" } = tool;
  if (typeof name !== "string" || name === "" || name.length > 128) {
    throw badRequest(`${path}.name`, `\`${path}.name\` must be a text of 1 to 128 characters.`, typeCode(name));
  }
  if (typeof description !== "string" && !(description === null && path.endsWith("]"))) {
    throw badRequest(`${path}.description`, `\`${path}.description\` must be a string.`, "invalid_type");
  }
  return { name, description: description ?? "" };
}

/** The choice, and the tools it leaves. */
export function readToolChoice(value: unknown, tools: ClientTool[]): { tools: ClientTool[]; toolChoice: ToolChoice | undefined } {
  if (value === undefined) return { tools, toolChoice: undefined };
  if (value === "auto" || value === "none" || value === "required") {
    if (value === "required" && tools.length === 0)
      throw badRequest("tool_choice", '`tool_choice` is "required", but there are no `tools`.');
    return { tools, toolChoice: value };
  }
  if (!isObject(value)) throw badRequest("tool_choice", '`tool_choice` must be "none", "auto", "required" or an object.');
  if (value.type === "any" || value.type === "auto" || value.type === "none") {
    // Anthropic's words
    const other = Object.keys(value).find((key) => key !== "type" && key !== "disable_parallel_tool_use");
    if (other !== undefined) throw badRequest(`tool_choice.${other}`, `Unknown field \`tool_choice.${other}\`.`, "unknown_parameter");
    return readToolChoice(value.type === "any" ? "required" : value.type, tools);
  }
  if (value.type === "allowed_tools") {
    const { mode, tools: allowed } = isObject(value.allowed_tools) ? value.allowed_tools : value;
    if ((mode !== "auto" && mode !== "required") || !Array.isArray(allowed)) {
      throw badRequest("tool_choice.allowed_tools", '`tool_choice.allowed_tools` must be { mode: "auto" | "required", tools: […] }.');
    }
    const names = allowed.map((tool, i) => chosenName(tool, tools, `tool_choice.allowed_tools.tools[${i}]`));
    return { tools: tools.filter(({ name }) => names.includes(name)), toolChoice: mode };
  }
  return { tools, toolChoice: { toolName: chosenName(value, tools, "tool_choice") } };
}

function chosenName(value: unknown, tools: ClientTool[], path: string): string {
  const { type, ...rest } = isObject(value) ? value : {};
  // Nested under its type in chat completions, flat in Responses and, as a "tool", in Anthropic's words.
  const nested = type === "function" || type === "custom" ? rest[type] : undefined;
  const { name } = isObject(nested) ? nested : rest;
  if ((type !== "function" && type !== "custom" && type !== "tool") || typeof name !== "string") {
    throw badRequest(path, `\`${path}\` must name a tool: { type: "function", function: { name } }.`);
  }
  if (!tools.some((tool) => tool.name === name)) throw badRequest(path, `\`${path}\` names "${name}", which is not among the \`tools\`.`);
  return name;
}
