import { createHash } from "node:crypto";

/** What the emulator signs a thought with: it takes back no other, as Claude does not. */
export function thoughtSignature(thinking: string): string {
  return createHash("sha256").update(`emulator ${thinking}`).digest("base64");
}
