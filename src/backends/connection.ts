import { ConfigError } from "../errors.js";

/** Whether a host is this machine or one on a private network. */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (host.includes(":")) return host === "::1" || /^f[cd]|^fe[89ab]/.test(host);
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return /^(127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.|^0\.0\.0\.0$/.test(host);
  return !host.includes(".") || /\.(localhost|local|lan|internal|home\.arpa)$/.test(host);
}

/**
 * A base URL as clients want it: with a scheme, without a trailing slash or a pasted `/chat/completions`, and with `privatePath`
 * where a private host is named without a path.
 */
export function normalizeBaseUrl(given: string, path = "baseUrl", privatePath = "/v1"): string {
  const text = given.trim();
  // A password or a key may stand in it.
  const shown = given.replace(/\/\/[^/?#]*@/, "//…@").replace(/([?#]).*/s, "$1…");
  const fail = (why: string) => new ConfigError("invalid_base_url", `"${shown}" is not a base URL: ${why}.`, { path });
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`);
    if (!text.includes("://") && !isPrivateHost(url.hostname)) url = new URL(`https://${text}`);
  } catch {
    throw fail('write it like "http://localhost:8000/v1"');
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") throw fail("it must begin with http:// or https://");
  if (url.username || url.password) throw fail("put the user and password into `apiKey` or `headers`");
  if (url.search || url.hash) throw fail("it must end with its path");
  const bare = url.pathname.replace(/\/+$/, "").replace(/\/chat\/completions$/, "");
  return `${url.origin}${bare === "" && isPrivateHost(url.hostname) ? privatePath : bare}`;
}
