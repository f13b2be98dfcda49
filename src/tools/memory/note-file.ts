import { parse } from "yaml";

export const tiers = ["short_term", "long_term"] as const;
/** `short_term`: shown to the agent when a turn starts. `long_term`: named there, and read with a tool. */
export type Tier = (typeof tiers)[number];

export interface Note {
  name: string;
  tier: Tier;
  /** One line. */
  description: string;
  content: string;
}

export const maxDescriptionLength = 200;

const FRONT_MATTER = /^---\r?\n([\s\S]*?)\r?\n---\r?\n/;

/** Markdown with front matter, as MassGen's memory files are. */
export function noteText({ name, tier, description, content }: Note): string {
  const head = Object.entries({ name, description, tier }).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return ["---", ...head, "---", content].join("\n");
}

/** Reads a file that lies in the folder of `tier`; where it has no front matter, its first line describes it. */
export function parseNote(name: string, tier: Tier, text: string): Note {
  const [all, head] = FRONT_MATTER.exec(text) ?? [];
  const described = head === undefined ? undefined : descriptionOf(head);
  if (all === undefined || described === undefined) return { name, tier, description: firstLine(text), content: text };
  return { name, tier, description: described, content: text.slice(all.length) };
}

/** `undefined`: this is no front matter. */
function descriptionOf(head: string): string | undefined {
  try {
    const data: unknown = parse(head, { maxAliasCount: 0, logLevel: "silent" });
    if (typeof data !== "object" || data === null || Array.isArray(data)) return undefined;
    const { description } = data as { description?: unknown };
    return oneLine(typeof description === "string" ? description : "");
  } catch {
    return undefined; // a text that begins with a line of dashes
  }
}

const firstLine = (text: string) => oneLine(/[^\s#>*-].*/.exec(text.slice(0, 2_000))?.[0] ?? "");

/** Without line breaks and control characters, cut with "…" where it is long. */
export function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  return line.length > maxDescriptionLength ? `${line.slice(0, maxDescriptionLength - 1)}…` : line;
}
