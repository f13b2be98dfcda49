import type { z } from "zod";
import type { Path, Problem } from "../problems.js";
import { backendSchema } from "../schema.js";
import { customToolProblems } from "./custom-tools.js";
import { mcpServersProblems } from "./mcp-servers.js";
import { type PlacedBackend, workspaceProblems } from "./workspaces.js";

/** What is wrong with the keys about tools, beyond their shapes; `shapeProblems` tells an issue of a schema in the file's words. */
export function toolProblems(data: Record<string, unknown>, shapeProblems: (issue: z.core.$ZodIssue) => Problem[]): Problem[] {
  const backends = backendsOf(data);
  const orchestrator = (data.orchestrator ?? {}) as Record<string, unknown>;
  return [
    ...mcpServersProblems(data.mcp_servers, ["mcp_servers"], shapeProblems),
    ...backends.flatMap(({ entry, path }) => [
      ...mcpServersProblems(entry.mcp_servers, [...path, "mcp_servers"], shapeProblems),
      ...customToolProblems(entry.custom_tools ?? [], [...path, "custom_tools"]),
      ...filterProblems({ entry, path }),
      ...nameProblems(entry.mcp_servers, data.mcp_servers, [...path, "mcp_servers"]),
    ]),
    ...workspaceProblems(backends, orchestrator),
  ];
}

/** The backends that are sound in themselves. */
function backendsOf(data: Record<string, unknown>): PlacedBackend[] {
  const places: [Path, unknown][] = Array.isArray(data.agents)
    ? data.agents.map((agent, index) => [["agents", index, "backend"], agent?.backend])
    : [[["agent", "backend"], (data.agent as { backend?: unknown } | undefined | null)?.backend]];
  return places.flatMap(([path, given]) => {
    const { success, data: entry } = backendSchema.safeParse(given);
    return success ? [{ entry, path }] : [];
  });
}

/** An agent's tools are told apart by their server's name. */
function nameProblems(own: unknown, shared: unknown, path: Path): Problem[] {
  const taken = serverNames(shared).map(({ name }) => name);
  return serverNames(own).flatMap(({ name, key }) => {
    const message = `is "${name}", as a server of all agents is: their tools would have the same names. Rename one`;
    return taken.includes(name) ? [{ path: [...path, key], message }] : [];
  });
}

function serverNames(servers: unknown): { name: unknown; key: string | number }[] {
  if (typeof servers !== "object" || servers === null) return [];
  if (!Array.isArray(servers)) return Object.keys(servers).map((key) => ({ name: key, key }));
  return servers.map((server, key) => ({ name: server?.name, key })).filter(({ name }) => name !== undefined);
}

function filterProblems({ entry, path }: PlacedBackend): Problem[] {
  if (entry.mcp_servers !== undefined) return [];
  const message =
    "filters the tools of this backend's own `mcp_servers`, and it has none. For servers of all agents write it in the server's entry";
  return (["allowed_tools", "exclude_tools"] as const).flatMap((key) =>
    entry[key] === undefined ? [] : [{ path: [...path, key], message }],
  );
}
