import { basename, extname } from "node:path";
import type { FilePart, Message, UserPart } from "../formatter/messages.js";

/** The messages with the parts at the end of the first that is the user's. */
export function attach(messages: readonly Message[], parts: readonly FilePart[]): Message[] {
  if (parts.length === 0) return [...messages];
  const first = messages.findIndex((message) => message.role === "user");
  if (first < 0) return [{ role: "user", content: [...parts] }, ...messages];
  return messages.map((message, i) => {
    if (i !== first || message.role !== "user") return message;
    const content: UserPart[] = typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;
    return { role: "user", content: [...content, ...parts] };
  });
}

export function isUrl(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

export function nameOf(path: string): string {
  return basename(isUrl(path) ? new URL(path).pathname : path);
}

export function extensionOf(path: string): string {
  return extname(nameOf(path)).toLowerCase();
}
