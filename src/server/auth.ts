import { createHash, timingSafeEqual } from "node:crypto";
import { HttpError } from "./http-error.js";

/** Checks the key of a request; returns a name for its holder that tells nothing of the key, `""` where none is asked for. */
export type Authenticate = (headers: Headers) => string;

export function authenticator(keys: readonly string[]): Authenticate {
  const digests = keys.map(digest);
  if (digests.length === 0) return () => "";
  return (headers) => {
    const given = bearer(headers.get("authorization")) ?? headers.get("x-api-key") ?? undefined;
    if (given === undefined) {
      throw new HttpError(401, "This server asks for an API key: send it as `Authorization: Bearer <key>`.", { code: "missing_api_key" });
    }
    // Digests are of one length, and all are compared: the time tells neither which key came close nor how close.
    const hash = digest(given);
    let known = false;
    for (const each of digests) if (timingSafeEqual(each, hash)) known = true;
    if (!known) throw new HttpError(401, "The API key is not one of this server's.", { code: "invalid_api_key" });
    return hash.toString("hex").slice(0, 16);
  };
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

function bearer(header: string | null): string | undefined {
  return header === null ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1];
}

/**
 * Any page that a browser on this machine shows could call a server without keys: requests of pages from elsewhere are
 * refused, unless their origin is one that may call. Programs send no `Origin`, or one of a scheme of their own.
 */
export function refuseForeignPages(headers: Headers, allowed: readonly string[]): void {
  const origin = headers.get("origin");
  if (origin === null || allowed.includes("*") || allowed.includes(origin)) return;
  if (/^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(origin) || !/^(https?:|null$)/i.test(origin)) return;
  const message = `Pages from ${origin} may not call this server: it asks for no API key. Allow the origin (\`corsOrigins\`), or ask for a key.`;
  throw new HttpError(403, message, { code: "origin_not_allowed" });
}
