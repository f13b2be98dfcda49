import { createHash } from "node:crypto";

/** What providers take as the name of a tool. */
const MAX_LENGTH = 64;

/**
 * A server's part of its tools' names. It holds no two underscores in a row and none at its ends, so that a full name says where
 * the server ends.
 */
export function serverSegment(name: string): string {
  return name
    .replace(/[^A-Za-z0-9_-]/g, "_")
    .replace(/_+/g, "_")
    .replace(/^_|_$/g, "");
}

/**
 * Gives the tools of one server their full names, `mcp__server__tool`: unique, at most 64 characters, and the same each time the
 * server lists the same tools. What would be cut, or taken twice once its characters are replaced, ends in a hash of its own name.
 */
export function fullNames(segment: string, tools: readonly string[]): Map<string, string> {
  const prefix = `mcp__${segment}__`;
  const plain = (tool: string) => prefix + tool.replace(/[^A-Za-z0-9_-]/g, "_");
  const count = new Map<string, number>();
  for (const tool of new Set(tools)) count.set(plain(tool), (count.get(plain(tool)) ?? 0) + 1);
  const names = new Map<string, string>();
  for (const tool of tools) {
    const name = plain(tool);
    const own = name.length <= MAX_LENGTH && (count.get(name) === 1 || name === prefix + tool);
    names.set(tool, own ? name : hashed(name, tool));
  }
  return names;
}

function hashed(name: string, tool: string): string {
  const suffix = `_${createHash("sha256").update(tool).digest("hex").slice(0, 8)}`;
  return name.slice(0, MAX_LENGTH - suffix.length) + suffix;
}
