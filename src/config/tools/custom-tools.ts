import { pathToFileURL } from "node:url";
import { MassGenError } from "../../errors.js";
import { RESERVED_TOOL_NAMES, type Tool } from "../../tools/tool.js";
import type { Toolkit } from "../../tools/toolkit.js";
import type { Path, Problem } from "../problems.js";
import { pathFrom } from "./paths.js";

export interface CustomToolEntry {
  path: string;
  function?: string | string[] | undefined;
}

/** Tools from modules: what `tool()` made, exported. The modules are loaded when a run first needs them. */
export function customTools(entries: readonly CustomToolEntry[], folder: string): Toolkit {
  return {
    name: "custom-tools",
    async open() {
      const tools = (await Promise.all(entries.map((entry) => load(entry, folder)))).flat();
      return { tools: () => tools, close: async () => {} };
    },
  };
}

async function load({ path, function: wanted }: CustomToolEntry, folder: string): Promise<Tool[]> {
  const file = pathFrom(folder, path);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MassGenError("custom_tools_unreadable", `custom_tools: "${file}" cannot be loaded: ${why}`, { cause });
  }
  const exported = Object.entries(module)
    .filter((each): each is [string, Tool] => isTool(each[1]))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (exported.length === 0) {
    throw new MassGenError(
      "custom_tools_missing",
      `custom_tools: "${file}" exports no tool. Export what \`tool({ name, execute, … })\` of massgen gives.`,
    );
  }
  if (wanted === undefined) return [...new Set(exported.map(([, tool]) => tool))];
  return [wanted].flat().map((name) => {
    const [, tool] = exported.find(([key]) => key === name) ?? exported.find(([, { name: own }]) => own === name) ?? [];
    if (tool !== undefined) return tool;
    const there = exported.map(([key]) => key).join(", ");
    throw new MassGenError("custom_tools_missing", `custom_tools: "${file}" exports no tool "${name}". It has ${there}.`);
  });
}

function isTool(value: unknown): value is Tool {
  if (typeof value !== "object" || value === null) return false;
  const { name, description, inputSchema, execute } = value as Partial<Tool>;
  const named = typeof name === "string" && !RESERVED_TOOL_NAMES.includes(name);
  return named && typeof description === "string" && typeof inputSchema === "object" && typeof execute === "function";
}

export function customToolProblems(entries: readonly CustomToolEntry[], path: Path): Problem[] {
  return entries.flatMap(({ path: file }, index) => {
    if (!/\.py$|^[\w.]+$/.test(file) || /\.[cm]?[jt]s$/.test(file)) return [];
    const message = `"${file}" is no JavaScript module. MassGen's tools in Python cannot be loaded: write them with \`tool()\` in a module (.js, .ts) and name its path, or serve them over MCP (\`mcp_servers\`)`;
    return [{ path: [...path, index, "path"], message }];
  });
}
